"""The panel's other end: what a window shows as one JSON text in external state, and its requests carried out.

The contract is docs/reaper_panel.md, version 1. Requests do what the actions of the same names do; none opens a dialog.
"""

import json
import time
import traceback
import uuid

from reaper_python import *

from .. import VERSION, log
from ..actions import dialogs, entry, renders, take_actions
from ..errors import UserError
from ..foreign_text import shown
from ..jobs.commands import Cancel
from ..state import extstate, history, presets, settings, status, surface
from . import command_handlers, progress

CONTRACT = 1
OPEN_SECONDS = 5.0  # a window says each second that it is open
LOOK_TICKS = 15  # half a second: between looks whether a window was opened
LOOK_SECONDS = 0.25
ASK_SECONDS = 1.0  # between looks at the surface's controls and the presets' folder
ANSWERS = 20
QUESTION = "Type tags into the panel, or start the daemon there; then try again"
_TEXTS = ("mode", "preset", "which")


class Panel(object):
    """`step` once per tick. `service` is service.Service."""

    def __init__(self, service):
        self.service = service
        self.is_open = False  # whether a window said of late that it is open
        self._ticks = 0
        self._answers = []
        self._look_at = self._ask_at = 0.0
        self._asking = self._started = False
        self._controls, self._hello, self._presets = {}, {}, []
        self._shown = ""

    def step(self):
        """Obeys, asks and tells; True when a request was carried out. While no window is open, seldom."""
        self._ticks += 1
        if self._ticks % LOOK_TICKS == 1:
            self.is_open = _is_open()
        elif not self.is_open:
            return False
        asked, now = self._obey_all(), time.monotonic()
        if asked or now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if asked or self.is_open:
                self._ask(now)
                self._tell()
        return asked

    # requests
    def _obey_all(self):
        text = RPR_GetExtState(extstate.SECTION, "panel_requests")
        if not text:
            return False
        RPR_SetExtState(extstate.SECTION, "panel_requests", "", 0)
        for line in text.splitlines():
            self._answer(*self._obey(line))
        self._ask_at = 0.0
        return True

    def _answer(self, request_id, ok, message):
        self._answers = (self._answers + [{"id": request_id, "ok": ok, "said": message}])[-ANSWERS:]

    def _obey(self, line):
        """(id, whether it was done, what is to be said)."""
        request_id = ""
        try:
            request = _read(line)
            request_id = request["id"]
            with dialogs.refused(QUESTION):
                _carry_out(self, request)
            return request_id, True, extstate.read("status", "")
        except UserError as error:
            status.problem(error)
            return request_id, False, str(error)
        except Exception:
            log.write(traceback.format_exc())
            return request_id, False, "Something went wrong. Run 'Copy support report' and send what it shows"

    # what the window shows
    def _ask(self, now):
        """Looks at the presets, and asks a daemon that is there what the surface sets."""
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_SECONDS
        self._presets = [
            {"name": name, "key": key} if key else {"name": name} for name, key in presets.keyed(presets.names())
        ]
        daemon = self.service.daemon
        if not daemon.connected or self._asking:
            return
        self._asking, self._started = True, daemon.may_start
        if not daemon.busy:
            daemon.may_start = False  # a daemon that ends meanwhile is not started for a look
        daemon.request("controls", {"action": "get"}, self._heard, self._failed)
        if not self._hello:
            daemon.request("hello", {"client": "REAPER"}, self._greeted, lambda error: None)

    def _heard(self, reply):
        self._asked()
        self._controls = reply["values"]

    def _greeted(self, hello):
        self._hello = hello

    def _failed(self, error):
        self._asked()
        self._controls, self._hello = {}, {}

    def _asked(self):
        self._asking = False
        self.service.daemon.may_start = self.service.daemon.may_start or self._started

    def tell_surface(self, values):
        """What is set here counts, also where a surface drives REAPER: it follows. None takes a control back."""
        if values and self._controls.get("reaper"):
            content = {"action": "set", "values": values, "request_id": uuid.uuid4().hex}
            self.service.daemon.request("controls", content, self._heard, status.problem)

    def _tell(self):
        text = json.dumps(self._state(), sort_keys=True)
        if text != self._shown:
            self._shown = text
            RPR_SetExtState(extstate.SECTION, "panel_state", text, 0)

    def _state(self):
        values = settings.load()
        state = {
            "version": CONTRACT, "scripts": VERSION, "answers": self._answers, "presets": self._presets,
            "settings": dict((name, str(values[name])) for name in settings.DEFAULTS),
            "history": history.load(), "preset": values.get("preset", ""), "said": extstate.read("status", ""),
            "jobs": [_job(batch, part) for batch in self.service.batches for part in batch.parts],
            "surface": self._surface(), "daemon": self._daemon(values),
        }  # fmt: skip
        seed = extstate.read("last_seed")
        return state if seed is None else dict(state, seed=seed)

    def _surface(self):
        """What the surface sets of a request; empty while it does not drive REAPER."""
        values = surface.of_task(self._controls, "inpaint") if self._controls.get("reaper") else {}
        fields = [{"name": name, "value": shown(str(values[name])[:200])} for name in sorted(values)]
        return {"drives": bool(self._controls.get("reaper")), "fields": fields}

    def _daemon(self, values):
        running = self.service.daemon.connected
        model = (self._hello.get("model") or {}) if running else {}
        return {"running": running, "starts": settings.yes(values, "start_daemon"),
                "model": shown(str(model.get("description") or model.get("name") or "")),
                "version": str(self._hello.get("package_version", "")) if running else ""}  # fmt: skip


