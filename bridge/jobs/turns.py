"""Places in a queue in which clients take turns: the highest priority first; of equal jobs the client goes first whose
last turn is longest ago. Numbers only: knows no store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.jobs.job import Job


@dataclass
class Waiting:
    """A client's jobs of one priority: how many wait, and the numbers of the oldest and the newest."""

    owner: str
    count: int
    oldest: int
    newest: int


class Queue:
    """Who waits at each priority. `rows`: priority, owner, count, oldest and newest number."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._clients: dict[int, dict[str, Waiting]] = defaultdict(dict)
        for priority, owner, *numbers in rows:
            self._clients[priority][owner] = Waiting(owner, *numbers)

    def add(self, priority: int, owner: str, number: int) -> None:
        """A job comes, with a number above all others."""
        found = self._clients[priority].setdefault(owner, Waiting(owner, 0, number, number))
        found.count, found.newest = found.count + 1, number

    def before(self, priority: int) -> int:
        """How many jobs of higher priorities wait."""
        return sum(w.count for p, clients in self._clients.items() if p > priority for w in clients.values())

    def clients(self, priority: int) -> dict[str, Waiting]:
        """Who has jobs of that priority."""
        return self._clients.get(priority, {})

    def next_number(self, turns: Mapping[str, int]) -> int | None:
        """The job whose turn it is."""
        if not self._clients:
            return None
        highest = self._clients[max(self._clients)].values()
        return min(highest, key=lambda waiting: (turns.get(waiting.owner, 0), waiting.oldest)).oldest


def place_by_turns(clients: Iterable[Waiting], owner: str, turn: int, turns: Mapping[str, int]) -> int:
    """The place, from 1, of the job that `owner` has its `turn`-th turn with (from 1), among clients' jobs of one
    priority. Each client has a turn in each round, in the order of their last turns, then of their oldest jobs.
    """
    waiting = {client.owner: client for client in clients}
    ranks = {client: (turns.get(client, 0), found.oldest) for client, found in waiting.items()}
    before = (min(found.count, turn - (ranks[c] > ranks[owner])) for c, found in waiting.items() if c != owner)
    return sum(before) + turn


def places_in_queue(
    rows: Iterable[tuple[int, str, int]], jobs: Sequence[Job], turns: Mapping[str, int]
) -> dict[str, int]:
    """The places of those `jobs` that are among `rows`: (priority, owner, number) of every waiting job, by number."""
    numbers: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for priority, owner, number in rows:
        numbers[priority][owner].append(number)
    counts = {priority: sum(map(len, owners.values())) for priority, owners in numbers.items()}
    clients = {
        priority: [Waiting(owner, len(all_of), all_of[0], all_of[-1]) for owner, all_of in owners.items()]
        for priority, owners in numbers.items()
    }
    places = {}
    for job in jobs:
        own = numbers.get(job.priority, {}).get(job.owner, [])
        turn = bisect_right(own, job.number)
        if turn and own[turn - 1] == job.number:
            higher = sum(count for priority, count in counts.items() if priority > job.priority)
            places[job.job_id] = higher + place_by_turns(clients[job.priority], job.owner, turn, turns)
    return places
