"""The wide autoencoder over rows: the same numbers as its plain convolutions, whatever lengths, threads and tiles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from engine.memory.kept_products import settle_choice
from engine.networks.ace_step_15 import oobleck_rows
from engine.networks.ace_step_15.config import OobleckConfig
from engine.networks.ace_step_15.oobleck import OobleckAutoencoder
from engine.networks.ace_step_15.oobleck_layers import ResidualUnit
from engine.networks.ace_step_15.residual_rows import FASTER, RowUnit
from engine.networks.beside import team
from engine.networks.toom_cook import POINTS, Points, transforms

NEAR = 3e-6  # relative; a unit rounds to 5e-7, the plain one to 3e-7


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kinds, threads = FASTER.taken, torch.get_num_threads()
    yield
    FASTER.use(kinds)
    torch.set_num_threads(threads)


def _wide(strides: tuple[int, ...] = (2, 3)) -> OobleckAutoencoder:
    config = OobleckConfig(
        encoder_hidden_size=96,
        decoder_channels=96,
        decoder_input_channels=8,
        channel_multiples=(1, 2),
        downsampling_ratios=strides,
    )
    torch.manual_seed(3)
    made = OobleckAutoencoder(config)
    for name, weight in made.named_parameters():
        if name.endswith(("alpha", "beta")):
            torch.nn.init.normal_(weight, std=0.3)
    return made


def _distance(got: torch.Tensor, exact: torch.Tensor) -> float:
    return float((got - exact).norm() / exact.norm())


def test_a_tile_of_eight_rows_takes_seventeen_multiplications_and_is_exact_but_for_rounding() -> None:
    ways = transforms(7)
    assert (ways.outputs, ways.seen, ways.products) == (8, 14, 17)
    x, weight = torch.randn(5, 14), torch.randn(3, 5, 7)
    products = torch.einsum("pio,pi->po", ways.of_weights(weight), ways.inputs @ x.T)
    assert _distance(ways.back @ products, F.conv1d(x[None].double(), weight.double())[0].T) < NEAR
    with pytest.raises(ValueError, match="points: got 6, expected 8 or more"):
        transforms(7, Points(POINTS.real[:5]))


def test_rounding_of_the_products_is_hardly_more_than_of_a_plain_sum() -> None:
    """The spread of the result for products that each round by 1, against a plain sum's: 15 with real points alone."""
    ways = transforms(7)
    spread = ways.weights.square().sum(1) * ways.inputs.square().sum(1)  # of each product
    assert float((ways.back.square() @ spread).mean() / 7) ** 0.5 < 2.0


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (7, 1), (40, 2), (1500, 1), (1501, 2)])
@torch.inference_mode()
def test_a_unit_of_any_length_equals_the_plain_one(dilation: int, rows: int, threads: int) -> None:
    torch.set_num_threads(threads)
    unit, x = ResidualUnit(8, dilation), torch.randn(rows, 8)
    with team(threads) as beside:
        got = RowUnit.of(unit).make(x, beside) - x
    assert _distance(got.T, (unit.double()(x.T[None].double())[0] - x.T)) < NEAR
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("strides", "kinds"), [((2, 3), ["narrow", "middle"]), ((4, 2), ["middle"])])
@torch.inference_mode()
def test_both_ways_equal_the_plain_ones(strides: tuple[int, ...], kinds: list[str]) -> None:
    made, latents = _wide(strides), torch.randn(2, 8, 1, 23)
    audio = torch.randn(2, 2, 23 * made.samples_per_frame + 1)
    FASTER.use([])
    exact = made.decode(latents), made.encode(audio)
    FASTER.use(kinds)
    oobleck_rows.lay_out(made.encoder, made.decoder)
    assert oobleck_rows.takes(made.decoder, latents) and oobleck_rows.takes(made.encoder, audio)
    for got, expected in zip((made.decode(latents), made.encode(audio)), exact, strict=True):
        assert got.shape == expected.shape and _distance(got, expected) < NEAR
    hop = made.samples_per_frame
    assert _distance(made.decode(latents, 5, frames=(3, 20)), made.decode(latents)[..., 3 * hop : 20 * hop]) < NEAR
    assert torch.equal(made.decode(latents[1:]), made.decode(latents)[1:])


def test_plain_where_it_must_be() -> None:
    """Gradients, other numbers, narrow networks, nothing chosen."""
    made, x = _wide(), torch.randn(1, 8, 4)
    FASTER.use(["narrow"])
    assert not oobleck_rows.takes(made.decoder, x)
    with torch.inference_mode():
        assert oobleck_rows.takes(made.decoder, x) and not oobleck_rows.takes(made.decoder, x.double())
        FASTER.use([])
        assert not oobleck_rows.takes(made.decoder, x)
    with pytest.raises(ValueError, match="no such kind"):
        FASTER.use(["no such kind"])


def test_a_kind_is_taken_where_it_is_clearly_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is handed in: in each round the plain unit takes the first difference, the other the second."""
    monkeypatch.setattr(FASTER, "kinds", {"narrow": (8, 40)})
    for own, expected in ((1.0, ["narrow"]), (1.25, [])):
        ticks = itertools.accumulate(itertools.cycle((0.0, 1.3, 0.0, own)))
        assert FASTER.probe(lambda ticks=ticks: next(ticks)) == expected  # type: ignore[misc]


def test_a_way_named_for_all_machines_takes_no_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FASTER, "probe", lambda: pytest.fail("measured"))
    FASTER.use(["narrow"])
    settle_choice(FASTER, "convolutions.json", {"ACESTEP_PRODUCTS": "onednn"})
    assert FASTER.taken == set()
