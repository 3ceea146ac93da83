"""Projects by other people come back byte for byte. They are not ours to commit: folders of them are looked for.

`../shared/rpp` where it is there, and every folder that ACESTEP_RPP_FOLDER names (divided like PATH).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import rpp

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.model import Item, Take
from bridge.rpp.project_file import Project
from bridge.rpp.text import Line, undo
from bridge.rpp.write import NewItem, NewTake, NewTrack
from tests.support.paths import ROOT

NEW = NewTake(Path("/made/new take.wav"), 'verse "2"', recipe={"seed": 7, "tags": "pop"})
TRIED_ITEMS = 3  # of each project: the first, the last, one between


def folders() -> list[Path]:
    beside = ROOT.parent / "shared" / "rpp"
    named = [Path(name) for name in os.environ.get("ACESTEP_RPP_FOLDER", "").split(os.pathsep) if name]
    return [beside, *named]


PROJECTS = sorted(p for f in folders() if f.is_dir() for p in f.rglob("*") if p.suffix.lower() == ".rpp")


def restored(project: Project) -> bytes:
    return undo(project.text, project.edits).encode("utf-8", "surrogateescape")


def some(items: list[Item]) -> list[Item]:
    return [items[i] for i in sorted({0, len(items) // 2, len(items) - 1})][:TRIED_ITEMS] if items else []


def contents(take: Take) -> list[str]:
    """The take's lines, and the first lines of its blocks, without the word that selects it."""
    parts = [p.content if isinstance(p, Line) else p.opening.content for p in take.parts]
    return [part.removesuffix(" SEL") if part.startswith("TAKE") else part for part in parts]


def check(path: Path, folder: Path) -> None:
    """Every way of extending a project, taken back, gives its bytes; and what was written is read again."""
    before = path.read_bytes()
    project = Project.load(path)
    after = project.tracks[-1] if project.tracks else None
    changed = [project.insert_track(NewTrack("new", [NewItem(1.0, 2.0, NEW)]), after=after)]
    items = [item for track in project.tracks for item in project.items(track) if not item.plays_all_takes]
    for item in some(items):
        made = project.insert_take(item, replace(NEW, like=item.active_take))
        (same,) = [i for t in made.tracks for i in made.items(t) if i.block.opening.start == item.block.opening.start]
        assert len(same.takes) == len(item.takes) + 1 and same.takes[-1].active
        assert [contents(t) for t in same.takes[:-1]] == [contents(t) for t in item.takes]
        changed.append(made)
    for one in [*changed, project.with_absolute_media()]:
        assert restored(one) == before
    last = changed[-1]
    assert rpp.loads(last.text.removeprefix("\ufeff")).tag == "REAPER_PROJECT"
    last.save_as(folder / "out.RPP")
    assert len(Project.load(folder / "out.RPP").tracks) == len(last.tracks)
    assert path.read_bytes() == before


@pytest.mark.timeout(3600)
def test_projects_by_other_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not PROJECTS:
        pytest.skip("no ../shared/rpp, and ACESTEP_RPP_FOLDER names no folder with projects")
    refusals = []
    for path in PROJECTS:
        try:
            check(path, tmp_path)
        except ProjectRefused as error:
            refusals.append(f"{path.name}: {error}")
    with capsys.disabled():
        print(f"\n{len(PROJECTS)} projects, {len(refusals)} refused", *refusals, sep="\n  ")
    assert len(refusals) <= len(PROJECTS) // 20
