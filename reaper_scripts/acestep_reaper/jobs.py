"""One target on its way: from the command through the daemon to a file beside the project.

A Part is one job of the daemon; a Batch is what one key press asked for. Both are driven by
`step`, a bounded piece of work a tick. What is needed to place a result after a restart of REAPER
travels in `client_data`.
"""

import json
import uuid

from . import capture, log, media, surface, takes, tempo, wet
from .errors import UserError
from .objects import find_item, find_take, project_file, project_id, source_path

APP = "reaper"
ENDED = ("ready", "failed", "cancelled")
WAIT_SECONDS = 20.0
EDGE_SECONDS = 0.01
WITHOUT_SOURCE = ("text-to-audio", "prompt-to-audio", "retake")


class Part(object):
    """state: new, capturing, asking, waiting, ready, failed, cancelled."""

    def __init__(self, data, request=None):
        self.data = data  # what client_data holds: target, mode, batch, source times
        self.request = request or {}
        self.state = "new"
        self.job_id = ""
        self.status = {}
        self.results = []
        self.error = None
        self.files = []
        self._capture = None
        self._copy = None
        self._cancel_asked = False

    @property
    def ended(self):
        return self.state in ENDED

    def _clean(self):
        """Removes what was captured for this job, once the daemon has read it."""
        if self.data.get("captured"):
            media.remove(self.data["captured"])

    def fail(self, error):
        self._clean()
        log.write("job %s: %s" % (self.job_id or "-", error))
        self.error = error
        self.state = "failed"

    def step(self, daemon):
        """One bounded piece of work."""
        try:
            if self.state == "new":
                self._prepare()
            elif self.state == "capturing" and self._capture.step():
                self.request["audio"] = self.data["captured"] = self._capture.path
                self._capture = None
                self.state = "asking"
            elif self.state == "asking":
                self._submit(daemon)
        except UserError as error:
            self.fail(error)

    # before the daemon
    def _prepare(self):
        if self.data["task"] in WITHOUT_SOURCE:
            self._tempo(self.data["start"], 0.0, 1.0)
            self.state = "asking"
            return
        item = find_item(self.data["item"]) if self.data["item"] else None
        take = find_take(item, self.data["take"]) if item else None
        why = self._why_not(item, take) if take else "no item"
        if self.data.get("capture") == "wet":
            why = "captured after the track's FX"
        if why:
            self._from_track(why)
        else:
            self._from_source(item, take)

    def _why_not(self, item, take):
        """Why the take's own file cannot be worked on, or an empty text."""
        start, end = self.data["start"], self.data["end"]
        if self.data["task"] == "outpaint":
            start, end = takes.span(item)
            ends = takes.to_source(item, take, start), takes.to_source(item, take, end)
            length = takes.source_length(take)
            if self.request.get("extend_before_duration") and abs(ends[0]) > EDGE_SECONDS:
                return "the item does not begin where its file begins"
            if self.request.get("extend_after_duration") and abs(ends[1] - length) > EDGE_SECONDS:
                return "the item does not end where its file ends"
        return takes.why_not_editable(item, take, start, end)

    def _from_source(self, item, take):
        """The take's own file is what the model edits."""
        start, end = self.data["start"], self.data["end"]
        rate, offset = takes.value(take, "D_PLAYRATE"), takes.value(take, "D_STARTOFFS")
        position = takes.anchor(item, take) + offset / rate
        source = source_path(take)
        self.data.update(source=source, anchor=takes.anchor(item, take), rate=rate)
        begin = max(offset + (start - position) * rate, 0.0)
        self._range(begin, min(offset + (end - position) * rate, takes.source_length(take)))
        for name in ("extend_before_duration", "extend_after_duration"):
            if name in self.request:
                self.request[name] = self.request[name] * rate
        self.request["audio"] = source
        self._tempo(position, offset, rate)
        self.state = "asking"

    def _from_track(self, why):
        """What the track plays is captured with its context; the result goes to a new track."""
        if self.data["item"]:
            self.data["notice"] = "Placed on a new track: %s" % why
        self.data["mode"] = "track"
        start, end = self.data["start"], self.data["end"]
        context = float(self.request.get("context_seconds") or 10.0) if self.data["task"] == "inpaint" else 0.0
        first = max(start - context, 0.0)
        kind = wet.WetCapture if self.data.get("capture") == "wet" else capture.TrackCapture
        self._capture = kind(self.data["track"], first, end + context)
        self.data.update(source="", anchor=first, rate=1.0)
        if self.data["task"] != "inpaint":
            self.data.update(whole=True, start=start - self.request.get("extend_before_duration", 0.0))
        self._range(start - first, end - first)
        self._tempo(first, 0.0, 1.0)
        self.state = "capturing"

    def _range(self, begin, end):
        self.data.update(source_start=begin, source_end=end)
        if self.data["task"] == "inpaint":
            self.request.update(start_time=begin, end_time=end)

    def _tempo(self, position, offset, rate):
        if "tempo_map" in self.request:
            return
        context = float(self.request.get("context_seconds") or 10.0)
        start, end = self.data["start"], max(self.data["end"], self.data["start"] + 1.0)
        found = tempo.points(max(start - context, 0.0), end + context)
        self.request["tempo_map"] = tempo.in_source(found, position, offset, rate)

    # the daemon
    def _submit(self, daemon):
        self.state = "submitting"
        content = {"request": dict(self.request, task=self.data["task"]), "client_data": self.data}
        content["request_id"] = self.data["request_id"]
        daemon.request("submit", content, lambda job: self._submitted(daemon, job), self.fail)

    def _submitted(self, daemon, job):
        self.job_id = job["job_id"]
        if self._cancel_asked:
            self.cancel(daemon)
        self._heard(daemon, job)

    def resume(self, daemon, job):
        """A job that the daemon knew before this script ran."""
        self._submitted(daemon, job)

    def _heard(self, daemon, job):
        """A status: ask for the result, or wait for the next one."""
        self.status = job
        state = job["state"]
        if state == "completed":
            self.state = "fetching"
            daemon.request("result", {"job_id": self.job_id}, self._finished, self.fail)
        elif state == "cancelled":
            self._clean()
            self.state = "cancelled"
        elif state == "failed":
            error = job.get("error") or {}
            self.fail(UserError(error.get("message") or "The render failed"))
        else:
            self.state = "waiting"
            content = {"job_id": self.job_id, "timeout_seconds": WAIT_SECONDS, "after_sequence": job["sequence"]}
            daemon.request("wait", content, lambda found: self._heard(daemon, found), self.fail)

    def _finished(self, result):
        self._clean()
        self.results = [entry for entry in result["results"] if entry.get("chosen", True)]
        self.state = "ready" if self.results else "failed"

    def cancel(self, daemon):
        """Tells the daemon to stop; before the daemon knows the job, it just ends."""
        if not self.job_id:
            self._cancel_asked = True
            if self.state != "submitting":
                self.state = "cancelled"
            return
        content = {"job_id": self.job_id, "request_id": uuid.uuid4().hex}
        daemon.request("cancel", content, lambda job: None, lambda error: log.write("cancel: %s" % error))

    # files
    def copy_step(self, folder):
        """Brings the results beside the project, one chunk a call; True when all are there."""
        if len(self.files) == len(self.results):
            return True
        if self._copy is None:
            path = self.results[len(self.files)]["audio"]["path"]
            stem = media.stem_of(self.data.get("source") or "") or self.data.get("name") or "generated"
            self._copy = media.Copy(path, folder, stem)
        if self._copy.step():
            self.files.append(self._copy.path)
            self._copy = None
        return len(self.files) == len(self.results)

    def recipe(self, index):
        """The recipe of a result as one line of JSON."""
        return json.dumps(self.results[index].get("recipe") or {}, sort_keys=True)


