"""ReaPack's index from the scripts' headers."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.app import app
from bridge.reaper.errors import ReaperError
from bridge.reaper.extras import TOOLBAR, extra_files
from bridge.reaper.reapack import Provided, check_index, index_xml, read_header
from bridge.reaper.script_files import script_files, scripts_folder
from tests.support.reaper_layouts import touch

URL = "https://example.org/raw/v1/reaper_scripts/"
PLACES = {"data": "Data", "tracktpl": "TrackTemplates"}  # where ReaPack puts a source by its type
TIME = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)


def index(folder: Path | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(index_xml(URL, TIME, folder))


def test_one_package_holds_every_script_once() -> None:
    """ReaPack refuses to install a file that another package owns, and the scripts share a folder."""
    root = index()
    assert root.attrib == {"version": "1", "name": "acestep-bridge"}
    (package,) = root.findall("category/reapack")
    assert package.attrib["type"] == "script" and package.attrib["desc"]
    (version,) = package.findall("version")
    assert version.attrib["time"] == "2026-11-24T01:02:03Z"
    assert version.attrib["name"] and version.attrib["author"]
    sources = version.findall("source")
    files, extras = script_files(scripts_folder()), extra_files(scripts_folder(), [])
    assert [s.get("file") for s in sources if s.get("type") is None] == sorted(files)
    assert {s.get("file") for s in sources if s.get("main") == "main"} == {n for n in files if "/" not in n}
    placed = {f"{PLACES[s.get('type', '')]}/{s.get('file')}" for s in sources if s.get("type")}
    assert placed == set(extras) - {TOOLBAR}  # the toolbar holds ids that ReaPack's installation does not have
    for source in sources:
        assert (source.text or "").startswith(URL)
        assert (scripts_folder() / unquote((source.text or "").removeprefix(URL))).is_file()


def test_headers_with_further_lines(tmp_path: Path) -> None:
    touch(
        tmp_path / "a_Run.py",
        b"# @description Run\n# @version 1.2beta\n# @about One\n#   two {x}\n# @provides\n#   [nomain] lib/*.py\n"
        b"#   [main] .\n\n# @version 9\n",
    )
    touch(tmp_path / "lib" / "x.py")
    touch(tmp_path / "lib" / "deeper" / "y.py")
    header = read_header(tmp_path / "a_Run.py", tmp_path)
    assert (header.version, header.about) == ("1.2beta", "One\ntwo {x}")
    assert header.provides == (Provided("lib/x.py", "lib/x.py"), Provided("a_Run.py", "a_Run.py", is_action=True))
    (description,) = index(tmp_path).iter("description")
    assert description.text == "{\\rtf1 Run\\par\nOne\\par\ntwo \\{x\\}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# @description Run\n", "version"),
        ("# @version one\n", "digits"),
        ("# @version 1\n# @provides missing.py\n", "provides"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path / "a_Run.py", text.encode())
    with pytest.raises(ReaperError, match=message):
        index(tmp_path)


def test_scripts_of_two_versions_are_no_package(tmp_path: Path) -> None:
    touch(tmp_path / "a_One.py", b"# @version 1\n")
    touch(tmp_path / "a_Two.py", b"# @version 2\n")
    with pytest.raises(ReaperError, match="one version"):
        index(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('version="1"', 'version="2"', "version 1"),
        ('name="ACE-Step"', 'name="../Effects"', "cannot be a folder"),
        ('type="script"', 'type="lua"', "known type"),
        ('time="2026-11-24T01:02:03Z"', 'time="yesterday"', "yesterday"),
        ('file="acestep_reaper/daemon/zmtp.py"', 'file="../zmtp.py"', "leave the category"),
        ('file="acestep_reaper/daemon/zmtp.py"', 'file="acestep_Retake.PY"', "two sources"),
        ("https://example.org/raw/v1/reaper_scripts/acestep_Retake.py", "acestep_Retake.py", "address"),
        ('main="main"', 'main="arrange"', "section"),
        (' main="main"', "", "no action"),
    ],
)
def test_what_reapack_would_refuse_is_refused(old: str, new: str, message: str) -> None:
    text = index_xml(URL, TIME)
    assert old in text
    with pytest.raises(ReaperError, match=message):
        check_index(ElementTree.fromstring(text.replace(old, new)))


def test_the_command(tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["reaper", "index", *words])

    arguments = ["--url", URL, "--time", "2026-11-24T01:02:03+00:00"]
    assert run(*arguments, "-o", str(tmp_path / "index.xml")).exit_code == 0
    assert (tmp_path / "index.xml").read_text(encoding="utf-8") == index_xml(URL, TIME)
    assert run(*arguments).stdout == index_xml(URL, TIME)
    insecure = run("--url", "http://example.org")
    assert insecure.exit_code == 2 and "https" in insecure.output
    assert run("--url", URL, "--time", "soon").exit_code == 2
