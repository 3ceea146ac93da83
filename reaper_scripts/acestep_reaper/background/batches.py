"""What one key press asked for: parts that are placed together, as one undo point."""

from ..jobs.job import Job
from ..jobs.target import read
from ..state import surface
from .part import Part


class Batch(object):
    """Parts of one key press. `job` is one part's, to know the project by."""

    def __init__(self, batch_id, title, parts, count):
        self.id = batch_id
        self.title = title
        self.parts = parts
        self.count = count
        self.sought = False  # whether the items that the results belong to are being looked for
        self.here_at = 0  # the tick at which to look again whether it may be placed
        self.controls = {}  # None until the daemon told what a control surface sets
        self.waits_since = None  # how many beats or bars were over when all was ready; None: nothing is waited for

    @property
    def quantize(self):
        """When a new take may begin to count, as a surface that drives REAPER set it; empty: at once."""
        driven = self.job.mode == "take" and (self.controls or {}).get("reaper")
        return self.controls.get("take/quantize") or "" if driven else ""

    @property
    def job(self):
        return self.parts[0].job

    def set_controls(self, values):
        """What the control surface sets, before anything is submitted."""
        self.controls = values
        for part in self.parts:
            part.request.update(surface.fields(values, part.job.task))

    def fail(self, error):
        """The daemon could not be asked at all."""
        for part in self.parts:
            if not part.ended:
                part.fail(error)

    @property
    def ready(self):
        """Whether nothing more will come from the daemon."""
        return len(self.parts) >= self.count and all(p.ended for p in self.parts)

    @property
    def good(self):
        return [p for p in self.parts if p.state == "ready"]


def from_command(command):
    """The batch that a Render asks for."""
    parts = [_part(command, index, target) for index, target in enumerate(command.targets)]
    return Batch(command.id, command.title, parts, len(parts))


def _part(command, index, target):
    """What a target does not say, the command does."""
    request = dict(target.request or command.request)
    job = Job(
        **dict(
            read(Job, target.to_json()),
            mode=target.mode or command.mode,
            task=target.task or command.task,
            batch=command.id,
            title=command.title,
            count=len(command.targets),
            index=index,
            request_id="%s-%d" % (command.id, index),
            exact=command.recipe,
            crossfade=request.get("crossfade_seconds", 0.03) or 0.0,
            request=None,
            **command.identity,  # of the tab in which the key was pressed
        )
    )
    return Part(job, request)


def from_daemon(jobs, daemon):
    """Batches of jobs that the daemon kept: `found` are pairs of its status and our job."""
    batches = {}
    for status, job in jobs:
        batch = batches.setdefault(job.batch, Batch(job.batch, job.title, [], 0))
        part = Part(job)
        part.resume(daemon, status)
        batch.parts.append(part)
        batch.count += 1
    for batch in batches.values():
        batch.parts.sort(key=lambda p: p.job.index)
    return list(batches.values())
