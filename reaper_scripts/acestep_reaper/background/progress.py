"""Words about what goes on: one line for the help line, a list for the jobs window."""

from ..project import projects
from ..project.objects import recording


def line(batches):
    """One line about all batches; never empty."""
    parts = [p for b in batches for p in b.parts if not p.ended]
    if parts:
        text, notice = part_text(parts[0]), parts[0].job.notice
        text = text if len(parts) == 1 else "%s, %d more" % (text, len(parts) - 1)
        return "%s (%s)" % (text, notice) if notice else text
    if not all(projects.is_here(b.job) for b in batches):
        return "a result waits for its project to be opened"
    return "a result waits for the recording to end" if recording() else "placing"


def lines(batches):
    """One text a part, for the jobs window."""
    return ["%s, %s: %s" % (b.title, p.job.name or "a new track", part_text(p)) for b in batches for p in b.parts]


def made_by(batch):
    """Which model made a batch; of nano it says that it is the small test model."""
    model = batch.good[0].results[0].get("model") or {}
    return "Made by: %s" % (model.get("description") or model.get("name") or "the daemon's model")


def failed(batch, parts):
    """What went wrong with some parts of a batch, and what came of the others."""
    text = str(parts[0].error)
    if len(parts) > 1:
        text += " (and %d more)" % (len(parts) - 1)
    return text + (". The others are placed" if batch.good else "")


def _before_the_daemon(part):
    if part.in_project and not projects.is_here(part.job):
        return "waits for its project to be opened"
    if part.blocks and recording():
        return "waits for the recording to end"
    return "reading the track" if part.state == "capturing" else "starting"


def part_text(part):
    """Where a part is: its stage, step and seconds left, or what it waits for."""
    job = part.status
    if part.state == "ready":
        return "finished, waits to be placed"
    if part.ended:
        return part.state
    if not job:
        return "rendering %s: %s" % (part.job.name, _before_the_daemon(part))
    if job["state"] == "queued":
        return "rendering: number %d in the queue" % job.get("queue_position", 1)
    left = job.get("remaining_seconds")
    seconds = ", %d s left" % round(left) if left is not None else ""
    return "rendering: %s %d/%d%s" % (job.get("stage", ""), job.get("step", 0), job.get("steps", 0), seconds)
