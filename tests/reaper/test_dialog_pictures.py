"""The pictures in docs/reaper.md show the dialogs that the scripts open today."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import DOCS
from tests.support.reaper import dialog_pictures
from tests.support.reaper.host import why_no_host


@pytest.mark.skipif(bool(why_no_host()), reason=why_no_host() or "-")
def test_the_pictures_have_todays_captions(make_studio):
    studio = make_studio("sub")
    dialog_pictures.prepare(studio)
    now = {name: dialog.facts for name, dialog in dialog_pictures.dialogs_of(studio).items()}
    drawn = {path.stem: dialog_pictures.facts_in(path) for path in dialog_pictures.FOLDER.glob("*.svg")}
    assert drawn == now, "Draw them again: python -m tests.support.reaper.dialog_pictures"
    studio.host.close()


def test_every_dialog_of_the_scripts_is_drawn():
    """A dialog whose title is not among the pictures was added: put it into SHOWN."""
    asked = re.compile(r"""(?:dialogs\.ask|dialogs\.confirm|\b_?ask|RPR_MB)\([^()]*?"(ACE-Step[^"%]*)\"""")
    sources = [path.read_text(encoding="ascii") for path in (DOCS.parent / "reaper_scripts").rglob("*.py")]
    titles = {title for text in sources for title in asked.findall(text)}
    drawn = {dialog_pictures.facts_in(path)["title"] for path in dialog_pictures.FOLDER.glob("*.svg")}
    assert len(titles) >= 6
    assert titles <= drawn


def test_every_picture_is_in_the_page():
    page = (DOCS / "reaper.md").read_text(encoding="utf-8")
    names = {path.name for path in dialog_pictures.FOLDER.glob("*.svg")}
    assert names == {f"{name}.svg" for name in dialog_pictures.SHOWN}
    assert [name for name in sorted(names) if f"img/dialogs/{name}" not in page] == []
