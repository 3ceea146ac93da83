"""A processor's products are measured once and kept: two runs on one machine make the same bits."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from engine.errors import EngineError
from engine.memory import kept_products
from engine.memory.kept_products import kept_or_found, processor, settle
from engine.networks import products

needs_choice = pytest.mark.skipif(not products.has_onednn(), reason="this processor or torch has no oneDNN product")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = products.OWN.taken
    yield
    products.OWN.use(before)


@needs_choice
def test_what_was_found_once_stays_whatever_a_later_probe_would_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cache" / "products.json"
    monkeypatch.setattr(products.OWN, "probe", lambda: ["few"])
    assert kept_or_found(path) == ["few"]
    monkeypatch.setattr(products.OWN, "probe", lambda: ["square", "widening"])
    assert kept_or_found(path) == ["few"]
    settle({}, path)
    assert products.OWN.taken == {"few"}
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert list(kept) == [processor()] and not list(path.parent.glob("*.json.[0-9]*"))


@needs_choice
def test_another_processor_and_a_damaged_file_are_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "products.json"
    monkeypatch.setattr(products.OWN, "probe", lambda: ["narrowing"])
    for written in ("", "[1]", json.dumps({processor(): ["no such kind"]}), '{"another": ["few"]}'):
        path.write_text(written, encoding="utf-8")
        assert kept_or_found(path) == ["narrowing"]
    assert json.loads(path.read_text(encoding="utf-8")) == {"another": ["few"], processor(): ["narrowing"]}


def test_where_nothing_can_be_kept_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(products.OWN, "probe", lambda: pytest.fail("measured"))
    assert kept_or_found(tmp_path / "file" / "products.json") == []
    monkeypatch.setattr(kept_products, "_writable", lambda folder: False)
    assert kept_or_found(tmp_path / "products.json") == []


def test_the_variable_names_a_way_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    settle({"ACESTEP_PRODUCTS": "torch"}, tmp_path / "x.json")
    assert products.OWN.taken == set(products.KINDS)
    settle({"ACESTEP_PRODUCTS": "onednn"}, tmp_path / "x.json")
    assert products.OWN.taken == set() and not (tmp_path / "x.json").exists()
    with pytest.raises(EngineError, match="ACESTEP_PRODUCTS: got 'mkl', expected one of auto, onednn, torch"):
        settle({"ACESTEP_PRODUCTS": "mkl"})
    with pytest.raises(ValueError, match="no such kind"):
        products.OWN.use(["no such kind"])


@needs_choice
def test_a_probe_takes_torchs_own_only_where_it_is_clearly_faster() -> None:
    """The clock is handed in: in each round torch's own takes the first difference, oneDNN the second."""
    assert products.OWN.probe(_clock(own=1.0, other=1.3)) == list(products.KINDS)
    assert products.OWN.probe(_clock(own=1.0, other=1.03)) == []


@needs_choice
@torch.no_grad()
def test_the_kind_in_use_decides_who_makes_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, ...]] = []
    monkeypatch.setattr(products, "onednn", lambda x, w, b=None: made.append(tuple(w.shape)) or F.linear(x, w, b))
    products.OWN.use(["few", "widening"])
    for rows, outputs, inputs in ((16, 8, 8), (64, 8, 8), (64, 16, 8), (64, 8, 16), (4, 8, 16)):
        products.linear(torch.ones(rows, inputs), torch.ones(outputs, inputs))
    assert made == [(8, 8), (8, 16)]


def _clock(own: float, other: float):  # type: ignore[no-untyped-def]
    steps = itertools.cycle((0.0, own, 0.0, other))
    now = 0.0

    def read() -> float:
        nonlocal now
        now += next(steps)
        return now

    return read
