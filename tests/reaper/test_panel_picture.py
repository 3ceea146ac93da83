"""The picture in docs/reaper.md shows the panel's widgets of today."""

from __future__ import annotations

import pytest

from tests.support.paths import DOCS
from tests.support.reaper import panel_picture
from tests.support.reaper.dialog_pictures import facts_in
from tests.support.reaper.panel_window import Panel, why_no_lua

pytestmark = pytest.mark.skipif(bool(why_no_lua()), reason=why_no_lua() or "-")


def test_the_picture_has_todays_widgets(make_studio):
    studio = make_studio("sub")
    panel = Panel(studio.fake, studio.folder / "scripts")
    try:
        window = panel_picture.scene(studio, panel)
    finally:
        panel.end()
    assert facts_in(panel_picture.PICTURE) == panel_picture.facts(window), (
        "Draw it again: python -m tests.support.reaper.panel_picture"
    )
    for text in ("rendering: denoise 3/27, 2 s left", "variations: 2", "guidance_scale: 12.0"):
        assert text in panel_picture.svg(window)


def test_the_picture_is_in_the_page():
    assert "img/panel.svg" in (DOCS / "reaper.md").read_text(encoding="utf-8")
