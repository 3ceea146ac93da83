"""Places in a queue in which clients take turns: the highest priority first; of equal jobs the client goes first whose
last turn is longest ago. Numbers only: knows no store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.jobs.job import Job


@dataclass(frozen=True)
class Waiting:
    """A client's jobs of one priority: how many wait, and the number of the oldest."""

    owner: str
    count: int
    oldest: int


def place_by_turns(clients: Sequence[Waiting], owner: str, turn: int, turns: Mapping[str, int]) -> int:
    """The place, from 1, of the job that `owner` has its `turn`-th turn with (from 1), among clients' jobs of one
    priority. Each client has a turn in each round, in the order of their last turns, then of their oldest jobs.
    """
    ranks = {client.owner: (turns.get(client.owner, 0), client.oldest) for client in clients}
    mine = ranks[owner]
    others = (client for client in clients if client.owner != owner)
    before = sum(min(other.count, turn - (ranks[other.owner] > mine)) for other in others)
    return before + turn


def places_in_queue(
    rows: Iterable[tuple[int, str, int]], jobs: Sequence[Job], turns: Mapping[str, int]
) -> dict[str, int]:
    """The places of those `jobs` that are among `rows`: (priority, owner, number) of every waiting job, by number."""
    numbers: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for priority, owner, number in rows:
        numbers[priority][owner].append(number)
    counts = {priority: sum(map(len, owners.values())) for priority, owners in numbers.items()}
    clients = {
        priority: [Waiting(owner, len(all_of), all_of[0]) for owner, all_of in owners.items()]
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