def _is_open():
    try:
        return abs(time.time() - float(RPR_GetExtState(extstate.SECTION, "panel_open"))) < OPEN_SECONDS
    except ValueError:
        return False


def _job(batch, part):
    """A part of a batch on its way."""
    known = part.status
    steps = known.get("steps") or 0
    fraction = min(1.0, float(known.get("step") or 0) / steps) if steps else 0.0
    row = {"id": part.job.request_id, "title": shown(batch.title), "name": shown(part.job.name),
             "state": part.state, "text": shown(progress.part_text(part)),
             "fraction": 1.0 if part.state == "ready" else round(fraction, 4)}  # fmt: skip
    left = known.get("remaining_seconds")
    return row if left is None else dict(row, seconds_left=round(left, 1))


def made(batch):
    """Remembers the seed of a batch that was placed, for the lock."""
    seed = batch.good[-1].results[-1].get("seed")
    if isinstance(seed, int):
        extstate.write("last_seed", seed)


def _read(line):
    """A request, checked; UserError that names what is wrong."""
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("id"), str):
        raise UserError("The panel sent something else than a request with an id", "Install the scripts again")
    if request.get("version") != CONTRACT:
        raise UserError("The panel speaks version %s, expected %d" % (request.get("version"), CONTRACT),
                        "Install the scripts again")  # fmt: skip
    if request.get("op") not in _OPS:
        raise UserError("op: got '%s', expected one of %s" % (request.get("op"), ", ".join(sorted(_OPS))),
                        "Install the scripts again")  # fmt: skip
    for name in _TEXTS:
        if not isinstance(request.get(name, ""), str):
            raise UserError("%s: got %r, expected a text" % (name, request[name]), "Install the scripts again")
    return request


def _carry_out(panel, request):
    """Settings that came along are saved first."""
    _save(panel, request.get("settings") or {})
    _OPS[request["op"]](panel, request)


def _save(panel, changes):
    if not isinstance(changes, dict) or not all(isinstance(v, str) for v in changes.values()):
        raise UserError("settings: got %r, expected an object of texts" % (changes,), "Install the scripts again")
    unknown = sorted(set(changes) - set(settings.DEFAULTS))
    if unknown:
        raise UserError("settings: there is no '%s'" % unknown[0], "Install the scripts again")
    if not changes:
        return
    values = dict(settings.load(), **changes)
    wrong = settings.problems(values)
    if wrong:
        raise UserError(wrong[0], "Correct it; nothing was saved")
    settings.save(values)
    given = presets.controls(values)
    panel.tell_surface(dict((name, given.get(name)) for name in presets.names_of(changes)))


def _regenerate(panel, request):
    mode = request.get("mode", "take")
    if mode not in ("take", "track"):
        raise UserError("mode: got '%s', expected take or track" % mode, "Install the scripts again")
    preset = request.get("preset", "")
    if not preset and not settings.load()["tags"]:
        raise UserError("Tags are needed", "Say in a few words what it should sound like")
    entry.regenerate(mode, preset=preset)


def _recall(panel, request):
    name = request.get("preset", "")
    if not name:
        settings.save(presets.cleared(settings.load()))
        status.show("no preset")
        return
    settings.save(presets.applied(settings.load(), name))
    preset = presets.recall(name)
    panel.tell_surface(dict((control, preset.get(control)) for control in surface.NAMES))
    status.show("preset '%s'" % name)


def _store(panel, request):
    presets.save(request.get("preset", ""), settings.load())
    status.show("preset '%s' saved" % request["preset"])


def _cancel(panel, request):
    command_handlers.obey(panel.service, Cancel("all" if request.get("which") == "all" else "last"))


def _start(panel, request):
    daemon = panel.service.daemon
    daemon.may_start = True
    daemon.request("hello", {"client": "REAPER"}, lambda hello: None, status.problem)
    status.show("starting the daemon")


_OPS = {
    "set": lambda panel, request: status.show("settings saved"),
    "regenerate": _regenerate,
    "retake": lambda panel, request: renders.retake(),
    "again": lambda panel, request: renders.again(True),
    "recall": _recall,
    "save": _store,
    "cancel": _cancel,
    "previous": lambda panel, request: take_actions.step(-1),
    "next": lambda panel, request: take_actions.step(1),
    "compare": lambda panel, request: take_actions.compare(),
    "keep": lambda panel, request: take_actions.keep(),
    "reject": lambda panel, request: take_actions.reject(),
    "start": _start,
}
