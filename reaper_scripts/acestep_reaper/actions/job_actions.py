"""Jobs: show, cancel; settings; setup; the support report. Dialogs here are what the user asked for."""

import os
import sys

from reaper_python import *

from .. import VERSION, log
from ..errors import UserError
from ..foreign_text import shown
from ..jobs.commands import Cancel, Look, Register
from ..paths import fs, home, in_home, package_folder, read_json, text
from ..project import projects
from ..state import extstate, settings, status
from . import command_numbers, dialogs
from .entry import BACKGROUND, hand_over

_LABELS = (
    ("tags", "Tags"),
    ("lyrics", "Lyrics (/ = new line)"),
    ("steps", "Steps (empty = the model's)"),
    ("seed", "Seed (empty = random)"),
    ("variance", "Variance of a retake (0-1)"),
    ("context_seconds", "Context in seconds"),
    ("crossfade_seconds", "Crossfade in seconds"),
    ("variations", "Variations"),
    ("model", "Model (empty = the daemon's)"),
    ("duration", "Length to generate in seconds"),
    ("capture", "Capture: dry; wet or bus (REAPER waits)"),
    ("snap_to_bars", "Snap to bars (yes/no)"),
    ("start_daemon", "Start the daemon by itself (yes/no = ask)"),
    ("region_word", "Word that begins a region's name"),
    ("key", "Key of this project (A minor; empty: unknown)"),
    ("lanes", "Results as new lanes (yes/no; REAPER 7)"),
)

COSTS = {
    "dry": "the file itself, or the track before its FX; REAPER never waits",
    "wet": "the track through its FX; REAPER waits while it renders, results go to a new track",
    "bus": "the folder or master that the track plays into; REAPER waits while it renders, results go to a new track",
}


def show():
    """What runs, as a list; results that wait for this project are looked for again."""
    lines = extstate.read("jobs", []) if extstate.background_lives() else []
    hand_over(Look())
    dialogs.tell("\n".join(lines) or "No job is running.", "ACE-Step jobs")


def cancel(which):
    """Cancels the last batch, or all; also those that the daemon has from before REAPER was started."""
    if not extstate.background_lives() and read_json(in_home("connection.json")) is None:
        raise UserError("No job is running", "There is nothing to cancel")
    hand_over(Cancel(which))


def edit_settings():
    """The settings dialog. The key belongs to the project, the rest to the user."""
    values = dict(settings.load(), key=projects.key())
    answer = dialogs.ask("ACE-Step settings", [(label, values[name]) for name, label in _LABELS])
    if answer is None:
        return
    chosen = dict(zip([n for n, _ in _LABELS], answer))
    wrong = settings.problems(chosen)
    if wrong:
        raise UserError(wrong[0], "Nothing was saved; open the settings again")
    if chosen["key"] != values["key"]:
        projects.set_key(chosen["key"])
    del values["key"], chosen["key"]
    settings.save(dict(values, **chosen))
    status.show("settings saved" + (". Capture %s: %s" % (chosen["capture"], COSTS[chosen["capture"]])))


def scripts():
    """Paths of all entry scripts beside this package."""
    names = [text(n) for n in os.listdir(fs(package_folder()))]
    file_names = [n for n in sorted(names) if n.startswith("acestep_") and n.endswith((".py", ".lua"))]
    return [os.path.join(package_folder(), n) for n in file_names]


def register():
    """Registers every action; {script's name: named command id such as _RS...}."""
    named = {}
    for path in scripts():
        number = command_numbers.number(path)
        name = os.path.splitext(os.path.basename(path))[0][len("acestep_") :]
        if number and os.path.basename(path) != BACKGROUND:
            named[name] = command_numbers.name_of(number)
    return named


def checks():
    """Lines about Python, REAPER and the daemon."""
    install = read_json(in_home("install.json"))
    running = read_json(in_home("connection.json"))
    return [
        "REAPER %s, Python %s, scripts %s" % (RPR_GetAppVersion(), sys.version.split()[0], VERSION),
        "Daemon installed: " + ("yes" if install else "no. Run 'acestep-bridge reaper install' in a terminal"),
        "Daemon running: " + ("yes" if running else "no. It starts with the first job"),
    ]


def setup():
    """Registers the actions, checks what is there, tells the daemon the named command ids."""
    commands = register()
    hand_over(Register(commands))
    lines = ["%d actions are in the action list (search for 'acestep')" % len(commands)] + checks()
    dialogs.tell("\n".join(lines), "ACE-Step setup")


def support_report():
    """Writes a report and shows it in REAPER's console, from where it can be copied."""
    chosen = {k: v for k, v in settings.load().items() if k not in ("tags", "lyrics")}
    problem = extstate.read("problem", "none")
    lines = checks() + ["Settings: %s" % chosen, "Last problem: %s" % problem, "Log:", log.tail()]
    lines += ["The daemon's log:", log.tail(60, in_home("daemon.log"))]
    report = "\n".join(lines)
    path = in_home("support-report.txt")
    try:
        os.makedirs(fs(home()), exist_ok=True)
        with open(fs(path), "w", encoding="utf-8") as stream:
            stream.write(report)
        where = "also in %s" % path
    except OSError as error:
        where = "not written to %s: %s" % (path, error.strerror)
    RPR_ShowConsoleMsg(shown("ACE-Step support report (%s)\n\n%s\n" % (where, report)))
