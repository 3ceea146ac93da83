"""Our session in Open Stage Control itself, with a browser in front and a real controller behind. Opt-in.

`ACESTEP_OPEN_STAGE_CONTROL` is a folder in which `node app --no-gui` starts it (tried with 1.30.3 built from source);
Chromium must be there. `ACESTEP_PICTURES` is a folder for screenshots.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from make_layouts import boards, session_file

from bridge.client import ensure_daemon
from tests.support.browser import Browser, find_browser
from tests.support.cli_material import start
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES

PROGRAM = os.environ.get("ACESTEP_OPEN_STAGE_CONTROL", "")

pytestmark = pytest.mark.skipif(
    not (PROGRAM and find_browser() and shutil.which("node")),
    reason="ACESTEP_OPEN_STAGE_CONTROL names no Open Stage Control, or Chromium or node is absent",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition, seconds: float = 20.0):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def center(board, path: str) -> tuple[float, float]:
    """Where a widget's middle is on the screen."""
    left, top, width, height = next(w.place for w in board.pages[0].widgets if w.path == path)
    (columns, rows), size = board.grid, board.size
    return (left + width / 2) / columns * size[0], (top + height / 2) / rows * size[1]


@pytest.fixture
def controller(tmp_path):
    client, _ = ensure_daemon(tmp_path / "home", ["--renderer", SINES])
    process = start(tmp_path / "home", "osc", "--port", "0", "--root", str(tmp_path))
    port = int(process.stdout.readline().split("port ")[1].split(".")[0])
    yield port, client
    process.terminate()
    process.communicate(timeout=HANG_SECONDS)
    client.shutdown()
    client.close()


@pytest.fixture(params=[board.name for board in boards()])
def screen(request, controller, tmp_path):
    """A board in the browser; for the phone, its first page."""
    board = next(board for board in boards() if board.name == request.param)
    web, osc = free_port(), free_port()
    words = ["--no-gui", "--no-qrcode", "--read-only", "-p", str(web), "-o", str(osc)]
    words += [
        "-s",
        f"127.0.0.1:{controller[0]}",
        "--cache-dir",
        str(tmp_path / "cache"),
        "-l",
        str(session_file(board)),
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["node", str(Path(PROGRAM) / "app"), *words], **quiet)
    browser = None
    try:
        until(lambda: answers(web))
        browser = Browser(tmp_path / "profile", board.size)
        browser.open(f"http://127.0.0.1:{web}/")
        yield board, browser
    finally:
        if browser is not None:
            browser.close()
        server.terminate()
        server.wait(HANG_SECONDS)


def tap(browser: Browser, place: tuple[float, float], condition) -> None:
    """Tap; again where a busy machine lost it."""
    for _ in range(4):
        browser.click(*place)
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            if condition():
                return
            time.sleep(0.05)
    raise AssertionError("a tap had no effect")


def shows(browser: Browser, words: str):
    return until(lambda: words in browser.run("document.body ? document.body.innerText : ''"))


def test_the_session_plays(screen, controller):
    """It connects by itself, shows the state, sends taps and typed texts, and follows what others set."""
    board, browser = screen
    _, client = controller
    shows(browser, "ready")
    shows(browser, "new seed each time")
    browser.click(*center(board, "inpaint"))
    shows(browser, "no source")
    if board.name == "tablet":
        browser.click(*center(board, "tags"))
        time.sleep(0.3)
        browser.type("steps=40 step_seconds=0.02")
        until(lambda: client.controls().values.get("tags") == "steps=40 step_seconds=0.02")
    client.set_controls({"seed": 1862039, "variance": 0.35, "strength": 0.7, "duration": 0.5})
    client.set_controls({"tags": "steps=40 step_seconds=0.02"})
    shows(browser, "seed 1862039 locked")
    time.sleep(1)  # the switch is drawn a moment after the words
    tap(browser, center(board, "seed/lock"), lambda: "seed" not in client.controls().values)
    tap(browser, center(board, "text_to_audio"), lambda: client.jobs().total)
    shows(browser, "denoise")
    shows(browser, "take 1 of 1")
    assert not browser.said
    if os.environ.get("ACESTEP_PICTURES"):
        browser.picture(Path(os.environ["ACESTEP_PICTURES"]) / f"open-stage-control-{board.name}.png")
