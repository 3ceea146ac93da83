"""A real daemon with nano, a real gateway, and Debian's Chromium on its page, driven by Playwright's client library.

Playwright lies outside the project: ACESTEP_PLAYWRIGHT names the folder that `pip install --target` filled; axe-core in
the folder of ACESTEP_NODE_PEERS. No browser is downloaded. Every request and every complaint of the page is kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.client import Client, ensure_daemon
from tests.support.gateway import GatewayProcess

TEMPO, SECONDS, RATE = 120.0, 12.0, 44100
WAIT_MS = 60_000
SIZE = {"width": 1280, "height": 900}
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu", "--mute-audio"]


def chromium() -> str | None:
    """Debian's Chromium, or another that is here."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def axe_source() -> str | None:
    """The source of axe-core; None where it is not here."""
    path = Path(os.environ.get("ACESTEP_NODE_PEERS", ".")) / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text("utf-8") if path.is_file() else None


def what_is_missing() -> list[str]:
    """What has to be installed before this can run, in words."""
    sys.path.extend(path for path in [os.environ.get("ACESTEP_PLAYWRIGHT", "")] if path and path not in sys.path)
    missing = [] if chromium() else ["chromium (apt-get install chromium)"]
    try:
        import playwright  # type: ignore[import-not-found]

        assert playwright
    except ImportError:
        missing.append("playwright (pip install --target DIR playwright; ACESTEP_PLAYWRIGHT=DIR)")
    if axe_source() is None:
        missing.append("axe-core (npm install --prefix DIR axe-core; ACESTEP_NODE_PEERS=DIR)")
    return missing


def song(path: Path) -> Path:
    """Chords with a beat at 120 bpm, 12 s, stereo."""
    times = np.arange(int(RATE * SECONDS)) / RATE
    music = sum(0.15 * np.sin(2 * np.pi * pitch * times) for pitch in (220.0, 277.2, 329.6))
    noise = np.random.default_rng(1).uniform(-1, 1, 3000) * np.exp(-np.arange(3000) / 500)
    assert isinstance(music, np.ndarray)
    for beat in np.arange(0.0, SECONDS, 60 / TEMPO):
        at = int(beat * RATE)
        music[at : at + 3000] += 0.5 * noise[: len(music) - at]
    soundfile.write(path, np.stack([music, music], axis=1), RATE, subtype="PCM_16")
    return path


class Stage:
    """What the checks work with: `page` (Playwright's), the gateway, a client of the daemon, the song."""

    def __init__(self, folder: Path, page: Any, gateway: GatewayProcess) -> None:
        self.folder, self.page, self.gateway = folder, page, gateway
        self.home = gateway.home
        self.music = folder / "music"  # the gateway's one root
        self.music.mkdir(exist_ok=True)
        self.song = song(self.music / "song.wav")
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.forgiven = False  # while something is ended on purpose, the browser complains of it
        self.told: dict[str, float] = {}  # figures
        self.is_timed = True  # whether these are measured against what is promised
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{error} {getattr(error, 'stack', '')}"[:600]))
        page.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not self.forgiven:
            self.complaints.append(f"{message.type}: {message.text}")

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Another client of the daemon."""
        with Client.connect(self.home) as client:
            yield client

    def daemon_with(self, model: str) -> None:
        """Another daemon in the place of the one that runs, with another model."""
        self.forgiven = True
        _end_daemon(self.home)
        ensure_daemon(self.home, ("--model", model))[0].close()
        self.page.wait_for_selector("#banner", state="hidden")
        self.forgiven = False

    def open(self, view: str = "make") -> None:
        """The page with its key, on a view."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.gateway.url}/#key={self.gateway.key}")
        self.page.wait_for_selector("#tasks input")
        self.go_to(view)

    def go_to(self, view: str) -> None:
        self.page.click(f"nav a[data-view={view}]")
        self.page.wait_for_selector(f"#view-{view}:not([hidden])")

    def take_song(self, task: str = "inpaint") -> None:
        """Choose the song as the source of a task."""
        self.page.check(f"#task-{task}", force=True)
        self.page.set_input_files("#file", str(self.song))
        self.wait_until("document.querySelector('#source-name').textContent.startsWith('song.wav: 12')")

    def fill(self, **values: Any) -> None:
        """Fill fields, opening the groups that they are folded in."""
        for name, value in values.items():
            self.page.evaluate(
                "name => document.getElementById(`field-${name}`).closest('details')?.setAttribute('open', '')", name
            )
            self.page.fill(f"#field-{name}", str(value))

    def render(self) -> None:
        """Go, and wait until there is something to listen to."""
        before = self.page.evaluate("document.querySelector('#listen').dataset.job ?? ''")
        self.page.click("#go")
        self.wait_until(
            """before => {
              const box = document.querySelector("#listen");
              return !box.hidden && box.dataset.job !== before;
            }""",
            before,
        )

    def wait_until(self, script: str, given: Any = None) -> None:
        """Until an expression or a function of the page gives true. Playwright's own way needs `unsafe-eval`."""
        limit = time.monotonic() + WAIT_MS / 1000
        while not self.page.evaluate(script, given):
            assert time.monotonic() < limit, f"not in time: {script}"
            time.sleep(0.03)

    def value(self, selector: str) -> float:
        return float(self.page.input_value(selector))

    def position(self) -> float:
        minutes, seconds = self.page.inner_text("#position").split(":")
        return 60 * int(minutes) + float(seconds)


@contextlib.contextmanager
def stage(size: dict[str, int] | None = None, dark: bool = False, display: str = "") -> Iterator[Stage]:
    """Everything running, in a home of its own; nothing is left behind. `display`: an X server whose window it has."""
    from playwright.sync_api import sync_playwright  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        home = Path(name) / "home"
        home.mkdir()
        ensure_daemon(home, ("--model", "nano"))[0].close()
        stack.callback(_end_daemon, home)
        (Path(name) / "music").mkdir()
        gateway = GatewayProcess(home, "--root", str(Path(name) / "music"))
        gateway.start()
        stack.callback(lambda: gateway.process and gateway.process.poll() is None and gateway.stop())
        on_display = ["--window-position=0,0", "--window-size=1280,330"] if display else []
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium(),
            args=[*FLAGS, *on_display],
            headless=not display,
            env={**os.environ, "DISPLAY": display},
        )
        stack.callback(browser.close)
        shown = {"no_viewport": True} if display else {"viewport": size or SIZE}
        context = browser.new_context(**shown, color_scheme="dark" if dark else "light", accept_downloads=True)
        yield Stage(Path(name), context.new_page(), gateway)


def _end_daemon(home: Path) -> None:
    with contextlib.suppress(Exception), Client.connect(home) as client:
        client.shutdown()
    limit = time.monotonic() + 20
    while (home / "connection.json").exists() and time.monotonic() < limit:
        time.sleep(0.05)
