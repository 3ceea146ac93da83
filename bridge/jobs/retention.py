"""Which finished jobs may go: by age, number and bytes. What a project or a recipe names stays unless it is asked for.

The settings are `retention.json` in the product's folder. Without it nothing goes by itself. Knows the store and sizes
of audio; deletes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bridge.jobs.store import JobStore
from bridge.protocol.errors import HomeError
from bridge.system.atomic import write_private
from engine.requests.recipe import HASHES

DAY_SECONDS, GIGABYTE = 86400.0, 1e9
_UNSEEN_SHARE = 4  # a time in which nothing was finished counts as at most one part of so many of the limit
BY_RECIPE = "a recipe names its audio"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept: jobs finished within `days`, the newest `count`, the newest with `gigabytes` of audio; None: all.

    `projects` are folders and project files that are read for audio which they name, and lists of recent ones.
    """

    days: float | None = None
    count: int | None = None
    gigabytes: float | None = None
    projects: list[str] = []

    @property
    def is_set(self) -> bool:
        """Whether anything is ever too much."""
        return (self.days, self.count, self.gigabytes) != (None, None, None)


@dataclass
class Decision:
    """Jobs that go, oldest last; those that would but are named, with by what; bytes of audio that go or stay so."""

    go: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    freed_bytes: int = 0
    named_bytes: int = 0


def limits_path(home: Path) -> Path:
    """Where the settings lie."""
    return home / "retention.json"


def read_limits(home: Path) -> Limits:
    """The settings; no limit where there are none. Raises HomeError for a file that cannot be read."""
    path = limits_path(home)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Limits)
    except FileNotFoundError:
        return Limits()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HomeError(f"{path}: {error}. `acestep-bridge jobs keep --everything` writes a new one.") from error


def write_limits(home: Path, limits: Limits) -> None:
    """Keep the settings; the daemon follows them within the hour."""
    write_private(limits_path(home), msgspec.json.format(msgspec.json.encode(limits), indent=1) + b"\n")


def decide(
    store: JobStore,
    limits: Limits,
    sizes: Mapping[str, int],
    named: Mapping[str, str],
    now: float,
    ran_seconds: float | None = None,
) -> Decision:
    """What goes of a store. `sizes` of audio in bytes and `named`, by what, by the audio's hash.

    Newest first, each limit is a line: what is behind one goes, except what is named. `ran_seconds`, of a daemon that
    decides by itself, is how long it has run: then days are those that somebody has seen pass, see `seen_ages`.
    """
    uses, by_recipe = store.uses(), _named_by_recipes(store)
    decision, kept = Decision(), set[str]()
    reasons = {**dict.fromkeys(by_recipe, BY_RECIPE), **named}
    passed, taken = _Line(limits), dict[str, set[str]]()
    finished = set()
    jobs = store.finished()
    ages = [now - at for _, at in jobs] if ran_seconds is None else seen_ages(jobs, limits, now, ran_seconds)
    for (job_id, _), age in zip(jobs, ages, strict=True):
        finished.add(job_id)
        audio = uses.get(job_id, set())
        if not passed(age, sum(sizes.get(digest, 0) for digest in audio - kept)):
            kept |= audio
        elif (why := next((reasons[digest] for digest in sorted(audio) if digest in reasons), None)) is not None:
            decision.named[job_id] = why
            decision.named_bytes += sum(sizes.get(digest, 0) for digest in audio - kept)
            kept |= audio
        else:
            taken[job_id] = audio
    for job_id, audio in uses.items():  # of jobs that wait or run
        kept |= audio if job_id not in finished else set()
    decision.go = list(taken)
    going = set[str]().union(*taken.values()) - kept
    decision.freed_bytes = sum(sizes.get(digest, 0) for digest in going)
    return decision


def seen_ages(jobs: Sequence[tuple[str, float]], limits: Limits, now: float, ran_seconds: float) -> list[float]:
    """Seconds since each job, newest first, of which every stretch without a job counts as at most a quarter of the
    limit in days; the last one as what the daemon has run, if that is more.

    A clock that is set, by a year at once, makes nothing old: no job was finished meanwhile, and no daemon ran so long.
    """
    most = (limits.days or 0.0) * DAY_SECONDS / _UNSEEN_SHARE
    ages, age, later, longest = list[float](), 0.0, now, max(most, ran_seconds)
    for _, finished in jobs:
        age += min(max(later - finished, 0.0), longest)
        ages.append(age)
        later, longest = finished, most
    return ages


class _Line:
    """Whether a job is behind one of the limits; all jobs behind it are, too."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs, self._bytes = 0, 0.0

    def __call__(self, age: float, size: int) -> bool:
        self._jobs, self._bytes = self._jobs + 1, self._bytes + size
        days, count, gigabytes = self._limits.days, self._limits.count, self._limits.gigabytes
        return (
            (days is not None and age > days * DAY_SECONDS)
            or (count is not None and self._jobs > count)
            or (gigabytes is not None and self._bytes > gigabytes * GIGABYTE)
        )


class _Entry(msgspec.Struct):
    recipe: dict[str, msgspec.Raw] | None = None  # what is large in it is not decoded


class _Left(msgspec.Struct):
    result: list[_Entry] | None = None


def _named_by_recipes(store: JobStore) -> set[str]:
    """Hashes of audio that the recipe of any result names: whoever has a copy of the result may need it."""
    return {digest for outcome in store.outcomes() for digest in _hashes(outcome)}


def _hashes(outcome: str) -> Iterator[str]:
    try:
        yield from _named_in(outcome)
    except (msgspec.MsgspecError, TypeError, RecursionError):  # a damaged record: whatever looks like a hash
        yield from re.findall("[0-9a-f]{64}", str(outcome))


def _named_in(outcome: str) -> Iterator[str]:
    for entry in msgspec.json.decode(outcome, type=_Left).result or []:
        for name in HASHES.values():
            digest = msgspec.json.decode((entry.recipe or {}).get(name, b"null"))
            if isinstance(digest, str):
                yield digest
