"""The one background script: it alone defers. Takes commands, drives jobs, places results.

A tick does one bounded thing. A second instance takes the token over and the first one ends.
"""

import sys
import time
import traceback

from reaper_python import *

from . import control, extstate, jobs, log, placing, records, settings, status
from .connection import Daemon
from .errors import UserError
from .objects import media_folder, project_id_if_any, recording

BEAT_TICKS = 15
IDLE_SECONDS = 120.0
STATUS_SECONDS = 0.25
TICK = "acestep_background.tick()"

_service = None


def start():
    """Called by the entry script `acestep_Background service.py`."""
    global _service
    _service = Service()
    main = sys.modules["__main__"]
    main.RPR_atexit("acestep_background.stop()")
    tick()


def tick():
    """One tick of deferred code; defers again unless the service is over."""
    try:
        alive = _service.tick()
    except Exception:
        log.write(traceback.format_exc())
        status.problem("Something went wrong in the background script (see the log %s)" % log.path())
        alive = False
    if alive:
        sys.modules["__main__"].RPR_defer(TICK)
    else:
        stop()


def stop():
    """The script ends: REAPER exits, another instance took over, or nothing is left to do."""
    global _service
    if _service is not None:
        _service.close()
    _service = None


class Service(object):
    """The state between ticks."""

    def __init__(self):
        self._token = extstate.claim()
        self.daemon = Daemon(settings.yes(settings.load(), "start_daemon"))
        self.batches = []
        self.placed_last = None
        self._peaks = []
        self._ticks = 0
        self._active_at = time.monotonic()
        self._status_at = 0.0
        self._asked_list = False
        self._seen_project = ""
        self._shown = ""

    def close(self):
        if extstate.holds(self._token):
            extstate.release()
        self.daemon.close()

    def tick(self):
        """Does one bounded thing; False when the script should end."""
        self._ticks += 1
        if self._ticks % BEAT_TICKS == 0:
            if not extstate.holds(self._token):
                return False
            extstate.beat()
            self._look_at_project()
        for command in extstate.take_commands():
            self._active_at = time.monotonic()
            self._obey(command)
        self.daemon.tick()
        for batch in list(self.batches):
            self._advance(batch)
        self._build_peaks()
        self._show()
        return self._has_work() or time.monotonic() - self._active_at < IDLE_SECONDS

    def _has_work(self):
        return bool(self.batches or self._peaks or self.daemon.busy)

    # commands
    def _obey(self, command):
        if command["op"] == "render":
            self._render(command)
        else:
            control.obey(self, command)

    def _render(self, command):
        """Begins a batch; what the control surface sets is asked for before anything is submitted."""
        batch = jobs.from_command(command)
        self.batches.append(batch)
        self._status_at = 0.0
        self.daemon.may_start = settings.yes(settings.load(), "start_daemon")
        if command.get("recipe"):
            return
        batch.controls = None
        self.daemon.request(
            "controls", {"action": "get"}, lambda found: batch.set_controls(found["values"]), batch.fail
        )

    # jobs that the daemon kept from earlier
    def _look_at_project(self):
        """On a new tab, or at the start: what does the daemon hold for this project?"""
        here = project_id_if_any()
        if here == self._seen_project or self.daemon.busy:
            return
        self._seen_project = here
        if here:
            self.daemon.request("list", {"limit": 100}, self._kept, lambda error: None)

    def _kept(self, found):
        done = records.load()
        known = set(p.job_id for b in self.batches for p in b.parts)
        known.update(p.data["request_id"] for b in self.batches for p in b.parts)
        ours = [
            job
            for job in found["jobs"]
            if job["client_data"].get("app") == jobs.APP
            and job["client_data"].get("project") == self._seen_project
            and job["state"] not in ("failed", "cancelled")
            and job["job_id"] not in done
            and job["job_id"] not in known
            and job["client_data"].get("request_id") not in known
        ]
        self.batches += jobs.from_daemon(ours, self.daemon)

    # placing
    def _advance(self, batch):
        for part in batch.parts:
            if part.state != "asking" or batch.controls is not None:
                part.step(self.daemon)
        if not batch.ready:
            return
        if not batch.good:
            self._end(batch)
            return
        if recording() or project_id_if_any() != batch.project:
            return
        try:
            if all([part.copy_step(media_folder()) for part in batch.good]):
                self._place(batch)
        except UserError as error:
            status.problem(error)
            self._forget(batch)

    def _place(self, batch):
        extstate.beat(60.0)
        placed = placing.place("ACE-Step: " + batch.title, batch.good)
        extstate.beat()
        records.add([p.job_id for p in batch.good])
        self._peaks += placed.sources
        self._end(batch, placed.notices)

    def _end(self, batch, notices=()):
        self._forget(batch)
        failed = [p.error for p in batch.parts if p.state == "failed" and p.error]
        if failed:
            status.problem(failed[0])
        elif not batch.good:
            status.show("cancelled")
        else:
            model = (batch.good[0].results[0].get("model") or {}).get("description", "")
            text = "%s: done" % batch.title + (" (%s)" % model if model else "")
            status.show(". ".join([text] + list(notices)))

    def _forget(self, batch):
        self.batches = [b for b in self.batches if b is not batch]
        self._active_at = time.monotonic()

    def _build_peaks(self):
        """Peaks of what was placed, one step a tick; an undo may have taken the source away."""
        if not self._peaks:
            return
        source = self._peaks[0]
        if not RPR_ValidatePtr(source, "PCM_source*"):
            self._peaks.pop(0)
        elif source != getattr(self, "_building", None):
            self._building = source
            if RPR_PCM_Source_BuildPeaks(source, 0) == 0:
                self._peaks.pop(0)
        elif RPR_PCM_Source_BuildPeaks(source, 1) == 0:
            RPR_PCM_Source_BuildPeaks(source, 2)
            self._peaks.pop(0)
            self._building = None

    # what the user sees
    def _show(self):
        if not self.batches or time.monotonic() < self._status_at:
            return
        self._status_at = time.monotonic() + STATUS_SECONDS
        text = self.describe()
        if text != self._shown:
            self._shown = text
            status.show(text)
            extstate.write("jobs", ["%s: %s" % (b.title, _part_line(p)) for b in self.batches for p in b.parts])

    def describe(self):
        """One line about what goes on."""
        parts = [p for b in self.batches for p in b.parts if not p.ended]
        if not parts:
            elsewhere = [b for b in self.batches if b.project != project_id_if_any()]
            return "a result waits for its project to be opened" if elsewhere else "placing"
        line = _part_line(parts[0])
        return line if len(parts) == 1 else "%s, %d more" % (line, len(parts) - 1)


def _part_line(part):
    job = part.status
    if not job:
        return "rendering %s: %s" % (
            part.data.get("name", ""),
            "reading the track" if part.state == "capturing" else "starting",
        )
    if job["state"] == "queued":
        return "rendering: number %d in the queue" % job.get("queue_position", 1)
    left = job.get("remaining_seconds")
    seconds = ", %d s left" % round(left) if left is not None else ""
    return "rendering: %s %d/%d%s" % (job.get("stage", ""), job.get("step", 0), job.get("steps", 0), seconds)
