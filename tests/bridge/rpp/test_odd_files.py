"""Projects that are odd and valid: blank lines, tabs, marks, old encodings, paths of other systems."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bridge.rpp.job import ProjectJob
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, write_project
from bridge.rpp.text import readable, undo
from bridge.rpp.write import NewTake
from tests.support.rpp_files import audio, item, project, song, track

NEW = NewTake(Path("/made/new.wav"), "new", recipe={"seed": 7})
PLAIN = track(item(0, 4, "a.wav")).replace("\n", "\n  ")
UNKNOWN = """<SOMETHING NEW "of 8.0" 12<34ab> ''
  Zm9vYmFy+/==
  don't "close
  <DEEPER
    |<not a block
    |>
  >
  1 2 3 - -
>"""


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\n\n"),  # a blank line behind each
        lambda t: t.replace("TEMPO", "   \n\t\n  TEMPO"),
        lambda t: t.replace("\n", " \t\n"),
        lambda t: t.replace("  ", "\t"),
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\r\r\n"),  # converted twice
        lambda t: t.replace("\n", "\r\n", 4),  # mixed
        lambda t: t.rstrip("\n"),
        lambda t: t + "\n\n  \n",
        lambda t: t.replace("<TRACK", f"{UNKNOWN}\n<TRACK"),
        lambda t: t.replace("<ITEM", f"{UNKNOWN}\n<ITEM"),
        lambda t: t.replace("<SOURCE", f"{UNKNOWN}\n<SOURCE"),
        lambda t: t.replace("NAME 'take'", 'NAME `it\'s "so"`'),
        lambda t: t.replace("NAME 'take'", "NAME"),
        lambda t: t.replace("NAME 'take'", "NAME take more words"),
    ],
)
def test_they_are_read_and_extended_by_insertion_alone(tmp_path: Path, change) -> None:
    text = change(f'<REAPER_PROJECT 0.1 "7.27" 1\n  TEMPO 120 4 4\n  SELECTION 1 2\n  {PLAIN}\n>\n')
    path = tmp_path / "song.RPP"
    path.write_bytes(text.encode())
    before = Project.load(path)
    (one,) = before.items(before.tracks[0])
    assert (one.position, one.length) == (0, 4) and one.active_take is not None
    after = before.insert_take(one, NEW)
    assert undo(after.text, after.edits).encode() == path.read_bytes()
    assert [take.active for take in after.items(after.tracks[0])[0].takes] == [False, True]


def latin(tmp_path: Path, file: str = "B\udce4ss.wav") -> Path:
    """A project saved by a REAPER of 2008: names in Windows-1252."""
    return project(tmp_path, track(item(0, 4, file).replace("'take'", '"B\udce4ss 1"'), name="B\udce4ss"))


def test_names_of_old_projects_are_found_and_told_as_people_write_them(tmp_path: Path) -> None:
    old = Project.load(latin(tmp_path))
    assert old.track("Bäss").name == "Bäss" and old.track("bÄSS").number == 1
    assert old.track(os.fsdecode(b"B\xe4ss") if sys.platform != "win32" else "Bäss").number == 1
    assert readable("caf\udce9") == "café" and readable("\udc80") == "€" and readable("日本") == "日本"
    (one,) = old.items(old.tracks[0])
    after = old.insert_take(one, NEW)
    assert undo(after.text, after.edits) == old.text and b"B\xe4ss" in after.data


@pytest.mark.skipif(sys.platform != "linux", reason="only here are names of files bytes")
@pytest.mark.parametrize("name", [b"B\xe4ss.wav", "Bäss.wav".encode()])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_file_of_an_old_project_is_found_by_its_bytes_or_by_its_name(
    tmp_path: Path, name: bytes, elsewhere: bool
) -> None:
    """Unpacked archives have the old bytes; a disk that was copied has the name in UTF-8."""
    audio(tmp_path / "a.wav", 6)
    os.rename(tmp_path / "a.wav", os.fsencode(tmp_path) + b"/" + name)
    path, out = latin(tmp_path), tmp_path / "other" / "new.RPP" if elsewhere else tmp_path / "new.RPP"
    out.parent.mkdir(exist_ok=True)
    made = make_plan(ProjectJob("inpaint", path, out, track="Bäss", fields={"tags": "x"}))
    assert os.fsencode(made.parts[0].request.audio).endswith(name)
    result = audio(tmp_path / "made.wav", 6)
    new = Project.load(write_project(made, [[Rendered(result, {}, 7)]], out).project)
    sources = [take.source for take in new.items(new.tracks[0])[0].takes]
    assert all(source is not None and source.is_file() for source in sources)
    assert (out.parent / "Bäss 1 acestep 01.wav").is_file()


@pytest.mark.parametrize(
    "written",
    ["media\\sub\\a.wav", "media/sub/a.wav", ".\\media\\sub\\a.wav", "media\\\\sub\\a.wav", "../song/media/sub/a.wav"],
)
def test_relative_paths_of_all_systems(tmp_path: Path, written: str) -> None:
    folder = tmp_path / "song"
    (folder / "media" / "sub").mkdir(parents=True)
    audio(folder / "media" / "sub" / "a.wav", 6)
    path = song(folder, item(0, 4, written))
    made = make_plan(ProjectJob("inpaint", path, None, track=1, fields={"tags": "x"}))
    assert Path(made.parts[0].request.audio).samefile(folder / "media" / "sub" / "a.wav")
    (tmp_path / "other").mkdir()
    moved = Project.load(path).for_folder(tmp_path / "other")
    assert Path(moved.items(moved.tracks[0])[0].takes[0].source or "").samefile(folder / "media" / "sub" / "a.wav")


@pytest.mark.parametrize("written", ["C:\\Music\\a.wav", "\\\\server\\share\\a.wav", "/Volumes/Music/a.wav"])
def test_paths_of_another_machine_are_named_and_kept(tmp_path: Path, written: str) -> None:
    path = song(tmp_path, item(0, 4, written))
    with pytest.raises(ValueError, match="file is missing: ") as caught:
        make_plan(ProjectJob("inpaint", path, None, track=1, fields={"tags": "x"}))
    assert written in str(caught.value)
    assert f'FILE "{written}"' in Project.load(path).for_folder(tmp_path.parent).text
