"""The OSC controller: its parts put together. Surfaces on one side, the daemon (and REAPER) on the other.

Each address is done by the part that has its handler (`handlers.py`); a part is given what it needs, never this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, cast

from bridge.clock.ableton_link import LinkClock
from bridge.clock.clock import Clock, Source
from bridge.clock.position import PositionClock
from bridge.osc.address_space.addresses import ROOT
from bridge.osc.clock.beats import Beats
from bridge.osc.clock.clock_controls import ClockControls
from bridge.osc.clock.daw_clock import DawClock
from bridge.osc.clock.repeat import Repeat
from bridge.osc.clock.tempo_commands import TEMPO, TempoCommands
from bridge.osc.commands import Worker
from bridge.osc.controls.control_changes import ControlChanges, NamedFiles, check_no_reaper
from bridge.osc.controls.lamps import Lamps
from bridge.osc.controls.looks import Looks
from bridge.osc.controls.preset_commands import PresetCommands
from bridge.osc.controls.presets import Presets
from bridge.osc.controls.queries import Queries
from bridge.osc.controls.state import LINK, REAPER, REGION, REPEAT, SEED, SOURCE, Controls
from bridge.osc.daemon.daemon import Daemon
from bridge.osc.daemon.daemon_restart import DaemonRestart, Start
from bridge.osc.daemon.following import DaemonFollower
from bridge.osc.daemon.jobs import JobWatch, tell
from bridge.osc.daemon.shared import SharedControls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.feedback.feedback_targets import FeedbackTargets
from bridge.osc.feedback.registration import RegisteredFile, Registration
from bridge.osc.feedback.resending import Resending
from bridge.osc.handlers import Part, handler_table
from bridge.osc.incoming import Incoming
from bridge.osc.reaper.reaper_link import InReaper, ReaperLink
from bridge.osc.settings import DEFAULT_PORT, OscSettings
from bridge.osc.takes.finished_jobs import FinishedJobs
from bridge.osc.takes.kept_takes import KeptTakes
from bridge.osc.takes.launch import Launch, OnGrid
from bridge.osc.takes.take_commands import TakeCommands
from bridge.osc.takes.takes import Takes
from bridge.osc.takes.undo import Undo
from bridge.osc.tasks.last_task import LastTask
from bridge.osc.tasks.panic import Panic
from bridge.osc.tasks.source_check import SourceCheck
from bridge.osc.tasks.source_list import SourceList
from bridge.osc.tasks.task_commands import STARTING, TaskCommands
from bridge.osc.transport.listening import bound_sockets
from bridge.osc.transport.oscquery import answer
from bridge.osc.transport.surface import Message, Peer, Surface, SurfaceCallbacks
from bridge.osc.transport.tcp import TcpSurface
from bridge.osc.transport.udp import UdpSurface
from bridge.osc.transport.websocket import WebSocketSurface
from bridge.protocol.errors import BridgeError

logger = logging.getLogger("bridge.osc")


class Device(Surface, Part, Protocol):
    """A surface that has commands of its own, such as MIDI with what it learns."""


class Running(Protocol):
    """A part that goes on until it is cancelled."""

    async def run(self) -> None:
        """Work, for ever."""


class Controller:
    """One controller. `await start()`, then `await run()` until it is cancelled. `start_daemon` starts one that died.

    UDP and TCP are always there; `devices` are the surfaces besides.
    """

    def __init__(
        self,
        daemon: Daemon,
        settings: OscSettings,
        devices: Sequence[Device],
        start_daemon: Start | None = None,
        clocks: Sequence[Source] = (),
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._daemon, self._settings = daemon, settings
        self.controls, self._targets = Controls(), FeedbackTargets()
        self.link, self._daw_clock = LinkClock(), PositionClock()
        sources = [self.link, *clocks, self._daw_clock]
        self.clock = Clock(sources, self.controls.tempo, self.controls.meter, now)
        self._feedback = Feedback(self._targets, self._show)
        looks = Looks(self.controls, self._feedback.last)
        self._feedback.looks = looks.of
        self._feedback.last.update((path, (text,)) for path, text in looks.all())
        self._changes = ControlChanges(self.controls, self._feedback, self._targets)
        self._restart = DaemonRestart(start_daemon, partial(self._feedback.put_changed, f"{ROOT}/status"))
        self.shared = SharedControls(daemon, self.controls, self._changes.show, self._restart.lost)
        self._worker = Worker(self._on_failed, self._restart.lost)
        self._queries = Queries(self.controls, self._feedback, self._changes.known)
        self._lamps = Lamps(self.controls, self._feedback)
        self._sources = SourceList(
            self._file("sources"), settings.roots, self.controls, self._changes.changed, self._feedback
        )
        self.resending = Resending(self._feedback, self._queries.paths_sent_again, self._queries.present)
        self.takes = Takes()
        self.launch = Launch(self.takes, self.controls, self.clock, self._feedback)
        self._takes = TakeCommands(self.takes, self.controls, self._changes.changed, self._feedback, self.launch)
        self._clock_controls = ClockControls(self.link, self.clock, self.controls, self._changes.changed)
        self.beats = Beats(self.clock, self._feedback, lambda: self.link.peers)
        self._finished = FinishedJobs(daemon, self.controls, self._takes, self._feedback)
        self._watch = JobWatch(daemon, settings.port, partial(tell, feedback=self._feedback), self._finished.finished)
        self._link = self._reaper_link()
        self._kept = KeptTakes(self._file("takes"), self.takes, self._watch.own_jobs)
        earlier = self._kept.load()
        self._source_check = SourceCheck(self.controls, self._feedback.error)
        tasks = TaskCommands(self.controls, daemon, self._watch, self._worker, settings.port)
        self._last = LastTask(self._in_reaper(tasks), STARTING, self._feedback)
        self._repeat = Repeat(self.controls, self.clock, self._last.again, self._may_repeat)
        self._follower = DaemonFollower(daemon, self.shared, self._watch, earlier, self._on_begun, self._restart.lost)
        self.devices, self._surfaces = devices, list[Surface](devices)
        self._incoming = Incoming(
            handler_table([*self._parts(), *devices]), self._feedback, self._targets, self._has_words
        )
        self._join()

    def _parts(self) -> list[Part]:
        """What does the addresses, besides the devices."""
        presets = Presets(self._settings.home / "presets")
        kept = RegisteredFile(self._file("surfaces"))
        preset_commands = PresetCommands(presets, self.controls, self._changes.changed, self._feedback)
        preset_commands.on_preset = self._lamps.preset_is
        undo = Undo(
            [self._in_reaper(self._takes), preset_commands],
            self.controls,
            self.takes,
            self._changes.changed,
            self._takes.show,
        )
        tempo = TempoCommands(self.controls, self._changes.changed)
        tempo.on_tap = self._clock_controls.tap
        return [
            self._changes,
            self._last,
            Panic(self._last, self.controls, self._changes.changed, self.launch.clear),
            OnGrid(undo, self.launch),
            tempo,
            self._clock_controls,
            self._sources,
            self._queries,
            Registration(self._targets, kept, self._settings.allowed, self._queries.show_all),
        ]

    def _join(self) -> None:
        """What happens when controls change, and what else their values must be."""
        self._changes.share = self.shared.put
        self._changes.on_change = {
            SOURCE: self._on_source,
            REGION: self._source_check.put,
            REAPER: self._source_check.put,
            REPEAT: self._repeat.set,
            LINK: self._clock_controls.link_set,
            TEMPO: self._clock_controls.tempo_set,
        }
        self.beats.on_tick = (self.launch.tick, self._repeat.tick, self._clock_controls.follow)
        self._changes.on_shown = self._lamps.show
        self._takes.on_change = self._watch.on_own = self._kept.put
        self._changes.checks = NamedFiles(self._settings.roots, self._finished.has).checks()
        self._changes.checks[LINK] = self._clock_controls.check_link
        if self._link is None:
            self._changes.checks[REAPER] = check_no_reaper

    async def start(self) -> None:
        """Listen. Raises BridgeError where that cannot be, such as on a port that is taken."""
        udp_socket, tcp_socket = bound_sockets(self._settings.host, self._settings.port)
        self.port = int(udp_socket.getsockname()[1])
        self.udp = UdpSurface(udp_socket, self._settings.allowed, self._settings.surfaces)
        tcp, websocket = TcpSurface(tcp_socket, self._settings.allowed), WebSocketSurface()
        tcp.on_http, tcp.on_websocket = self._on_http, websocket.serve
        self._surfaces = [websocket, tcp, *self._surfaces, self.udp]
        callbacks = SurfaceCallbacks(
            on_messages=self._on_messages,
            on_broken=self._incoming.broken,
            on_gone=self._targets.forget,
            on_listening=self._targets.add_permanent,
            present=self._queries.present,
            put=self._feedback.put,
            answer=self._feedback.answer,
        )
        for surface in self._surfaces:
            await surface.open(callbacks)
            for peer in surface.permanent:
                self._targets.add_permanent(peer)
        logger.info("listening on %s, port %d", self._settings.host, self.port)
        self._feedback.put(f"{ROOT}/status", "starting")
        joined = self.controls.change(LINK, 1) if self._settings.ableton_link else set()
        self._changes.show({REGION, SEED, REPEAT} | joined)
        self._sources.follow_source()
        self._takes.show(tell_path=False)

    async def run(self) -> None:
        """Serve until cancelled, then close the surfaces."""
        parts: list[Running] = [
            self._feedback,
            self._worker,
            self._follower,
            self.resending,
            self._queries,
            self.beats,
            self._kept,
            self._source_check,
            *self._surfaces,
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts if self._link is None else (*parts, self._link.reaper):
                    group.create_task(part.run())
        finally:
            self.link.leave()
            if self._link is not None:
                await self._link.let_go(self._daemon)
            self._kept.close()
            for surface in self._surfaces:
                await surface.close()

    # -- surfaces ----------------------------------------------------------------------------------------------------

    def _show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        surface = self._serving(peer)
        if surface is not None:
            surface.show(peer, path, arguments)

    def _serving(self, peer: Peer) -> Surface | None:
        return next((surface for surface in self._surfaces if surface.serves(peer)), None)

    def _has_words(self, peer: Peer) -> bool:
        surface = self._serving(peer)
        return surface is None or surface.has_words

    def _on_messages(self, sender: Peer, messages: list[Message]) -> None:
        if self._link is not None:
            self._link.hear(sender, messages)
        self._incoming.take(sender, messages)

    def _on_http(self, head: bytes) -> tuple[int, bytes]:
        return answer(head, self._queries.present, (self._settings.host, self.port))

    def _on_source(self) -> None:
        self._takes.follow_source()
        self._sources.follow_source()
        self._source_check.put()

    def _file(self, name: str) -> Path:
        """What this controller keeps for its next start: a second one on another port has its own."""
        port = self._settings.port
        return self._settings.home / (f"{name}.json" if port in (0, DEFAULT_PORT) else f"{name}-{port}.json")

    # -- the daemon and REAPER ---------------------------------------------------------------------------------------

    def _on_begun(self) -> None:
        wanted = 1 if self._link is not None else None
        self._changes.changed(self.controls.change(REAPER, wanted))

    def _on_failed(self, path: str, error: BridgeError) -> None:
        got = cast(str | None, getattr(getattr(error, "error", None), "got", None))
        expected = cast(str | None, getattr(getattr(error, "error", None), "expected", None))
        logger.warning("%s: %s", path, error)
        self._feedback.error(path, got or str(error), expected or "a daemon that can do this")

    def _may_repeat(self) -> bool:
        """Not while a job runs, and in REAPER only while it plays."""
        in_reaper = self._link is not None and self.controls.values.get(REAPER)
        return not self._watch.busy and (self.controls.daw.playing or not in_reaper)

    def _reaper_link(self) -> ReaperLink | None:
        if self._settings.reaper is None:
            return None
        send = lambda peer, packet: self.udp.send(peer, packet)  # noqa: E731  opened later
        reaper = self._settings.reaper
        clock = DawClock(self._daw_clock, self.controls, self.clock.now)
        return ReaperLink(reaper, send, self.controls, self._feedback, self._changes.changed, clock)

    def _in_reaper(self, part: Part) -> Part:
        if self._link is None:
            return part
        return InReaper(part, self._link.reaper, self.controls, self.shared, self._worker)
