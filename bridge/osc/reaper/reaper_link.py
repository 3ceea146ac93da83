"""REAPER beside the controller: commands become our actions there, what it tells of the project becomes feedback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.clock.daw_clock import DawClock
from bridge.osc.commands import Worker
from bridge.osc.controls.state import REAPER, Controls
from bridge.osc.daemon.daemon import Daemon
from bridge.osc.daemon.shared import SharedControls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler, Part
from bridge.osc.reaper.reaper import ACTIONS, LYRICS_ACTION, ReaperPeer
from bridge.osc.transport.surface import Message, Peer
from bridge.protocol.errors import BridgeError

GOODBYE_SECONDS = 1.0


class ReaperLink:
    """`peer` is where REAPER listens, `send` bytes to it; `changed` is told the controls that follow the project."""

    def __init__(
        self,
        peer: Peer,
        send: Callable[[Peer, bytes], None],
        controls: Controls,
        feedback: Feedback,
        changed: Callable[[set[str]], None],
        clock: DawClock,
    ) -> None:
        self._host, self._controls, self._feedback, self._changed = peer[0], controls, feedback, changed
        self._clock = clock
        self.reaper = ReaperPeer(controls.daw, partial(send, peer), self._on_daw, clock.at)

    def hear(self, sender: Peer, messages: list[Message]) -> None:
        """Messages that came in; those of REAPER's are taken."""
        if sender[0] == self._host:
            for message in messages:
                if not message.path.startswith(ROOT):
                    self.reaper.take(message)

    async def let_go(self, daemon: Daemon) -> None:
        """Without this controller its surfaces set nothing in REAPER any more."""
        with contextlib.suppress(BridgeError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await daemon.set_controls({REAPER: None})

    def _on_daw(self, what: str | int) -> None:
        daw, feedback = self._controls.daw, self._feedback
        if isinstance(what, int):
            feedback.everyone(f"{ROOT}/daw/track", what, daw.tracks[what])
        elif what == "loop":
            feedback.put(f"{ROOT}/daw/loop", *(daw.loop or (0.0, 0.0)))
        elif what == "tempo":
            feedback.put(f"{ROOT}/daw/tempo", float(daw.tempo or 0.0))
        else:
            feedback.put(f"{ROOT}/daw/play", int(daw.playing))
        self._clock.state()
        self._changed(self._controls.follow())


class InReaper:
    """The handlers of a part, run as actions in REAPER while the control `reaper` is on."""

    def __init__(
        self, part: Part, reaper: ReaperPeer, controls: Controls, shared: SharedControls, worker: Worker
    ) -> None:
        self._part, self._reaper, self._controls, self._shared, self._worker = part, reaper, controls, shared, worker

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        handlers = dict(self._part.handlers())
        for name in ACTIONS:
            path = f"{ROOT}/{name}"
            if path in handlers:
                handlers[path] = replace(handlers[path], do=partial(self._do, name, handlers[path]))
        return handlers

    def _do(self, name: str, otherwise: Handler, sender: Peer, value: Any) -> None:
        if self._controls.values.get(REAPER):
            self._act(name)
        else:
            otherwise.do(sender, value)

    def _act(self, name: str) -> None:
        lyrics = name == "audio_to_audio" and self._controls.values.get("edit_mode") == "lyrics"
        action = LYRICS_ACTION if lyrics else ACTIONS[name]
        action_id = self._shared.actions.get(action)
        if action_id is None:
            expected = "our scripts set up: run 'ACE-Step: Setup' from REAPER's action list once"
            raise OscError(f"{ROOT}/{name}", f"no id for the action '{action}'", expected)
        self._worker.give(f"{ROOT}/{name}", partial(self._run_action, action_id))

    async def _run_action(self, action_id: str) -> None:
        await self._shared.flushed()
        self._reaper.act(action_id)