class Batch(object):
    """All parts of one key press; they are placed together, as one undo point."""

    def __init__(self, batch_id, title, project, parts, count):
        self.id = batch_id
        self.title = title
        self.project = project
        self.parts = parts
        self.count = count
        self.controls = {}  # None until the daemon told what a control surface sets

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
    batch_id = command["id"]
    for index, target in enumerate(command["targets"]):
        data = {"app": APP, "batch": batch_id, "index": index, "count": len(command["targets"]),
                "title": command["title"], "mode": command["mode"], "task": command["task"],
                "project": project_id(), "project_file": project_file(),
                "request_id": "%s-%d" % (batch_id, index)}  # fmt: skip
        data.update(target)  # a target may name a task and a mode of its own
        request = dict(data.pop("request", None) or command["request"])
        parts.append(Part(data, request))
    return Batch(batch_id, command["title"], project_id(), parts, len(parts))


def from_daemon(found, daemon):
    """Batches of jobs that the daemon kept: `found` are its statuses with our client_data."""
    batches = {}
    for job in found:
        data = job["client_data"]
        batch = batches.setdefault(data["batch"], Batch(data["batch"], data["title"], data["project"], [], 0))
        part = Part(data)
        part.resume(daemon, job)
        batch.parts.append(part)
    for batch in batches.values():
        batch.count = len(batch.parts)
    return list(batches.values())
