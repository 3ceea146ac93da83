"""Rows beside each other: the same as together, whatever threads there are; threads are given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from engine.networks.beside import rows_beside
from engine.networks.spectral_inversion import SpectralInversionVocoder


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("threads", "rows", "each"), [(1, 2, 1), (2, 1, 2), (2, 2, 1), (4, 2, 2), (2, 5, 1)])
def test_each_row_has_its_share_of_the_threads(threads: int, rows: int, each: int) -> None:
    torch.set_num_threads(threads)
    seen: list[tuple[int, int, bool]] = []

    def work(part: torch.Tensor) -> torch.Tensor:
        seen.append((part.shape[0], torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return part * 2

    x = torch.arange(3.0 * rows).view(rows, 3)
    with torch.inference_mode():
        assert torch.equal(rows_beside(work, x), x * 2)
    together = min(threads, rows) < 2
    assert seen == ([(rows, threads, True)] if together else [(1, each, True)] * rows)
    assert torch.get_num_threads() == threads


def test_what_a_row_raises_is_raised_and_the_threads_are_given_back() -> None:
    torch.set_num_threads(2)

    def work(part: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(f"row {part.item():g}")

    with pytest.raises(RuntimeError, match="row 7"):
        rows_beside(work, torch.tensor([[7.0], [8.0]]))
    assert torch.get_num_threads() == 2


def test_channels_of_a_vocoder_are_the_same_beside_each_other() -> None:
    torch.set_num_threads(2)
    vocoder = SpectralInversionVocoder({"iterations": 3, "least_squares_steps": 4})
    mel = torch.randn(2, 128, 12, generator=torch.Generator().manual_seed(1)) * 2 - 5
    assert torch.equal(rows_beside(vocoder.decode, mel), vocoder.decode(mel))
