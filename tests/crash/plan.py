"""What one seed does to a daemon: its lives and how each ends, the jobs that are asked for, and what goes wrong."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass
from typing import Any

from tests.support.daemons import text
from tests.support.disk import End

DAEMON, ENGINE, GATEWAY = "bridge.daemon", "bridge.engine_process", "main() gateway"
KINDS = ("moment", "write", "start", "upgrade", "engine", "client", "full", "abort", "gateway", "real")
_WEIGHTS = (5, 8, 4, 4, 4, 4, 4, 2, 2, 1)
REAL_SEEDS = 3
MOST_LIVES_OF_AN_ENGINE = 2  # a job that meets a third death fails, as it should


@dataclass(frozen=True)
class Life:
    """A daemon from its start on. `seconds` after that `target` gets `signal`; or `end` ends a process in a change."""

    seconds: float
    target: str = DAEMON
    signal: int = signal.SIGKILL
    end: End | None = None


@dataclass(frozen=True)
class Ask:
    """One job that is asked for, `pause` seconds after the one before; a part of them is cancelled."""

    request_id: str
    request: dict[str, Any]
    pause: float
    cancel: bool = False


@dataclass(frozen=True)
class Plan:
    """All that happens in a run. `layout`: the store that is found, 0 for none; `full`: when the disk is full."""

    seed: int
    kind: str
    lives: list[Life]
    asks: list[Ask]
    layout: int = 0
    full: tuple[tuple[float, float], ...] = ()  # seconds from the run's begin: from, to
    client_end: End | None = None
    by_gateway: bool = False
    is_real: bool = False


def plan_of(seed: int) -> Plan:
    """The plan of a seed: always the same."""
    chance = random.Random(seed)
    kind = chance.choices(KINDS, _WEIGHTS)[0]
    lives = [_life(chance, kind) for _ in range(chance.randint(1, 3))]
    lives = _few_deaths_of_engines(lives)
    full: tuple[tuple[float, float], ...] = ()
    if kind == "full":
        begin = chance.uniform(0.3, 1.5)
        full = ((begin, begin + chance.uniform(0.2, 1.0)), (begin + 1.5, begin + 1.5 + chance.uniform(0.2, 1.0)))
    end = End("tests.crash.asking", round(chance.uniform(1, 40)), signal.SIGKILL, chance.random() < 0.5)
    return Plan(
        seed,
        kind,
        lives,
        _asks(chance, seed, kind),
        layout=chance.choice((1, 2)) if kind == "upgrade" else 0,
        full=full,
        client_end=end if kind == "client" else None,
        by_gateway=kind == "gateway",
        is_real=kind == "real",
    )


def real_request(seed: int, **more: Any) -> dict[str, Any]:
    """What the real engine is asked for, with the tiny checkpoint."""
    return text("house", seed=seed, number_of_steps=2, **more)


def _life(chance: random.Random, kind: str) -> Life:
    half = chance.random() < 0.5
    if kind in ("write", "full", "client") and chance.random() < 0.8:
        who = ENGINE if chance.random() < 0.25 else DAEMON
        change = round(2 ** chance.uniform(3.5, 9.0)) if who == DAEMON else chance.randint(1, 60)
        return Life(3.0, end=End(who, change, signal.SIGKILL, half))
    if kind == "upgrade":
        return Life(2.0, end=End(DAEMON, chance.randint(1, 60), signal.SIGKILL, half))
    if kind == "gateway":
        return Life(chance.uniform(0.3, 2.0), end=End(GATEWAY, round(2 ** chance.uniform(3, 8)), signal.SIGKILL, half))
    if kind == "start":
        if half:
            return Life(chance.uniform(0.05, 1.0))
        return Life(2.0, end=End(DAEMON, chance.randint(1, 40), signal.SIGKILL, chance.random() < 0.5))
    if kind == "engine":
        return Life(chance.uniform(0.8, 2.5), ENGINE)
    if kind == "abort":
        return Life(chance.uniform(0.5, 2.0), signal=signal.SIGABRT)
    if kind == "real":
        return Life(chance.uniform(2.0, 9.0), chance.choice((DAEMON, ENGINE)))
    target, number = chance.choice(((DAEMON, signal.SIGKILL), (DAEMON, signal.SIGTERM), (DAEMON, signal.SIGSTOP)))
    return Life(chance.uniform(0.5, 2.5), target, number)


def _few_deaths_of_engines(lives: list[Life]) -> list[Life]:
    """An engine that ends itself at a change does so again in each of its lives: in one life of the daemon at most."""
    kept, deaths = [], 0
    for life in lives:
        ends_itself = life.end is not None and life.end.who == ENGINE
        deaths += ends_itself or life.target == ENGINE
        if deaths > MOST_LIVES_OF_AN_ENGINE or (ends_itself and deaths > 1):
            life = Life(1.0)
        kept.append(life)
    return kept


def _asks(chance: random.Random, seed: int, kind: str) -> list[Ask]:
    count = 3 if kind == "real" else chance.randint(5, 14)
    return [_ask(chance, f"{seed}-{number}", kind) for number in range(count)]


def _ask(chance: random.Random, name: str, kind: str) -> Ask:
    made: dict[str, Any] = {"priority": chance.choice((0, 0, 0, 5, -3)), "client_data": {"name": name}}
    if kind == "real":
        return Ask(name, real_request(chance.randrange(REAL_SEEDS), **made), chance.uniform(0, 0.3))
    made["seed"] = chance.randrange(500)
    if chance.random() < 0.2 and kind != "gateway":
        made["variations"] = 2
    steps = f"steps={chance.randint(1, 6)} step_seconds={chance.choice((0, 0.01, 0.05))}"
    deaf = " deaf" if chance.random() < 0.1 else ""
    return Ask(name, text(steps + deaf, **made), chance.choice((0.0, 0.02, 0.1, 0.3)), chance.random() < 0.1)
