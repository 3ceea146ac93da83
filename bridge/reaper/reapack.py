"""ReaPack's index.xml from the headers of the ReaScripts.

All scripts are one package, since they share files and ReaPack lets one package alone own a file. A header is the
block of comment lines at a script's top: `# @tag text` (in Lua `-- @tag text`), with further lines of a tag indented.
`acestep-bridge reaper index --url https://.../ -o index.xml` writes it. Format: ReaPack's index version 1.
Knows no REAPER folder; the same text comes out for the same scripts and date.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from bridge.reaper.errors import ReaperError
from bridge.reaper.script_files import CATEGORY, REPOSITORY, scripts_folder

PACKAGE = "acestep_bridge"
DESCRIPTION = "ACE-Step bridge: regenerate a part of a song"
_TAG = re.compile(r"^(?:#|--)\s?@(\w+)\s*(.*)$")
_COMMENTS = ("#", "--")  # of Python, of Lua
_PROVIDED = re.compile(r"^(?:\[([\w\s=]+)\]\s*)?(.+?)(?:\s*>\s*(.+))?$")
_NAME = re.compile(r"(?![. ])[^/\\:*?\"<>|\x00-\x1f]+(?<![. ])")
_URL = re.compile(r"https?://[^\s<>\"]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TYPES = {"script", "effect", "extension", "data", "theme", "langpack", "webinterface", "tracktpl"}
_SECTIONS = {"main", "midi_editor", "midi_inlineeditor", "midi_eventlisteditor", "mediaexplorer", "crossfade_editor"}
_VERSION = re.compile(r"^\d+(\.\d+)*\w*$")


@dataclass(frozen=True, order=True)
class Provided:
    """A file of the package: its name once installed, where it lies among the scripts, whether it is an action.

    `type` is ReaPack's: `script` goes to Scripts, `data` to Data, `tracktpl` to TrackTemplates of the resource folder.
    """

    file: str
    path: str
    is_action: bool = False
    type: str = "script"


@dataclass(frozen=True)
class Header:
    """What a script says of itself."""

    script: str
    description: str
    version: str
    author: str
    about: str
    changelog: str
    provides: tuple[Provided, ...]


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
    entries = sorted([*scripts.glob("*.py"), *scripts.glob("*.lua")])
    headers = [read_header(path, scripts) for path in entries]
    _package(category, headers, url.rstrip("/"), time)
    ElementTree.indent(root)
    check_index(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def check_index(root: ElementTree.Element) -> None:
    """Raise ReaperError where ReaPack would refuse the index, or install something else than is meant.

    Rules: ReaPack's wiki, "Index Format".
    """
    wrong = [*_wrong_heads(root), *(text for version in root.iter("version") for text in _wrong_version(version))]
    if wrong:
        raise ReaperError(
            "index", "; ".join(wrong[:5]), "an index that ReaPack takes", "Correct the headers of these scripts."
        )


def _wrong_heads(root: ElementTree.Element) -> Iterator[str]:
    if root.tag != "index" or root.get("version") != "1" or not _NAME.fullmatch(root.get("name", "")):
        yield "an index without version 1 and a name that can be a folder"
    for category in root:
        if category.tag == "category" and not all(_NAME.fullmatch(p) for p in category.get("name", "").split("/")):
            yield f"category {category.get('name')!r}, which cannot be a folder"
        names = [package.get("name", "") for package in category.iter("reapack")]
        if len(set(names)) < len(names) or not all(_NAME.fullmatch(name) for name in names):
            yield f"package names {names}"
    for package in root.iter("reapack"):
        if package.get("type") not in _TYPES or package.find("version") is None:
            yield f"package {package.get('name')!r} without a known type or a version"


def _wrong_version(version: ElementTree.Element) -> Iterator[str]:
    if not _VERSION.match(version.get("name", "")) or not _TIME.fullmatch(version.get("time", "")):
        yield f"version {version.get('name')!r} at {version.get('time')!r}"
    files = [source.get("file", "") for source in version.iter("source")]
    if len({name.lower() for name in files}) < len(files):
        yield "two sources for one file (letters' case does not count)"
    if not any(source.get("main") for source in version.iter("source")):
        yield "no action among the sources"
    for source in version.iter("source"):
        if not all(_NAME.fullmatch(part) for part in source.get("file", "").split("/")):
            yield f"file {source.get('file')!r}, which would leave the category's folder"
        if not _URL.fullmatch(source.text or ""):
            yield f"address {source.text!r}"
        if not set(source.get("main", "main").split()) <= _SECTIONS:
            yield f"section {source.get('main')!r}"


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        if not line.startswith(_COMMENTS):
            break
        match = _TAG.match(line)
        if match:
            current = match[1]
            tags[current] = match[2].strip()
        elif current:
            tags[current] = f"{tags[current]}\n{line.lstrip('#-').strip()}".strip()
    return tags


def _provides(text: str, path: Path, folder: Path) -> tuple[Provided, ...]:
    provided: list[Provided] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        parts = _PROVIDED.match(line)
        options, pattern, target = (parts[1] or "", parts[2], parts[3]) if parts else ("", line, None)
        names = [path.name] if pattern == "." else _matching(folder, pattern)
        if not names:
            remedy = "Correct the @provides line, or add the file."
            raise ReaperError("provides", f"{pattern!r} in {path.name}", "a file beside it", remedy)
        kind = next((word for word in options.split() if word in _TYPES), "script")
        is_action = "nomain" not in options and kind == "script"
        provided += [Provided(target or n, n, is_action and n == path.name, kind) for n in names]
    return tuple(provided)


def _matching(folder: Path, pattern: str) -> list[str]:
    files = (p for p in folder.glob(pattern) if p.is_file() and "__pycache__" not in p.parts)
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
    provided: dict[str, Provided] = {}
    for one in (entry for header in headers for entry in header.provides):
        known = provided.get(one.file)
        provided[one.file] = one if known is None or one.is_action else known
    for one in sorted(provided.values()):
        source = ElementTree.SubElement(version, "source", file=one.file)
        if one.type != "script":
            source.set("type", one.type)
        if one.is_action:
            source.set("main", "main")
        source.text = f"{url}/{quote(one.path)}"


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
