"""The OSC controller: surfaces on one side, the daemon (and REAPER) on the other. Knows what each address does.

Addresses and arguments of a packet are checked as a whole before any of it is done: a bundle is applied as one, or not
at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

from bridge.midi.devices import MidiDevices
from bridge.midi.surface import BUTTONS, FADERS
from bridge.osc.addresses import ROOT, Address, Kind, address_table, control_path
from bridge.osc.commands import Serials, Worker
from bridge.osc.daemon import CONTROLS_TOPIC, Daemon
from bridge.osc.feedback import Feedback
from bridge.osc.jobs import JobWatch, Shown, remaining_words
from bridge.osc.oscquery import answer
from bridge.osc.packets import Message, decode
from bridge.osc.presets import BadPreset, Presets
from bridge.osc.pulse import Pulse
from bridge.osc.queries import Queries
from bridge.osc.reaper import ReaperPeer
from bridge.osc.registered import Registered
from bridge.osc.renders import Renders
from bridge.osc.repeat import Repeat
from bridge.osc.revival import Revival, Start
from bridge.osc.settings import OscSettings, is_under
from bridge.osc.shared import SharedControls
from bridge.osc.sockets import OscSockets
from bridge.osc.state import FOLDER, OURS_ALONE, REAPER, REGION, REPEAT, SEED, SOURCE, Controls, control_name
from bridge.osc.surfaces import Peer, Surfaces, is_allowed
from bridge.osc.values import NO_SERIAL, OscError, checked, split_serial
from bridge.protocol.errors import BridgeError

MAX_ERRORS_A_SECOND = 50
RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 1.0

Step = Callable[[], None]


class Controller:
    """One controller. `await start()`, then `await run()` until it is cancelled. `revive` starts a daemon that died."""

    def __init__(self, daemon: Daemon, settings: OscSettings, revive: Start | None = None) -> None:
        self.settings = settings
        self.controls, self.surfaces, self.serials = Controls(), Surfaces(), Serials()
        self.presets = Presets(settings.home / "presets")
        self.queries = Queries(self)
        self.sockets = OscSockets(self._on_messages, self._on_broken, self.surfaces.forget, settings.allowed)
        self.sockets.on_http = self._on_http
        self.feedback = Feedback(self.surfaces, self._send)
        self.shared = SharedControls(daemon, self.controls, self._show, self._on_lost)
        self.worker = Worker(self._on_failed)
        self.watch = JobWatch(daemon, self._on_shown, self._on_finished)
        self.reaper = self._reaper_peer()
        self.renders = Renders(self, daemon)
        self.pulse = Pulse(self.feedback, self.queries.sent_again)
        self.repeat = Repeat(self.controls, self.renders.repeat, self._may_repeat)
        self.revival = Revival(revive, partial(self.feedback.put_changed, f"{ROOT}/status"))
        self.midi = MidiDevices(
            settings.home, settings.midi, self._on_messages, self.queries.present, self._say_of_midi
        )
        self._registered = Registered(settings.home / "surfaces.json")
        self._daemon = daemon
        self.table = address_table()
        self._errors: tuple[int, int] = (0, 0)  # which second, how many
        for surface in (*settings.surfaces, *((FADERS, BUTTONS) if settings.midi else ())):
            self.surfaces.add_permanent(surface)
        for host, port in self._registered.load():
            if is_allowed(host, settings.allowed):
                self.surfaces.register((host, port), port)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self.sockets.open(self.settings.host, self.settings.port)
        self.feedback.put(f"{ROOT}/status", "starting")
        self._show({REGION, SEED, REPEAT})
        self.renders.show_take(tell_path=False)

    async def run(self) -> None:
        """Serve until cancelled, then close the sockets."""
        try:
            async with asyncio.TaskGroup() as group:
                for task in (self._begin(), self.feedback.run(), self.shared.run(), self.worker.run()):
                    group.create_task(task)
                for task in (self._watch_jobs(), self._watch_changes(), self.pulse.run(), self.repeat.run()):
                    group.create_task(task)
                if self.reaper is not None:
                    group.create_task(self.reaper.run())
                if self.midi:
                    group.create_task(self.midi.run())
        finally:
            await self._let_go_of_reaper()
            await self.sockets.close()

    async def _let_go_of_reaper(self) -> None:
        """Without this controller its surfaces set nothing in REAPER any more."""
        if self.reaper is not None:
            with contextlib.suppress(BridgeError, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._daemon.set_controls({REAPER: None})

    # -- what surfaces send ------------------------------------------------------------------------------------------

    def _on_messages(self, sender: Peer, messages: list[Message]) -> None:
        if self.reaper is not None and self.settings.reaper and sender[0] == self.settings.reaper[0]:
            for message in messages:
                if not message.path.startswith(ROOT):
                    self.reaper.take(message)
        ours = [message for message in messages if message.path.startswith(ROOT)]
        if not ours:
            return
        self.surfaces.heard(sender)
        try:
            steps = [self._plan(sender, message) for message in ours]
            for step in steps:
                step()
        except OscError as error:
            self._error(sender, error.address, error.got, error.expected)

    def _plan(self, sender: Peer, message: Message) -> Step:
        address = self.table.get(message.path)
        if address is None:
            near = difflib.get_close_matches(message.path, self.table, n=1)
            hint = f"an address of ours, such as {near[0] if near else f'{ROOT}/tags'}"
            raise OscError(message.path, "an unknown address", hint)
        if address.kind is Kind.CONTROL:
            value = self._checked_control(address, message.arguments)
            return partial(self._set, sender, address.path, value)
        if address.kind is Kind.FEEDBACK:
            raise OscError(address.path, "a message", "nothing: this address is sent by us")
        arguments, serial = split_serial(address, message.arguments)
        values = checked(address, arguments)
        if serial is None:
            return _nothing
        if address.kind is Kind.QUERY:
            return partial(self.queries.answer, sender, address.path, values)
        return partial(self._command, sender, address.path, values, serial)

    def _checked_control(self, address: Address, arguments: tuple[Any, ...]) -> Any:
        name = control_name(address.path)
        value = self.controls.check(name, arguments)
        if name in (SOURCE, FOLDER) and value is not None and not self._may_name(value):
            folders = ", ".join(map(str, self.settings.roots)) or "none yet: see `acestep-bridge osc --root`"
            raise OscError(address.path, value, f"an absolute path in an allowed folder ({folders})")
        if name == REAPER and value and self.reaper is None:
            raise OscError(address.path, "1", "0, or a controller started with `osc --reaper HOST:PORT`")
        return value

    def _may_name(self, text: str) -> bool:
        if "\0" in text or not Path(text).is_absolute():
            return False
        return self.renders.made(text) or is_under(Path(text), self.settings.roots)

    def _set(self, sender: Peer, path: str, value: Any) -> None:
        self.surfaces.touch(sender, path)
        name = control_name(path)
        self.changed(self.controls.change(name, value) | {name})
        if name == REPEAT:
            self.repeat.set()

    def _command(self, sender: Peer, path: str, values: tuple[Any, ...], serial: int) -> None:
        key = (sender[0], path, serial)
        if serial == NO_SERIAL or not self.serials.was_taken(key):
            self._do(sender, path.removeprefix(f"{ROOT}/"), values)
            if serial != NO_SERIAL:
                self.serials.take(key)
        self.reply(sender, f"{ROOT}/ack", path, serial)

    def _do(self, sender: Peer, name: str, values: tuple[Any, ...]) -> None:
        if name == "register":
            self._register(sender, *values)
        elif name == "unregister":
            self.surfaces.unregister(sender)
            self._remember_surfaces()
        elif name == "clear":
            self._clear(*values)
        elif name in ("preset/save", "preset/recall"):
            self._preset(name, *values)
        elif name in ("midi/learn", "midi/forget"):
            self._teach_midi(name, *values)
        else:
            self.renders.command(name, values)

    def _register(self, sender: Peer, port: int) -> None:
        if not 0 <= port < 65_536:
            raise OscError(f"{ROOT}/register", str(port), "a port from 1 to 65535, or 0 for the one it is sent from")
        self.surfaces.register(sender, port or sender[1])
        self._remember_surfaces()

    def _remember_surfaces(self) -> None:
        with contextlib.suppress(OSError):  # a convenience, not worth an error on stage
            self._registered.save(self.surfaces.registered())

    def _clear(self, text: str) -> None:
        name = self.known(f"{ROOT}/clear", text)
        self.changed(self.controls.change(name, None) | {name})

    def known(self, path: str, text: str) -> str:
        """A control's name from its name or path. Raises OscError."""
        name = control_name(text)
        if name not in self.controls.table:
            near = difflib.get_close_matches(name, self.controls.table, n=1)
            raise OscError(path, repr(text[:80]), f"a control's name, such as {near[0] if near else 'tags'}")
        return name

    def _preset(self, command: str, name: str) -> None:
        path = f"{ROOT}/{command}"
        try:
            if command == "preset/save":
                self.presets.save(name, self.controls.saved())
                self.feedback.everyone(f"{ROOT}/preset/name", name)
            else:
                self.changed(self.controls.load(self.presets.recall(name)))
        except BadPreset as error:
            raise OscError(path, error.got, error.expected) from error
        except OSError as error:
            raise OscError(path, str(error), "a folder that can be written") from error

    def _teach_midi(self, command: str, text: str) -> None:
        if not self.midi:
            raise OscError(
                f"{ROOT}/{command}", "no MIDI", "a controller started with `osc --midi all`, or a device's name"
            )
        try:
            self.midi.surface.learn(text) if command == "midi/learn" else self.midi.surface.forget(text)
        except OSError as error:
            raise OscError(f"{ROOT}/{command}", str(error), "a folder that can be written") from error

    # -- what they are told ------------------------------------------------------------------------------------------

    def changed(self, names: set[str]) -> None:
        """Controls were changed here: surfaces and the daemon are told."""
        self._show(names)
        self.shared.put(name for name in names if name not in OURS_ALONE)

    def error(self, path: str, got: str, expected: str) -> None:
        """Something went wrong later than the message that asked for it: every surface is told."""
        self.feedback.everyone(f"{ROOT}/error", path, got, expected)
        self.feedback.everyone(f"{ROOT}/error/words", _error_words(path, got, expected))

    def _show(self, names: set[str]) -> None:
        for name in names:
            self.feedback.put(control_path(name), *self.controls.arguments(name))
        if REGION in names:
            self.feedback.put(f"{ROOT}/region/words", self.controls.region_words())
        if REPEAT in names:
            self.feedback.put(f"{ROOT}/repeat/words", self.controls.repeat_words())
        if SEED in names:
            self.feedback.put(f"{ROOT}/seed/words", self.controls.seed_words())
        if SOURCE in names:
            self.renders.follow_source()

    def _may_repeat(self) -> bool:
        """Not while a job runs, and in REAPER only while it plays."""
        in_reaper = self.reaper is not None and self.controls.values.get(REAPER)
        return not self.watch.busy and (self.controls.daw.playing or not in_reaper)

    def reply(self, sender: Peer, path: str, *arguments: Any) -> None:
        """Tell one surface, where it listens."""
        self.feedback.reply(self.surfaces.reply_to(sender), path, *arguments)

    def _send(self, peer: Peer, packet: bytes) -> None:
        if peer not in (FADERS, BUTTONS):
            self.sockets.send(peer, packet)
            return
        for message in decode(packet):
            self.midi.surface.show(peer, message.path, message.arguments)

    def _say_of_midi(self, words: str) -> None:
        self.feedback.put(f"{ROOT}/midi/words", words)

    def _error(self, sender: Peer, path: str, got: str, expected: str) -> None:
        if sender in (FADERS, BUTTONS):  # they have no place for words: others do
            self.error(path, got, expected)
            return
        second = int(monotonic())
        count = self._errors[1] + 1 if self._errors[0] == second else 1
        self._errors = (second, count)
        if count <= MAX_ERRORS_A_SECOND:
            parts = [part[:1000] for part in (path, got, expected)]
            self.reply(sender, f"{ROOT}/error", *parts)
            self.reply(sender, f"{ROOT}/error/words", _error_words(*parts))

    def _on_http(self, head: bytes) -> tuple[int, bytes]:
        return answer(head, self.queries.present, (self.settings.host, self.sockets.port))

    def _on_broken(self, sender: Peer, problem: str) -> None:
        self._error(sender, "", problem, "OSC messages or bundles, with type tags")

    # -- the daemon --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Learn controls and jobs, as soon as the daemon answers."""
        while True:
            try:
                await self.shared.refresh()
                await self.watch.begin()
                break
            except BridgeError as error:
                self._on_lost(error)
                await asyncio.sleep(RETRY_SECONDS)
        wanted = 1 if self.reaper is not None else None
        self.changed(self.controls.change(REAPER, wanted))

    async def _watch_changes(self) -> None:
        async for topic in self._daemon.changes():
            if topic not in ("", CONTROLS_TOPIC):
                self.watch.mark(topic)
                continue
            try:
                await self.shared.refresh()
            except BridgeError as error:
                self._on_lost(error)
                continue
            if topic == "":
                self.watch.mark_all()

    async def _watch_jobs(self) -> None:
        while True:
            try:
                await self.watch.refresh()
            except BridgeError as error:
                self._on_lost(error)
                await asyncio.sleep(RETRY_SECONDS)

    def _on_shown(self, shown: Shown) -> None:
        self.feedback.put_changed(f"{ROOT}/status", shown.words)
        self.feedback.put_changed(f"{ROOT}/progress", float(shown.progress))
        self.feedback.put_changed(f"{ROOT}/remaining", float(shown.remaining_seconds))
        self.feedback.put_changed(f"{ROOT}/remaining/words", remaining_words(shown))
        self.feedback.put_changed(f"{ROOT}/busy", int(shown.busy))
        self.feedback.put_changed(f"{ROOT}/queue", shown.queued)

    async def _on_finished(self, *arguments: Any) -> None:
        await self.renders.finished(*arguments)

    def _on_lost(self, error: BridgeError) -> None:
        self.revival.lost(error)

    def _on_failed(self, path: str, error: BridgeError) -> None:
        got = cast(str | None, getattr(getattr(error, "error", None), "got", None))
        expected = cast(str | None, getattr(getattr(error, "error", None), "expected", None))
        self.error(path, got or str(error), expected or "a daemon that can do this")

    # -- REAPER ------------------------------------------------------------------------------------------------------

    def _reaper_peer(self) -> ReaperPeer | None:
        peer = self.settings.reaper
        if peer is None:
            return None
        return ReaperPeer(self.controls.daw, partial(self.sockets.send, peer), self._on_daw)

    def _on_daw(self, what: str | int) -> None:
        daw = self.controls.daw
        if isinstance(what, int):
            self.feedback.everyone(f"{ROOT}/daw/track", what, daw.tracks[what])
        elif what == "loop":
            self.feedback.put(f"{ROOT}/daw/loop", *(daw.loop or (0.0, 0.0)))
        elif what == "tempo":
            self.feedback.put(f"{ROOT}/daw/tempo", float(daw.tempo or 0.0))
        else:
            self.feedback.put(f"{ROOT}/daw/play", int(daw.playing))
        self.changed(self.controls.follow())


def _error_words(path: str, got: str, expected: str) -> str:
    return f"{path.removeprefix(f'{ROOT}/')}: got {got}, expected {expected}"


def _nothing() -> None:
    """A button was let go."""
