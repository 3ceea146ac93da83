"""Single instruments, of models that were trained for them: one more, one alone, the rest of a band."""

from reaper_python import *

from ..errors import UserError
from ..jobs.instrument_names import NAMES, TRAINED, named
from ..state import extstate, settings
from . import dialogs, targets
from .entry import render
from .renders import whole_target

_LAST = "instruments"  # what was asked for last, by action


def add():
    """One more instrument for the time selection, as an item on a new track."""
    chosen, _ = targets.find(settings.yes(settings.load(), "snap_to_bars"), reads_only=True)
    if len(chosen) > 1:
        raise UserError(
            "%d ranges are chosen" % len(chosen), "Choose one: the instrument is made for what one track plays"
        )
    answer = _ask("ACE-Step: add instrument", "add", "Instrument", "bass")
    if answer is None:
        return
    track = _one(answer[0])
    request = _request("lego", answer[1], track=track)
    target = chosen[0]
    target.name, target.mode = track, "track"
    render("add %s" % track, "lego", "track", [target], request)


def extract():
    """One instrument of an item alone, on a new track."""
    target = whole_target(targets.one_item())
    answer = _ask("ACE-Step: extract instrument", "extract", "Instrument", "vocals")
    if answer is None:
        return
    track = _one(answer[0])
    target.name, target.mode = track, "track"
    render("extract %s" % track, "extract", "track", [target], _request("extract", answer[1], track=track))


def complete():
    """The selected items with further instruments, as new takes."""
    chosen = targets.heard_items() or [targets.one_item()]
    answer = _ask("ACE-Step: complete", "complete", "Instruments to add (bass; drums)", "bass; drums")
    if answer is None:
        return
    tracks = _several(answer[0])
    found = targets.joined([whole_target(item) for item in chosen])
    render("complete", "complete", "take", found, _request("complete", answer[1], tracks=tracks))


def _ask(title, action, caption, usual):
    """[instruments, tags] as typed, remembered for the next time; None when cancelled."""
    last = extstate.read(_LAST, {})
    fields = [(caption, last.get(action) or usual), ("Tags (may be empty)", settings.load()["tags"])]
    answer = dialogs.ask(title, fields)
    if answer is not None:
        extstate.write(_LAST, dict(last, **{action: answer[0]}), persist=True)
    return answer


def _one(text):
    found = _several(text)
    if len(found) != 1:
        raise UserError("%d instruments are named" % len(found), "Name one of %s" % ", ".join(NAMES))
    return found[0]


def _several(text):
    words = [word for word in text.replace(";", ",").split(",") if word.strip()]
    unknown = [word.strip() for word in words if named(word) is None]
    if unknown or not words:
        got = "'%s' is no instrument that the model knows" % unknown[0] if unknown else "No instrument is named"
        raise UserError(got, "Write some of %s" % ", ".join(NAMES))
    return [named(word) for word in words]


def _request(task, tags, **more):
    """The settings' fields; without a model there, the one that was trained for these tasks."""
    request = settings.request_fields(dict(settings.load(), tags=tags), task)
    if not request["tags"]:
        request.pop("tags")
    request.setdefault("model", TRAINED)
    request.update(more)
    return request
