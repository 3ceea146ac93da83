"""What entry scripts do: find out what the user means, hand it over, end. They defer no work.

When a script ends that did not defer, REAPER adds an undo point, though nothing was changed. So one that made none of
its own defers nothing at all, once.
"""

import os
import sys
import traceback
import uuid

from reaper_python import *

from .. import log
from ..errors import UserError
from ..jobs.commands import Render, to_json
from ..paths import in_home, package_folder, read_json
from ..project import projects
from ..project.objects import find_track, items_between, lane_hidden, seen, undo_points
from ..source import material
from ..state import extstate, history, presets, settings, status
from . import command_numbers, dialogs, targets

BACKGROUND = "acestep_Background service.py"
SHORTER = "Select a shorter range, or split the item"


def guarded(action):
    """Runs an action; what went wrong is said without a dialog."""
    try:
        action()
    except UserError as error:
        status.problem(error)
    except Exception:
        log.write(traceback.format_exc())
        status.problem("Something went wrong. Run 'Copy support report' and send what it shows")
    if not undo_points():
        sys.modules["__main__"].RPR_defer("pass")


def hand_over(command):
    """Gives a command to the background script, which is started unless it lives."""
    extstate.append_command(to_json(command))
    if extstate.background_lives():
        return
    number = command_numbers.number(os.path.join(package_folder(), BACKGROUND))
    if not number:
        raise UserError("The file '%s' is missing" % BACKGROUND, "Install the scripts again")
    extstate.beat()  # a second key press before it runs must not start another one
    RPR_Main_OnCommand(number, 0)


def render(title, task, mode, chosen, request, recipe=False, surface=True):
    """Asks for renders of targets; one undo point for all.

    `recipe`: exactly this, whatever project, settings and a surface say. `surface`: whether what one sets counts.
    """
    values = settings.load()
    longest = max(target.end - target.start for target in chosen)
    if longest > targets.LONGEST_SECONDS and task != "outpaint":
        raise UserError("%d s are chosen, at most %d s are made at once" % (longest, targets.LONGEST_SECONDS), SHORTER)
    start = _may_start(values)
    if start is None:
        return
    if task not in material.WITHOUT_SOURCE and not recipe:
        for target in chosen:
            target.capture = target.capture or values["capture"]
    notices = [target.notice for target in chosen if target.notice]
    status.show(". ".join(["rendering %s" % title.lower()] + sorted(set(notices))))
    hand_over(Render(uuid.uuid4().hex, title, task, mode, chosen, request, start=start, recipe=recipe, surface=surface,
                     pointers=seen(), identity=projects.identity()))  # fmt: skip


def _may_start(values):
    """Whether a daemon that does not run may be started: by the setting, or asked; None when the user says no."""
    if settings.yes(values, "start_daemon"):
        return True
    down = read_json(in_home("connection.json")) is None or extstate.read("daemon_down", False)
    if not down:
        return False
    if not dialogs.confirm("The ACE-Step daemon does not run.\nStart it now?", "ACE-Step"):
        status.show("nothing was rendered: the daemon does not run. Start it with 'acestep-bridge serve'")
        return None
    return True


def words(ask, title):
    """The settings to render with: the saved ones, or asked for; None when the user cancels."""
    values = settings.load()
    if ask:
        values = dialogs.ask_words(values, title)
    elif not settings.saved():
        values = dialogs.ask_tags(values)
    if values is None:
        return None
    if not values["tags"]:
        raise UserError("Tags are needed", "Say in a few words what it should sound like")
    wrong = settings.problems(values)
    if wrong:
        raise UserError(wrong[0], "Correct it and try again; nothing was rendered")
    settings.save(values)
    history.add(values["tags"])
    return values


def regenerate(mode, ask=False, preset=""):
    """Regenerate the time selection: as a new take, or on a new track; with a preset instead of the settings."""
    chosen, skipped = targets.find(settings.yes(settings.load(), "snap_to_bars"), mode == "track")
    values = _of_preset(preset) if preset else words(ask, "ACE-Step: regenerate")
    if values is None:
        return
    request = settings.request_fields(values, "inpaint")
    request["lyrics"] = dialogs.lyrics_text(values["lyrics"])
    for target in chosen:
        _fill_gap(target, values)
    if skipped:
        chosen[0].note("; ".join(skipped[:3]))
    title = "regenerate as new take" if mode == "take" else "regenerate on a new track"
    title += " (%s)" % preset if preset else ""
    render(title, "inpaint", mode, chosen, request, surface=not preset)


def _of_preset(name):
    """The settings with a preset's; they are not saved."""
    values = presets.applied(settings.load(), name)
    wrong = settings.problems(values)
    if wrong or not values["tags"]:
        raise UserError("The preset '%s': %s" % (name, wrong[0] if wrong else "tags are needed"), "Save it again")
    history.add(values["tags"])
    return values


def regenerate_with(number):
    """Regenerate the time selection as a new take, with the preset of a number."""
    regenerate("take", preset=presets.of_key(number))


def _fill_gap(target, values):
    """Where the track is empty around a gap there is nothing to fit: music is made from tags alone."""
    if target.item:
        return
    near = float(values["context_seconds"] or 10.0)
    track = find_track(target.track)
    around = items_between(track, target.start - near, target.end + near)
    if any(not lane_hidden(item) for item in around):
        return
    request = settings.request_fields(values, "text-to-audio")
    request.update(duration=target.end - target.start, lyrics=dialogs.lyrics_text(values["lyrics"]))
    target.task, target.mode, target.capture, target.request = "text-to-audio", "track", "dry", request
