"""How many examples Hypothesis makes: few in the suite, so that it stays short, all of them in the longer check."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

SUITE, LONG = "suite", "long"  # profiles; `python -m tests.long` loads the second
IN_SUITE = 15

settings.register_profile(SUITE, max_examples=IN_SUITE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(LONG, max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def examples(count: int, **others: Any) -> settings:
    """Settings of a test that takes `count` examples in the longer check, and as many as the others in the suite."""
    if settings.get_current_profile_name() == LONG:
        return settings(max_examples=count, **others)
    return settings(max_examples=min(count, IN_SUITE), **others)
