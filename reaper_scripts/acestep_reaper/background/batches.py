"""What one key press asked for: parts that are placed together, as one undo point."""

from ..state import surface
from .jobs import Part

APP = "reaper"


class Batch(object):
    """Parts of one key press. `data` is one part's client_data, to know the project by."""

    def __init__(self, batch_id, title, parts, count):
        self.id = batch_id
        self.title = title
        self.parts = parts
        self.count = count
        self.sought = False  # whether the items that the results belong to are being looked for
        self.here_at = 0  # the tick at which to look again whether it may be placed
        self.controls = {}  # None until the daemon told what a control surface sets

    @property
    def data(self):
        return self.parts[0].data

    def set_controls(self, values):
        """What the control surface sets, before anything is submitted."""
        self.controls = values
        for part in self.parts:
            part.request.update(surface.fields(values, part.data["task"]))

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
    """The batch that a command of an entry script asks for."""
    parts = []
    common = {"app": APP, "batch": command["id"], "count": len(command["targets"]), "title": command["title"],
              "mode": command["mode"], "task": command["task"]}  # fmt: skip
    common.update(command["identity"])  # of the tab in which the key was pressed
    if command.get("recipe"):
        common["exact"] = True
    for index, target in enumerate(command["targets"]):
        data = dict(common, index=index, request_id="%s-%d" % (command["id"], index))
        data.update(target)  # a target may name a task and a mode of its own
        request = dict(data.pop("request", None) or command["request"])
        data["crossfade"] = request.get("crossfade_seconds", 0.03)
        parts.append(Part(data, request))
    return Batch(command["id"], command["title"], parts, len(parts))


def from_daemon(found, daemon):
    """Batches of jobs that the daemon kept: `found` are its statuses with our client_data."""
    batches = {}
    for job in found:
        data = job["client_data"]
        batch = batches.setdefault(data["batch"], Batch(data["batch"], data["title"], [], 0))
        part = Part(data)
        part.resume(daemon, job)
        batch.parts.append(part)
        batch.count += 1
    for batch in batches.values():
        batch.parts.sort(key=lambda p: p.data.get("index", 0))
    return list(batches.values())
