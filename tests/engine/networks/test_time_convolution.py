"""Convolutions with few channels, whose neighbours in time are joined, beside torch's own one-dimensional ones."""

from __future__ import annotations

import pytest
import torch

from engine.networks import time_convolution
from engine.networks.rope import Angles, apply_rope, rope_angles
from engine.networks.time_convolution import convolve

SHAPES = [(4, 4, 3, 1), (4, 4, 13, 5), (2, 2, 7, 3), (4, 1, 13, 1), (8, 8, 11, 1), (3, 3, 7, 5), (1, 1, 5, 2)]


@pytest.mark.parametrize(("inputs", "outputs", "kernel", "dilation"), SHAPES)
def test_a_convolution_of_joined_neighbours_equals_the_plain_one(
    inputs: int, outputs: int, kernel: int, dilation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(kernel)
    padding = (kernel - 1) * dilation // 2
    conv = torch.nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=padding).requires_grad_(False)
    seen = []
    plain = time_convolution._convolved
    monkeypatch.setattr(time_convolution, "_convolved", lambda x, *rest: (seen.append(x.shape[2]), plain(x, *rest))[1])
    for length in (240, 241):  # the second is no whole number of joined positions
        x = torch.randn(2, length, inputs)
        torch.testing.assert_close(convolve(x, conv), conv(x.transpose(1, 2)).transpose(1, 2), atol=2e-6, rtol=1e-5)
    joined = 16 // max(inputs, outputs)
    assert seen == [inputs * joined, inputs if 241 % joined else inputs * joined]


def test_wide_and_dilated_convolutions_are_left_as_they_are() -> None:
    x = torch.randn(1, 64, 16)
    for channels, kernel, dilation in ((16, 13, 1), (8, 7, 1), (8, 11, 3)):
        conv = torch.nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)
        assert time_convolution._neighbours(x[..., :channels], conv) == 1


def test_pairs_as_complex_numbers_turn_as_the_tables_say() -> None:
    angles = rope_angles(40, 16, 1e6, torch.zeros(1))
    x = torch.randn(2, 40, 3, 16, generator=torch.Generator().manual_seed(1))
    plain = Angles(angles.even_cos, angles.even_sin, angles.odd_cos, angles.odd_sin)
    assert angles.same is not None
    torch.testing.assert_close(apply_rope(x, angles), apply_rope(x, plain), atol=1e-6, rtol=1e-6)
    kept = torch.tensor([0, 7, 39])
    torch.testing.assert_close(apply_rope(x[:, kept], angles.at(kept)), apply_rope(x, plain)[:, kept])
