"""Whatever reads what others wrote raises its documented errors alone: kept inputs, and a few new ones each time.

`python -m tests.fuzz` goes on for as long as it is told to.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.fuzz.__main__ import NAMES
from tests.fuzz.changed import changed
from tests.fuzz.one import targets
from tests.support.examples import examples

TARGETS = targets()


def test_every_target_is_named() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_was_found_once_is_refused_as_documented(name: str) -> None:
    for data in (*TARGETS[name].kept(), *TARGETS[name].seeds()):
        TARGETS[name].check(data)


@pytest.mark.parametrize("name", NAMES)
def test_anything_is_read_or_refused_as_documented(name: str) -> None:
    @settings(examples(300))
    @given(changed(TARGETS[name]))
    def run(data: bytes) -> None:
        TARGETS[name].check(data)

    run()
