"""Inputs of a target as Hypothesis makes them: its seeds and kept inputs, changed in a few places."""

from __future__ import annotations

import functools

from hypothesis import strategies as st

from tests.fuzz.target import Target

MOST_CHANGES = 6


@functools.cache
def _inputs(target: Target) -> list[bytes]:
    return [*target.seeds(), *target.kept(), b""]


@st.composite
def changed(draw: st.DrawFn, target: Target) -> bytes:
    """A seed or a kept input with bytes taken out, put in or replaced."""
    data = bytearray(draw(st.sampled_from(_inputs(target))))
    pieces = st.one_of(st.binary(max_size=8), st.sampled_from([b"", *target.words]), st.just(b"\xff" * 4))
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(pieces)
    return bytes(data)
