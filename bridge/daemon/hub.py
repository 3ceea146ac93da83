"""Who waits for what: events go out to subscribers and wake long polls. Knows frames, not operations."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator

from bridge.jobs import Job
from bridge.protocol.messages import Content, ControlsEvent, JobEvent

Events = list[tuple[JobEvent, str]]  # each with whose job it is
Publish = Callable[[str, Content, str], None]  # topic, content, owner


class Hub:
    """`publish` sends a topic and its content to every subscriber who may see what belongs to that owner."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._held: Events | None = None

    def job_changed(self, job: Job, step: int) -> None:
        """Tell everyone that the job's sequence has risen."""
        content = JobEvent(job_id=job.job_id, sequence=job.sequence, state=job.state, step=step)
        if self._held is not None:
            self._held.append((content, job.owner))
        else:
            self._tell(content, job.owner)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Events of the block are told at its end, and not at all if it fails: what was not written did not happen."""
        self._held = []
        try:
            yield
            events = self._held
        finally:
            self._held = None
        self.tell(events)

    def collected(self, change: Callable[[], None]) -> Events:
        """The events of a change, to be told when it is kept."""
        self._held = []
        try:
            change()
            return self._held
        finally:
            self._held = None

    def tell(self, events: Events) -> None:
        """Tell what was collected."""
        for content, owner in events:
            self._tell(content, owner)

    def _tell(self, content: JobEvent, owner: str) -> None:
        self._publish(f"job.{content.job_id}", content, owner)
        self.wake(content.job_id)

    def controls_changed(self, sequence: int) -> None:
        """Tell everyone that a control has changed."""
        self._publish("controls", ControlsEvent(sequence=sequence), "")

    def wake(self, job_id: str) -> None:
        """End the waits for a job."""
        for future in self._waiting.pop(job_id, ()):
            if not future.done():
                future.set_result(None)

    async def wait(self, job_id: str, seconds: float) -> None:
        """Until the job changes, at most `seconds`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[job_id].add(future)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            left = self._waiting.get(job_id)
            if left is not None:
                left.discard(future)
                if not left:
                    del self._waiting[job_id]
