"""Where the lyric vocabulary is looked for, and the check that it is the released file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CheckpointError
from engine.lyrics import check_vocabulary, find_vocabulary
from tests.support.lyrics_material import VARIABLE, released_vocabulary


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A vocabulary in each place that is looked at."""
    found = {}
    for name in ("model", "pointed", "pulled"):
        folder = tmp_path / name
        folder.mkdir()
        found[name] = folder / "lyric_vocab.json"
        found[name].write_text(name)
    monkeypatch.setenv(VARIABLE, str(found["pointed"]))
    return found


def test_order_model_folder_then_variable_then_pulled_models(places: dict[str, Path], tmp_path: Path) -> None:
    model, pulled = tmp_path / "model", [tmp_path / "nothing", tmp_path / "pulled"]
    for name in ("model", "pointed", "pulled"):
        assert find_vocabulary(model, pulled) == places[name]
        places[name].unlink()
    with pytest.raises(CheckpointError) as caught:
        find_vocabulary(model, pulled)
    message = str(caught.value)
    assert all(str(path) in message for path in places.values())
    assert "acestep-bridge models pull ace-step-v1" in message and VARIABLE in message


def test_nothing_given_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(CheckpointError, match="acestep-bridge models pull ace-step-v1"):
        find_vocabulary()


def test_check_accepts_the_released_file() -> None:
    check_vocabulary(released_vocabulary())


def test_check_rejects_any_other_file(tmp_path: Path) -> None:
    other = tmp_path / "lyric_vocab.json"
    other.write_text("{}")
    with pytest.raises(CheckpointError, match=r"has SHA-256 44136fa3.*expected c2a66ea4"):
        check_vocabulary(other)
    with pytest.raises(CheckpointError, match="cannot be read"):
        check_vocabulary(tmp_path / "absent.json")
