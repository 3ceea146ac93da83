"""`python -m tests.browser drop`: the page's drag in a real window, dropped by a real pointer.

Needs Xvfb, openbox, xdotool and Ardour 7 (Debian: apt-get install xvfb openbox xdotool ardour); for the list of types
also Debian's own Python with GTK (python3-gi, gir1.2-gtk-3.0). Skipped with a reason, and exit code 0, where one of
the programs is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bridge.gateway.secret_files import secrets_of
from tests.ardour.program import Ardour, Display
from tests.browser.stage import Stage, stage

PROGRAMS = ("Xvfb", "openbox", "xdotool", "ardour", "ardour7-new_session")
SYSTEM_PYTHON = "/usr/bin/python3"
TARGET = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk

window = Gtk.Window(title="TARGET")
window.set_default_size(300, 300)
box = Gtk.EventBox()
window.add(box)
box.drag_dest_set(0, [], Gdk.DragAction.COPY)

def over(widget, context, x, y, time):
    print(" ".join(sorted(atom.name() for atom in context.list_targets())), flush=True)
    Gdk.drag_status(context, 0, time)
    return True

box.connect("drag-motion", over)
window.show_all()
GLib.timeout_add_seconds(120, Gtk.main_quit)
Gtk.main()
"""


class Pointer:
    """The display's one pointer, as a hand moves it."""

    def __init__(self, display: str) -> None:
        self._environment = {**os.environ, "DISPLAY": display}

    def do(self, *words: object) -> str:
        """What xdotool is told; what it says."""
        told = ["xdotool", *map(str, words)]
        return subprocess.run(told, env=self._environment, capture_output=True, text=True, check=True).stdout.strip()

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """From one place of the screen to another, in steps that programs can follow."""
        self.do("mousemove", *start)
        time.sleep(1.0)  # the copy is made when the pointer comes
        self.do("mousedown", 1)
        for _ in range(4):
            self.do("mousemove_relative", 6, 4)
            time.sleep(0.15)
        for part in range(1, 11):
            x, y = (round(a + (b - a) * part / 10) for a, b in zip(start, end, strict=True))
            self.do("mousemove", x, y)
            time.sleep(0.2)
        for _ in range(4):
            self.do("mousemove_relative", 2, 1)
            time.sleep(0.3)
        self.do("mouseup", 1)
        time.sleep(3.0)

    def place(self, title: str, x: int, y: int, *size: int) -> None:
        """Put a window there."""
        window = self.do("search", "--sync", "--name", title).split()[-1]
        self.do("windowmove", window, x, y)
        if size:
            self.do("windowsize", window, *size)
        self.do("windowraise", window)
        time.sleep(1.0)


def drop() -> int:
    """Both targets; 0 where Ardour has the take that was dropped onto it."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        print(f"skipped: no {', '.join(missing)} here", flush=True)
        return 0
    display = Display()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        stack.callback(display.close)
        _beside(stack, ["openbox"], display.name)
        made = stack.enter_context(stage(display=display.name))
        _make_a_take(made)
        pointer = Pointer(display.name)
        with _target(display.name) as types:
            pointer.place("TARGET", 900, 350)
            pointer.drag(_handle(made), (1050, 500))
        print(f"types offered: {' '.join(types())}", flush=True)
        fine = [_onto_ardour(made, Path(name) / f"{here}", display, pointer, here) for here in (False, True)]
    return 0 if all(fine) else 1


def _make_a_take(made: Stage) -> None:
    made.open()
    made.take_song()
    made.fill(tags="house", number_of_steps=2)
    made.render()


def _handle(made: Stage) -> tuple[int, int]:
    """Where the handle of the drag is on the screen."""
    handle = made.page.locator("#drag-out")
    handle.evaluate("handle => handle.scrollIntoView({ block: 'start' })")
    box = handle.bounding_box()
    left, top = made.page.evaluate("[screenX + (outerWidth - innerWidth) / 2, screenY + outerHeight - innerHeight]")
    return round(left + box["x"] + box["width"] / 2), round(top + box["y"] + box["height"] / 2)


def _onto_ardour(made: Stage, folder: Path, display: Display, pointer: Pointer, here: bool) -> bool:
    """Whether Ardour takes it from a page that was opened on this machine, and gets nothing from another one."""
    job = made.page.evaluate("document.querySelector('#listen').dataset.job")
    with made.client() as client:
        samples = client.result(job).first.audio.samples
    word = f"&here={secrets_of(made.home / 'gateway').here}" if here else ""
    made.page.goto("about:blank")
    made.page.goto(f"{made.gateway.url}/#key={made.gateway.key}{word}")
    _listen_again(made)
    folder.mkdir()
    ardour = Ardour(folder, display, made.home, 44100)
    ardour.prepare()
    ardour.start()
    try:
        pointer.place("song - Ardour", 0, 310, 1270, 400)
        pointer.drag(_handle(made), (900, 700))
        told = ardour.lua(
            "local say = ... for _, region in pairs (ARDOUR.RegionFactory.regions ():table ()) do"
            " say (region:length ():samples ()) end"
        )
    finally:
        ardour.kill()
    took = str(samples) in told
    where = "by `studio` on this machine" if here else "with the key alone"
    print(f"Ardour, from a page opened {where}: {'took the take' if took else 'took nothing'} {told[:1]}", flush=True)
    return took == here


def _listen_again(made: Stage) -> None:
    made.page.wait_for_selector("#tasks input")
    made.go_to("jobs")
    made.page.wait_for_selector(".job-name")
    made.page.click(".job-name")
    made.page.click("#detail >> text=Listen")
    made.wait_until("!document.querySelector('#listen').hidden && !document.querySelector('#drag-out').hidden")


@contextlib.contextmanager
def _target(display: str) -> Iterator[Callable[[], list[str]]]:
    """A window that says which types a drag over it has; what it said, in words."""
    process = subprocess.Popen(
        [SYSTEM_PYTHON, "-c", TARGET],
        env={**os.environ, "DISPLAY": display},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def types() -> list[str]:
        process.terminate()
        out, _ = process.communicate(timeout=10)
        return (out.splitlines() or ["not told: no GTK in Debian's Python"])[0].split()

    try:
        yield types
    finally:
        time.sleep(0.5)


def _beside(stack: contextlib.ExitStack, words: list[str], display: str) -> None:
    process = subprocess.Popen(words, env={**os.environ, "DISPLAY": display}, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
