"""A small version of the model card's evaluation on the shipped weights: few seeds, 8 steps, bounds a little looser.

What it measures is in the longer check; that it goes on and writes its table, in the suite.
"""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from engine.training.evaluation.card import write_table
from engine.training.evaluation.figures import Line, markdown
from engine.training.evaluation.runner import evaluate, in_turns, read_rows

SAMPLES = int(os.environ.get("ACESTEP_NANO_SAMPLES", "1"))  # of each measure; CI takes more
PIECES = in_turns(["stem", "inpaint", "codec", "key_8", "beat_8"], SAMPLES)
KEYS, ONE_STEP = in_turns(["key_8"], 2), {"number_of_steps": 1}
SETTINGS = {"number_of_steps": 8}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Line]:
    """Samples of five measures; `python -m engine.training evaluate` has more measures and writes the card."""
    results = tmp_path_factory.mktemp("evaluation") / "nano.jsonl"
    measured = evaluate("nano", PIECES, results, SETTINGS, console=Console(file=StringIO()))
    return {line.figure.name: line for line in measured}


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("tempo_8", 0.85),
        ("key_root", 0.8),
        ("key_scale", 0.8),
        ("chord_tones", 0.72),
        ("stem_drums", 0.9),
        ("stem_lead", 0.8),
        ("stem_bass", 0.5),
        ("stem_pad", 0.5),
        ("inpaint_beat", 0.8),
        ("inpaint_key", 0.5),
    ],
)
def test_shares_stay_up(lines: dict[str, Line], name: str, least: float) -> None:
    assert lines[name].made >= least, markdown(list(lines.values()))


@pytest.mark.parametrize(
    ("name", "most"), [("codec_db", 2.3), ("held_cents", 8.0), ("silence_db", -60.0), ("grid_ms_8", 15.0)]
)
def test_errors_stay_down(lines: dict[str, Line], name: str, most: float) -> None:
    assert lines[name].made <= most, markdown(list(lines.values()))


def test_the_rules_hear_true_clips_right(lines: dict[str, Line]) -> None:
    for name in ("tempo_8", "key_root", "stem_drums", "stem_bass", "stem_pad", "stem_lead", "inpaint_beat"):
        true = lines[name].true
        assert true is not None and true >= 0.8, name


def test_an_evaluation_goes_on_where_it_was_stopped_and_writes_its_table(tmp_path: Path) -> None:
    """A last line that was cut short is measured again; the others are not."""
    results = tmp_path / "keys.jsonl"
    measured = evaluate("nano", KEYS, results, ONE_STEP, console=Console(file=StringIO()))
    whole = results.read_text(encoding="utf-8").splitlines()
    results.write_text("\n".join(whole[:-1]) + "\n" + whole[-1][:20] + "\n", encoding="utf-8")
    lines = evaluate("nano", KEYS, results, ONE_STEP, console=Console(file=StringIO()))
    rows = [(row["measure"], row["seed"]) for row in read_rows(results)]
    assert sorted(rows) == sorted(KEYS) and markdown(lines) == markdown(measured)
    check_the_table(tmp_path / "MODEL_CARD.md", lines)


def check_the_table(card: Path, lines: list[Line]) -> None:
    """It is replaced between its marks."""
    card.write_text("before\n<!-- measured -->\nstale\n<!-- /measured -->\nafter\n", encoding="utf-8")
    write_table(card, lines)
    text = card.read_text(encoding="utf-8")
    assert "stale" not in text and text.startswith("before\n") and text.endswith("\nafter\n")
    assert f"| {lines[0].figure.what} |" in text
    with pytest.raises(ValueError, match="steps"):
        write_table(card, [], "steps")
