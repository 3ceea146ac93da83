"""Stems of results: what a render adds is added once, whatever is rendered from a result."""

from __future__ import annotations

import pytest

from bridge.file_names import original_stem


@pytest.mark.parametrize(
    ("stem", "original"),
    [
        ("song-retake", "song"),
        ("song-retake-2-inpaint-again-3", "song"),
        ("song inpaint 2", "song"),
        ("Drums acestep", "Drums"),
        ("my-song-2", "my-song-2"),
        ("retake", "retake"),
        ("song-retakes", "song-retakes"),
        ("again and again", "again and again"),
        ("-retake", "-retake"),
    ],
)
def test_what_renders_added_is_taken_off(stem, original):
    assert original_stem(stem) == original
