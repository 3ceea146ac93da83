"""OSC 1.0 address patterns: what they mean, and what a controller does with them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.osc.address_space.patterns import BadPattern, matching
from tests.support.osc import play, until

PATHS = ["/a/b", "/a/bar", "/a/baz", "/a/b/c", "/a/b-r", "/ab/b", "/a/bär"]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("/a/b", ["/a/b"]), ("/a/*", ["/a/b", "/a/bar", "/a/baz", "/a/b-r", "/a/bär"]), ("/*/b", ["/a/b", "/ab/b"]),
        ("/a/ba?", ["/a/bar", "/a/baz"]), ("/a/ba[rz]", ["/a/bar", "/a/baz"]), ("/a/ba[!r]", ["/a/baz"]),
        ("/a/b[a-z]r", ["/a/bar"]), ("/a/b[z-a]r", ["/a/bar"]), ("/a/b[a-]r", ["/a/bar", "/a/b-r"]),
        ("/a/{bar,b}", ["/a/b", "/a/bar"]), ("/a/b{a,ä}r", ["/a/bar", "/a/bär"]), ("/a/{b,ba,bar}z", ["/a/baz"]),
        ("/a/*r", ["/a/bar", "/a/b-r", "/a/bär"]), ("/a/**", ["/a/b", "/a/bar", "/a/baz", "/a/b-r", "/a/bär"]),
        ("/*/*/*", ["/a/b/c"]), ("/a*", []), ("*", []), ("/a/b*a*r", ["/a/bar"]), ("/a/b{,ar}", ["/a/b", "/a/bar"]),
        ("/a/?", ["/a/b"]), ("/a/b?", []), ("/a/[!a]", ["/a/b"]), ("/{a,ab}/b", ["/a/b", "/ab/b"]),
    ],
)  # fmt: skip
def test_what_a_pattern_means(pattern, meant):
    assert matching(pattern, PATHS) == meant


@pytest.mark.parametrize(
    "pattern", ["/a/[b", "/a/b]", "/a/{b", "/a/b}", "/a/{b,[c]}", "/a/{b,{c}}", "/a/[]", "/" * 600]
)
def test_brackets_without_their_half_are_refused(pattern):
    with pytest.raises(BadPattern):
        matching(pattern, PATHS)


@given(st.text("ab*?", max_size=8), st.lists(st.text("abc", min_size=1, max_size=6), max_size=5))
def test_stars_and_marks_are_those_of_a_regular_expression(pattern, names):
    expression = re.compile("".join({"*": ".*", "?": "."}.get(sign, sign) for sign in pattern))
    expected = [f"/{name}" for name in names if expression.fullmatch(name)]
    assert matching(f"/{pattern}", [f"/{name}" for name in names]) == expected


def test_no_pattern_takes_long():
    """Each star of a regular expression would multiply the tries: 20 of them against 60 letters would not end."""
    began = time.process_time()
    assert matching("/" + "*a" * 200 + "b", ["/" + "a" * 60] * 20) == []
    assert time.process_time() - began < 5


def test_a_pattern_sets_all_that_take_the_value_or_none(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/{variance,strength}", 0.25)
        await until(lambda: controller.controls.values == {"variance": 0.25, "strength": 0.25})
        surface.send("/*/[vs][at]r[!x]*[eh]", 0.75)  # variance and strength again
        await until(lambda: controller.controls.values == {"variance": 0.75, "strength": 0.75})
        surface.send("/acestep/{variance,tags}", 0.5)  # tags are text
        _path, got, _ = await surface.wait("/acestep/error", "/acestep/{variance,tags}")
        assert "/acestep/tags" in got and "2 addresses" in got
        surface.send("/acestep/*")  # every command at once
        await surface.wait("/acestep/error", "/acestep/*")
        surface.send("/acestep/status*", "x")  # sent by us only
        await surface.wait("/acestep/error", "/acestep/status*")
        surface.send("/acestep/[x", 1)
        assert "pairs" in (await surface.wait("/acestep/error", "/acestep/[x"))[1]
        assert controller.controls.values == {"variance": 0.75, "strength": 0.75} and not daemon.requests
        surface.send("/acestep/take/n?xt", 9)
        await surface.wait("/acestep/ack", "/acestep/take/next", 9)

    play(scenario, tmp_path)


def test_values_are_asked_for_by_pattern(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.heard.clear()
        surface.send("/acestep/get", "take/[12]/{name,lamp}")
        for path in ("take/1/name", "take/1/lamp", "take/2/name", "take/2/lamp"):
            await surface.wait(f"/acestep/{path}")
        surface.send("/acestep/get", "/acestep/*guidance_scale")
        for path in ("guidance_scale", "minimum_guidance_scale", "tag_guidance_scale"):
            await surface.wait(f"/acestep/{path}")
        surface.send("/acestep/get", "status")
        await surface.wait("/acestep/status", "ready")
        surface.send("/acestep/get", "take/[9]/name")
        await surface.wait("/acestep/error", "/acestep/get")
        surface.send("/acestep/get", "varianz")
        assert "variance" in (await surface.wait("/acestep/error", "/acestep/get"))[2]

    play(scenario, tmp_path)
