"""The bench of fitting in a short form: regions of the generator's pieces, rendered by nano."""

from __future__ import annotations

import numpy as np

from tests.bench.figures import Figure
from tests.bench.fit import doubled, fit_of
from tests.bench.fit_places import generated, of_folder

RATE = 44100


def _click(times: list[float]) -> np.ndarray:
    audio = np.random.default_rng(0).normal(0, 1e-3, (2, 2 * RATE)).astype(np.float32)
    for time in times:
        audio[:, round(time * RATE) : round(time * RATE) + 400] += 0.5
    return audio


def test_a_region_snapped_to_bars_fits() -> None:
    figures = {f.name: f.value for f in fit_of(generated("snapped", 1), "snapped", 1) if isinstance(f, Figure)}
    assert figures["fit_snapped_changed"] == 0
    assert figures["fit_snapped_double"] == 0 and figures["fit_snapped_over"] == 0


def test_the_bench_tells_a_double_attack() -> None:
    joint = RATE, RATE + 500
    assert doubled(_click([0.99]), _click([0.99, 1.03]), RATE, joint)
    assert not doubled(_click([0.99]), _click([0.99]), RATE, joint)
    assert not doubled(_click([0.99, 1.03]), _click([0.99, 1.03]), RATE, joint)


def test_a_folder_without_music_gives_no_regions(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    assert list(of_folder(tmp_path, "random", 3)) == []
