"""The one background script: it alone defers. Takes commands, drives jobs, places results.

A tick does one bounded thing. A second instance takes the token over and the first one ends.
"""

import sys
import time
import traceback

from reaper_python import *

from .. import log
from ..daemon.connection import Daemon
from ..errors import DaemonError, UserError
from ..jobs import commands
from ..jobs.job import Job
from ..paths import in_home, read_json
from ..project import grid, projects
from ..project.objects import forget_spans, media_folder, recording, remember
from ..results import peaks, placing
from ..source import capture
from ..state import extstate, settings, status
from . import batches, command_handlers, panel, progress, records

TOKEN_TICKS = 15  # half a second: how often another instance is looked for
BEAT_SECONDS = 3.0
HERE_TICKS = 15  # how often a finished batch asks whether its project is open now
IDLE_SECONDS = 120.0
LIST_PAGE, LIST_MOST = 10, 400  # jobs a reply: one tick reads all of it
STATUS_SECONDS = 0.25
REPEAT_SECONDS = 1.0  # REAPER writes over the help line: what runs is said again
TICK = "acestep_background.tick()"
KEPT = "%s. %s 'Jobs - show': the result is kept until then"
UNPLACED = "A result could not be placed as a whole (see the log %s). Undo what is there; 'Jobs - show' tries again"

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
        self.given_up = set()
        self._peaks = peaks.Peaks()
        self._panel = panel.Panel(self)
        self._ticks = 0
        self._active_at = time.monotonic()
        self._beat_at = time.monotonic()
        self._status_at = 0.0
        self._seen_project = None
        self._shown = ""
        self._shown_at = 0.0
        capture.sweep()

    def close(self):
        if extstate.holds(self._token):
            extstate.release()
        for batch in self.batches:
            for part in batch.parts:
                part.abandon()
        self.daemon.close()

    def tick(self):
        """Does one bounded thing; False when the script should end."""
        self._ticks += 1
        if not self._keep_house():
            return False
        worked = self._panel.step() or self._obey_all() or self.daemon.tick()
        if not (worked or any(self._advance(batch) for batch in list(self.batches))):
            self._peaks.step()
        self._show()
        return self._has_work() or time.monotonic() - self._active_at < IDLE_SECONDS

    def _has_work(self):
        return bool(self.batches or self._peaks.waiting or self.daemon.busy or self._panel.is_open)

    def _keep_house(self):
        """Token, heartbeat and project, each in a tick of its own; False when another instance took over."""
        if self._ticks % TOKEN_TICKS == 0:
            return extstate.holds(self._token)
        if self._ticks % TOKEN_TICKS == 5:
            self._look_at_project()
        elif time.monotonic() - self._beat_at > BEAT_SECONDS:
            self._beat()
        return True

    def _beat(self, seconds_ahead=0.0):
        extstate.beat(seconds_ahead)
        self._beat_at = time.monotonic()

    # commands
    def _obey_all(self):
        """Whether there were any."""
        waiting = extstate.take_commands()
        for values in waiting:
            self._active_at = time.monotonic()
            self._obey(commands.from_json(values))
        return bool(waiting)

    def _obey(self, command):
        if isinstance(command, commands.Render):
            self._render(command)
        else:
            command_handlers.obey(self, command)

    def _render(self, command):
        """Begins a batch; what the control surface sets is asked for before anything is submitted."""
        remember(command.pointers)
        batch = batches.from_command(command)
        self.batches.append(batch)
        self._status_at = 0.0
        self.daemon.may_start = command.start or settings.yes(settings.load(), "start_daemon")
        if command.recipe or not command.surface:
            return
        batch.controls = None
        self.daemon.request(
            "controls", {"action": "get"}, lambda reply: batch.set_controls(reply["values"]), batch.fail
        )

    # jobs that the daemon kept from earlier
    def _look_at_project(self):
        """On a new tab, or at the start: what does the daemon hold for this project?"""
        here = projects.active()
        if here == self._seen_project:
            return
        if self.daemon.connected or (self._seen_project is None and read_json(in_home("connection.json"))):
            self._seen_project = here
            self.look()

    def look(self, failed=lambda error: None):
        """Asks the daemon for jobs whose results belong into the active project."""
        self._list(0, failed)

    def _list(self, offset, failed):
        content = {"limit": LIST_PAGE, "offset": offset}
        self.daemon.request("list", content, lambda reply: self._kept(reply, offset, failed), failed)

    def _kept(self, reply, offset, failed):
        if len(reply["jobs"]) == LIST_PAGE and offset < LIST_MOST:
            self._list(offset + LIST_PAGE, failed)
        known = records.load() | self.given_up
        for part in [p for b in self.batches for p in b.parts]:
            known.update((part.job_id, part.job.request_id))
        alive = [
            status
            for status in reply["jobs"]
            if status["state"] not in ("failed", "cancelled") and status["job_id"] not in known
        ]
        read = [(status, Job.from_client_data(status["client_data"])) for status in alive]
        ours = [(status, job) for status, job in read if job and job.request_id not in known and projects.is_here(job)]
        self.batches += batches.from_daemon(ours, self.daemon)

    # placing
    def _advance(self, batch):
        """One step of a batch; True when it was work enough for a tick."""
        if not batch.ready:
            return self._step_parts(batch)
        if not batch.good:
            self._end(batch)
        elif self._may_place(batch):
            self._finish(batch)
            return True
        return False

    def _step_parts(self, batch):
        """The first part that has something to do does it: reads the project, or is sent to the daemon."""
        here = None
        for part in batch.parts:
            if part.ended or (part.state == "asking" and batch.controls is None):
                continue
            if part.in_project:
                here = projects.is_here(part.job) if here is None else here
                if not here or part.blocks and recording():
                    continue
                if part.blocks and not part.announced:
                    part.announced = True
                    status.show("rendering the track through its FX; REAPER waits meanwhile")
                    return True
            elif part.state != "asking":
                continue
            part.step(self.daemon)
            return True
        return False

    def _may_place(self, batch):
        """Whether the project is open in front and nothing is being recorded."""
        if batch.here_at > self._ticks:
            return False
        if recording() or not projects.is_here(batch.job):
            batch.here_at = self._ticks + HERE_TICKS
            return False
        return batch.waits_since is None or grid.count(batch.quantize) != batch.waits_since

    def _waits(self, batch):
        """Whether the next beat or bar is waited for, now that all is ready; `_may_place` looks from then on."""
        if batch.waits_since is not None:
            return False
        batch.waits_since = grid.count(batch.quantize)
        return batch.waits_since is not None

    def _finish(self, batch):
        """Makes the files a little at a time, then places them; nothing half-done stays behind a failure."""
        try:
            for part in batch.good:
                if not part.has_files:
                    part.file_step(media_folder())
                    return
            if not batch.sought:
                batch.sought = True
                forget_spans()
            for part in batch.good:
                if not part.found and not part.find():
                    return
            if not self._waits(batch):
                self._place(batch)
        except UserError as error:
            status.problem(KEPT % (error, error.remedy and "Then run" or "Run"))
            self._drop(batch)
        except Exception:
            log.write(traceback.format_exc())
            status.problem(UNPLACED % log.path())
            self._drop(batch)

    def _drop(self, batch):
        """A batch that cannot be placed now: its files go, its jobs stay with the daemon."""
        for part in batch.parts:
            part.discard_files()
            self.given_up.add(part.job_id)
        self._forget(batch)

    def _place(self, batch):
        self._beat(60.0)
        placed = placing.place("ACE-Step: " + batch.title, batch.good)
        self._beat()
        records.add([p.job_id for p in batch.good])
        panel.made(batch)
        self._peaks.add(placed.sources)
        self._end(batch, placed.notices)

    def _end(self, batch, notices=()):
        self._forget(batch)
        failed = [p for p in batch.parts if p.state == "failed" and p.error]
        records.add([p.job_id for p in failed if isinstance(p.error, DaemonError)])
        if failed:
            status.problem(". ".join([progress.failed(batch, failed)] + list(notices)))
        elif not batch.good:
            status.show("cancelled")
        else:
            status.show(". ".join(["%s: done" % batch.title] + list(notices) + [progress.made_by(batch)]))

    def _forget(self, batch):
        self.batches = [b for b in self.batches if b is not batch]
        self._active_at = time.monotonic()
        self._shown = ""
        extstate.write("jobs", progress.lines(self.batches))

    # what the user sees
    def _show(self):
        if not self.batches or time.monotonic() < self._status_at or status.answered():
            return
        self._status_at = time.monotonic() + STATUS_SECONDS
        text = progress.line(self.batches)
        if text != self._shown or time.monotonic() - self._shown_at >= REPEAT_SECONDS:
            self._shown, self._shown_at = text, time.monotonic()
            status.show(text)
            extstate.write("jobs", progress.lines(self.batches))
