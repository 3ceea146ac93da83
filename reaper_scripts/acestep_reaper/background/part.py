"""One target on its way: from the command through the daemon to a file beside the project.

A Part is one job of the daemon, driven by `step` and `file_step`, bounded pieces of work a tick.
What is needed to place a result after a restart of REAPER is its `job`, which travels as `client_data`.
"""

import json
import uuid

from .. import log
from ..errors import DaemonError, UserError
from ..jobs.kinds import Clip
from ..project.survey import Survey
from ..source import material, media, wave_file

ENDED = ("ready", "failed", "cancelled")
WAIT_SECONDS = 20.0
FREE_SPACE = "Free some disk space, or make the folder .acestep-bridge in your home folder writable"


class Part(object):
    """state: new, capturing, asking, submitting, waiting, fetching, ready, failed, cancelled."""

    def __init__(self, job, request=None):
        self.job = job
        self.request = request or {}
        self.state = "new"
        self.job_id = ""
        self.status = {}
        self.results = []
        self.error = None
        self.files = []
        self._maker = None
        self._assembly = None
        self._survey = None
        self._cancel_asked = False
        self._kept = False
        self.looked = False  # whether the project was looked at before it is read
        self.found = False  # whether the items are known that the results belong to
        self.announced = False  # whether the user was told that REAPER will wait

    @property
    def ended(self):
        return self.state in ENDED

    @property
    def in_project(self):
        """Whether the next step reads the project, so that its tab must be active."""
        return self.state in ("new", "capturing")

    @property
    def blocks(self):
        """Whether the next step makes REAPER wait."""
        return self.state == "capturing" and getattr(self._maker, "blocks", False)

    def _clean(self):
        """Removes what was captured for this job, once the daemon has read it."""
        if self._maker is not None and hasattr(self._maker, "discard"):
            self._maker.discard()
        self._maker = None
        if self.job.captured:
            media.remove(self.job.captured)

    def fail(self, error):
        self._clean()
        log.write("job %s: %s" % (self.job_id or "-", error))
        self.error = error
        self.state = "failed"

    def step(self, daemon):
        """One bounded piece of work."""
        try:
            if self.state == "new":
                if not self.looked:
                    self.looked = self.surveyed()
                    return
                self._maker = material.prepare(self.job, self.request)
                self.state = "capturing" if self._maker else "asking"
            elif self.state == "capturing" and self._maker.step():
                self.request["audio"] = self.job.captured = self._maker.path
                self._maker = None
                self.state = "asking"
            elif self.state == "asking":
                self._submit(daemon)
        except UserError as error:
            self.fail(error)
        except OSError as error:
            self.fail(UserError("The audio could not be written for the daemon (%s)" % error.strerror, FREE_SPACE))

    # the daemon
    def _submit(self, daemon):
        self.state = "submitting"
        content = {"request": dict(self.request, task=self.job.task), "client_data": self.job.to_client_data()}
        content["request_id"] = self.job.request_id
        daemon.request("submit", content, lambda status: self._submitted(daemon, status), self.fail)

    def _submitted(self, daemon, status):
        self.job_id = status["job_id"]
        if self._cancel_asked:
            self.cancel(daemon)
        self._heard(daemon, status)

    def resume(self, daemon, status):
        """A job that the daemon knew before this script ran."""
        self._submitted(daemon, status)

    def _heard(self, daemon, status):
        """A status: ask for the result, or wait for the next one."""
        self.status = status
        state = status["state"]
        if state == "completed":
            self.state = "fetching"
            daemon.request("result", {"job_id": self.job_id}, self._finished, self.fail)
        elif state == "cancelled":
            self._clean()
            self.state = "cancelled"
        elif state == "failed":
            error = status.get("error") or {}
            self._log_details(daemon)
            self.fail(DaemonError(error.get("message") or "The render failed", "", error.get("code") or ""))
        else:
            self.state = "waiting"
            content = {"job_id": self.job_id, "timeout_seconds": WAIT_SECONDS, "after_sequence": status["sequence"]}
            daemon.request("wait", content, lambda reply: self._heard(daemon, reply), self.fail)

    def _log_details(self, daemon):
        """The daemon's own lines about a job that failed, for the support report."""

        def keep(reply):
            for line in reply.get("lines", [])[-30:]:
                log.write("job %s: %s: %s" % (self.job_id, line.get("level", ""), line.get("text", "")))

        daemon.request("logs", {"job_id": self.job_id}, keep, lambda error: log.write("logs: %s" % error))

    def _finished(self, result):
        self._clean()
        self.results = [entry for entry in result["results"] if entry.get("chosen", True)]
        self.state = "ready"
        if not self.results:
            self.fail(UserError("The daemon returned no audio", "Run 'Copy support report' and send what it shows"))

    def cancel(self, daemon):
        """Tells the daemon to stop; before the daemon knows the job, it just ends."""
        if not self.job_id:
            self._cancel_asked = True
            if self.state != "submitting":
                self._clean()
                self.state = "cancelled"
            return
        content = {"job_id": self.job_id, "request_id": uuid.uuid4().hex}
        daemon.request("cancel", content, lambda status: None, lambda error: log.write("cancel: %s" % error))

    def surveyed(self):
        """Whether what the next step asks the project about was looked at; looks at a little more if not."""
        if self._survey is None:
            self._survey = Survey(self.job.track, self.job.named_items)
        if not self._survey.step():
            return False
        self._survey = None
        return True

    def find(self):
        """As `surveyed`, before the results are placed; `found` afterwards."""
        self.found = self.surveyed()
        return self.found

    # files
    @property
    def has_files(self):
        """Whether the files of all results are made."""
        return len(self.files) == len(self.results)

    def file_step(self, folder):
        """Works on the next file beside the project for a few milliseconds."""
        if self._assembly is None:
            self._assembly = self._assemble(folder, self.results[len(self.files)])
        if self._assembly.step():
            self.files.append(self._assembly.path)
            self._assembly = None

    def _assemble(self, folder, entry):
        path = entry["audio"]["path"]
        stem = media.stem_of(self.job.result.source) or media.stem_of_name(self.job.name)
        suffix = path[path.rfind(".") :]
        if not isinstance(self.job.result, Clip):
            return media.copy(path, media.free_path(folder, stem, suffix))
        source, clip = wave_file.read(self.job.result.source), wave_file.read(path)
        if source is None or clip is None or clip.format != source.format:
            raise UserError("The file of the take changed while it was rendered", "Undo the change")
        first, last = self.job.result.file_range
        return media.splice(source, clip, self.offset(entry), media.free_path(folder, stem, suffix), first, last)

    @staticmethod
    def offset(entry):
        """Where a result begins, in samples of what was sent."""
        return int((entry.get("report") or {}).get("offset", 0))

    def discard_files(self):
        """Removes what was made beside the project; only while nothing of it was placed."""
        if self._assembly is not None:
            self._assembly.discard()
        for path in [] if self._kept else self.files:
            media.remove(path)
        self._assembly, self.files = None, []

    def abandon(self):
        """The script ends: what the daemon does not know yet is lost, the rest it keeps."""
        self.discard_files()
        if self.state in ("new", "capturing", "asking"):
            self._clean()

    def keep_files(self):
        """From now on the project may name the files: they are never removed."""
        self._kept = True

    def recipe(self, index):
        """The recipe of a result as one line of JSON."""
        return json.dumps(self.results[index].get("recipe") or {}, sort_keys=True)
