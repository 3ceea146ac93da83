"""REAPER as a peer: what it tells of the project by OSC, and our actions run in it by their named ids.

Speaks REAPER's pattern language as its default pattern file and ours (`acestep.ReaperOSC`) have it. Knows no socket and
no daemon. REAPER sends values only when they change, so that it is asked for all of them at the start.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from typing import Any

from bridge.osc.controls.state import Daw
from bridge.osc.transport.packets import encode
from bridge.osc.transport.surface import Message

REFRESH_ALL = "/action/41743"  # "Control surface: refresh all surfaces"
ASK_AGAIN_SECONDS = 5.0
MAX_TRACKS = 512
ACTIONS = {
    "text_to_audio": "Generate at time selection from tags",
    "prompt_to_audio": "Generate at time selection from a prompt",
    "inpaint": "Regenerate time selection as new take",
    "outpaint": "Extend item after to time selection",
    "outpaint/before": "Extend item before to time selection",
    "outpaint/after": "Extend item after to time selection",
    "audio_to_audio": "Remix selected items",
    "retake": "Retake",
    "lego": "Add instrument to time selection",
    "extract": "Extract instrument from item",
    "complete": "Complete selection",
    "cancel": "Jobs - cancel last",
    "cancel/all": "Jobs - cancel all",
    "take/next": "Next take",
    "take/previous": "Previous take",
    "take/commit": "Commit this take",
    "take/reject": "Reject this take",
    "take/original": "Compare with original",
}
LYRICS_ACTION = "Edit lyrics of selected take"
_TRACK_NAME = re.compile(r"/track/([1-9]\d{0,3})/name")


class ReaperPeer:
    """What REAPER told, in a `Daw`; `on_changed` is called with "loop", "tempo", "play" or a track's number, `on_beat`
    with the playhead's bar and beat, such as 12.3.50."""

    def __init__(
        self,
        daw: Daw,
        send: Callable[[bytes], None],
        on_changed: Callable[[str | int], None],
        on_beat: Callable[[str], None],
    ) -> None:
        self._daw, self._send, self._on_changed, self._on_beat = daw, send, on_changed, on_beat
        self._edges: dict[str, float] = {}
        self.heard = False

    async def run(self) -> None:
        """Ask for all values until REAPER answers: it may be started after us."""
        while True:
            if not self.heard:
                self.act("41743")
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    def act(self, action_id: str) -> None:
        """Run an action: a number, or a named id such as _RS1f2e. A button's 1 triggers it."""
        self._send(encode(f"/action/{action_id}", 1.0))

    def take(self, message: Message) -> None:
        """One message of REAPER's. What we do not know is none of our business."""
        self.heard = True
        value = message.arguments[0] if len(message.arguments) == 1 else None
        track = _TRACK_NAME.fullmatch(message.path)
        if track and isinstance(value, str):
            self._track(int(track[1]), value)
        elif message.path == "/beat/str" and isinstance(value, str):
            self._on_beat(value)
        elif isinstance(value, int | float) and math.isfinite(value):
            self._number(message.path, float(value))

    def _number(self, path: str, value: float) -> None:
        if path in ("/loop/start/time", "/loop/end/time"):
            self._edges[path.split("/")[2]] = value
            start, end = self._edges.get("start", 0.0), self._edges.get("end", 0.0)
            self._set("loop", (start, end) if 0 <= start < end else None)
        elif path == "/tempo/raw" and value > 0:
            self._set("tempo", round(value, 6))
        elif path == "/play":
            self._set("playing", value > 0)

    def _track(self, number: int, name: str) -> None:
        tracks = self._daw.tracks
        if number <= MAX_TRACKS and tracks.get(number) != name:
            tracks[number] = name
            self._on_changed(number)

    def _set(self, name: str, value: Any) -> None:
        if getattr(self._daw, name) != value:
            setattr(self._daw, name, value)
            self._on_changed(name)
