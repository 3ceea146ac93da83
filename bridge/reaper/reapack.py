"""ReaPack's index.xml from the headers of the ReaScripts.

All scripts are one package, since they share files and ReaPack lets one package alone own a file. A header is the
block of comment lines at a script's top: `# @tag text`, with further lines of a tag indented.
`python -m bridge.reaper.reapack --url https://.../ -o index.xml` writes it. Format: ReaPack's index version 1.
Knows no REAPER folder; the same text comes out for the same scripts and date.
"""

from __future__ import annotations

import argparse
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote

from bridge.reaper.atomic import write_atomic
from bridge.reaper.errors import ReaperError
from bridge.reaper.script_files import CATEGORY, REPOSITORY, scripts_folder

PACKAGE = "acestep_bridge"
DESCRIPTION = "ACE-Step bridge: make a part of a song anew"
_TAG = re.compile(r"^#\s?@(\w+)\s*(.*)$")
_PROVIDED = re.compile(r"^(?:\[([\w\s=]+)\]\s*)?(.+)$")
_VERSION = re.compile(r"^\d+(\.\d+)*\w*$")


@dataclass(frozen=True)
class Header:
    """What a script says of itself. `provides` pairs a file name with whether it is an action."""

    script: str
    description: str
    version: str
    author: str
    about: str
    changelog: str
    provides: tuple[tuple[str, bool], ...]


def read_header(path: Path, folder: Path) -> Header:
    """A script's header. Raises ReaperError for a missing version or a provided file that is not there."""
    tags = _tags(path.read_text(encoding="utf-8"))
    version = tags.get("version", "")
    if not _VERSION.match(version):
        remedy = "Write a line such as: # @version 1.0"
        raise ReaperError("version", f"{version!r} in {path.name}", "digits and dots", remedy)
    return Header(
        script=path.name,
        description=tags.get("description", path.stem),
        version=version,
        author=tags.get("author", ""),
        about=tags.get("about", ""),
        changelog=tags.get("changelog", ""),
        provides=_provides(tags.get("provides", "[main] ."), path, folder),
    )


def index_xml(url: str, time: datetime, folder: Path | None = None) -> str:
    """The index of all entry scripts. `url` is where the scripts folder can be downloaded, e.g. a raw tag URL."""
    scripts = folder or scripts_folder()
    if not url.startswith("https://"):
        raise ReaperError("url", repr(url), "an https:// address of the scripts folder", "Give the raw URL of a tag.")
    root = ElementTree.Element("index", version="1", name=REPOSITORY)
    category = ElementTree.SubElement(root, "category", name=CATEGORY)
    headers = [read_header(path, scripts) for path in sorted(scripts.glob("*.py"))]
    _package(category, headers, url.rstrip("/"), time)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write index.xml, or print it without -o. Exit 2 for a header that cannot be used."""
    parser = argparse.ArgumentParser(description="Write ReaPack's index.xml from the scripts' headers.")
    parser.add_argument("--url", required=True, help="https address of the folder with the scripts")
    parser.add_argument("--time", help="ISO 8601 time of the release (default: now)")
    parser.add_argument("-o", "--output", type=Path, help="file to write (default: standard output)")
    given = parser.parse_args(arguments)
    try:
        time = datetime.fromisoformat(given.time) if given.time else datetime.now(UTC)
        text = index_xml(given.url, time)
    except ValueError as error:  # ReaperError is one
        sys.stderr.write(f"{error}\n")
        return 2
    if given.output:
        write_atomic(given.output, text.encode())
    else:
        sys.stdout.write(text)
    return 0


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        found = _TAG.match(line)
        if found:
            current = found[1]
            tags[current] = found[2].strip()
        elif current:
            tags[current] = f"{tags[current]}\n{line.lstrip('#').strip()}".strip()
    return tags


def _provides(text: str, path: Path, folder: Path) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        parts = _PROVIDED.match(line)
        options, pattern = (parts[1] or "", parts[2]) if parts else ("", line)
        name = path.name if pattern == "." else pattern
        names = [p for p in _all_files(folder) if fnmatch(p, name) and p.count("/") == name.count("/")]
        if not names:
            remedy = "Correct the @provides line, or add the file."
            raise ReaperError("provides", f"{pattern!r} in {path.name}", "a file beside it", remedy)
        found += [(name, "nomain" not in options and name == path.name) for name in names]
    return tuple(found)


def _all_files(folder: Path) -> list[str]:
    files = (p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)
    return sorted(p.relative_to(folder).as_posix() for p in files)


def _package(category: ElementTree.Element, headers: list[Header], url: str, time: datetime) -> None:
    package = ElementTree.SubElement(category, "reapack", name=PACKAGE, type="script", desc=DESCRIPTION)
    metadata = ElementTree.SubElement(package, "metadata")
    about = "\n\n".join(f"{h.description}\n{h.about}" for h in headers)
    ElementTree.SubElement(metadata, "description").text = _rtf(about)
    stamp = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    author = ", ".join(sorted({h.author for h in headers if h.author}))
    version = ElementTree.SubElement(package, "version", name=_version(headers), author=author, time=stamp)
    if changes := sorted({h.changelog for h in headers if h.changelog}):
        ElementTree.SubElement(version, "changelog").text = "\n".join(changes)
    provided: dict[str, bool] = {}
    for name, is_action in (entry for header in headers for entry in header.provides):
        provided[name] = provided.get(name, False) or is_action
    for name, is_action in sorted(provided.items()):
        source = ElementTree.SubElement(version, "source", file=name)
        if is_action:
            source.set("main", "main")
        source.text = f"{url}/{quote(name)}"


def _version(headers: list[Header]) -> str:
    versions = {header.version: header.script for header in headers}
    if len(versions) != 1:
        got = ", ".join(f"{version} in {script}" for version, script in versions.items()) or "no scripts"
        raise ReaperError("version", got, "one version in all scripts", "They are one package: raise them together.")
    return next(iter(versions))


def _rtf(text: str) -> str:
    """Plain text as the RTF that ReaPack shows."""
    escaped = text.replace("\\", r"\\").replace("{", r"\{").replace("}", r"\}").replace("\n", "\\par\n")
    return "{\\rtf1 " + "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in escaped) + "}"


if __name__ == "__main__":
    raise SystemExit(main())
