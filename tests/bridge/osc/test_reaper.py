"""REAPER's side of the controller, against a peer that speaks REAPER's pattern language as documented."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from pythonosc import osc_bundle_builder, osc_message_builder

import bridge.osc
from bridge.osc.reaper.reaper import ACTIONS, LYRICS_ACTION
from bridge.osc.settings import DEFAULT_PORT, DEFAULT_REAPER_PORT
from bridge.osc.transport.packets import decode
from bridge.reaper.install import InstallOptions, install, uninstall
from bridge.reaper.osc_device import OscDevice
from bridge.system.platform import LINUX
from tests.support.osc import MemoryDaemon, Surface, running, until
from tests.support.paths import SCRIPTS
from tests.support.patience import HANG_SECONDS
from tests.support.reaper_layouts import make_platform, make_reaper

PATTERNS = Path(bridge.osc.__file__).parent / "reaper" / "acestep.ReaperOSC"
IDS = {name: f"_RS{index:040x}" for index, name in enumerate([*dict.fromkeys(ACTIONS.values()), LYRICS_ACTION])}


class PatternReaper:
    """A project that listens and speaks by a .ReaperOSC file: keys, flags n f b t r s i, @ for a number or an id."""

    def __init__(self, controller_port: int, patterns: str) -> None:
        self.surface = Surface(controller_port)
        self.patterns = [line.split() for line in patterns.splitlines() if line.strip() and not line.startswith("#")]
        self.values = {"LOOP_START_TIME": 0.0, "LOOP_END_TIME": 0.0, "TEMPO": 120.0, "PLAY": 0.0}
        self.tracks = {1: "Drums", 2: "Bass ö"}
        self.actions: list[str] = []

    def addresses(self, key: str) -> list[tuple[str, str]]:
        found = [patterns for name, *patterns in self.patterns if name == key]
        return [(p[0], p[1:]) for patterns in found for p in patterns if p[1:2] == "/"]

    def tell(self, **values: float) -> None:
        """What changed, in one bundle as REAPER sends it."""
        self.values.update(values)
        builder = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
        for key, value in values.items():
            for flag, path in self.addresses(key):
                assert flag in "ftb"
                self._add(builder, path, value)
        self.surface.raw(builder.build().dgram)

    def refresh(self) -> None:
        """Action 41743: everything."""
        self.tell(**self.values)
        builder = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
        for number, name in self.tracks.items():
            for _, path in self.addresses("TRACK_NAME"):
                self._add(builder, path.replace("@", str(number)), name)
        self.surface.raw(builder.build().dgram)

    def _add(self, builder, path: str, value) -> None:
        message = osc_message_builder.OscMessageBuilder(path)
        message.add_arg(value, "s" if isinstance(value, str) else "f")
        builder.add_content(message.build())

    async def serve(self) -> None:
        expressions = [
            re.compile(path.replace("@", "([0-9]+|_[A-Za-z0-9_]+)"))
            for flag, path in self.addresses("ACTION")
            if flag == "t" and "@" in path
        ]
        while True:
            await asyncio.sleep(0.005)
            try:
                data = self.surface.socket.recv(65_535)
            except BlockingIOError:
                continue
            for message in decode(data):
                for found in filter(None, (e.fullmatch(message.path) for e in expressions)):
                    if message.arguments in ((), (1.0,)):  # a button's 1 triggers, 0 does not
                        self.actions.append(found[1])
                        if found[1] == "41743":
                            self.refresh()


def play(scenario, home, **values):
    async def main() -> None:
        daemon = MemoryDaemon(home, {"reaper_actions": IDS, **values})
        ear = Surface(9)  # REAPER's socket is bound before the controller knows its own port
        async with running(daemon, home, reaper=("127.0.0.1", ear.port)) as controller:
            reaper = PatternReaper(controller.port, PATTERNS.read_text("utf-8"))
            reaper.surface.socket.close()
            reaper.surface.socket = ear.socket
            serving = asyncio.create_task(reaper.serve())
            phone = Surface(controller.port)
            await until(lambda: controller.controls.values.get("reaper") == 1)
            phone.send("/acestep/sync")
            await phone.wait("/acestep/daw/track", 2)
            await scenario(controller, phone, reaper, daemon)
            serving.cancel()
            assert daemon.values["reaper"] == 1
        assert "reaper" not in daemon.values  # or the scripts would go on asking the surface

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_loop_tempo_play_and_tracks_are_learned_from_the_first_refresh_on(tmp_path):
    async def scenario(controller, phone, reaper, daemon):
        assert reaper.actions[0] == "41743"
        daw = controller.controls.daw
        assert (daw.loop, daw.tempo, daw.playing) == (None, 120.0, False)
        assert daw.tracks == {1: "Drums", 2: "Bass ö"}
        reaper.tell(LOOP_START_TIME=4.0, LOOP_END_TIME=8.5)
        assert await phone.wait("/acestep/daw/loop", 4.0, 8.5)
        reaper.tell(PLAY=1.0, TEMPO=93.5)
        assert await phone.wait("/acestep/daw/tempo", 93.5)
        await until(lambda: daw.playing)
        phone.send("/acestep/region/loop", 1)
        assert await phone.wait("/acestep/region", 4.0) == (4.0, 8.5)
        reaper.tell(LOOP_END_TIME=10.0)
        assert await phone.wait("/acestep/region", 4.0) == (4.0, 10.0)
        await until(lambda: daemon.values.get("end_time") == 10.0)

    play(scenario, tmp_path)


def test_commands_run_our_actions_after_the_daemon_has_the_controls(tmp_path):
    async def scenario(controller, phone, reaper, daemon):
        daemon.set_delay_seconds = 0.05
        phone.send("/acestep/variance", 0.75)
        phone.send("/acestep/inpaint", 5)
        await phone.wait("/acestep/ack", "/acestep/inpaint", 5)
        await until(lambda: IDS["Regenerate time selection as new take"] in reaper.actions)
        assert daemon.values["variance"] == 0.75
        assert not daemon.requests
        phone.send("/acestep/edit_mode", "lyrics")
        phone.send("/acestep/audio_to_audio")
        await until(lambda: reaper.actions[-1] == IDS[LYRICS_ACTION])
        for command, action in ACTIONS.items():
            if command != "audio_to_audio":
                phone.send(f"/acestep/{command}", *((2.0,) if "/" in command and "outpaint" in command else ()))
                await until(lambda: reaper.actions[-1] == IDS[action])  # noqa: B023

    play(scenario, tmp_path)


def test_without_setup_the_surface_is_told_what_to_do(tmp_path):
    async def scenario(controller, phone, reaper, daemon):
        controller.shared.actions.clear()
        phone.send("/acestep/take/next")
        assert "Setup" in (await phone.wait("/acestep/error", "/acestep/take/next"))[2]

    play(scenario, tmp_path)


def test_every_action_is_a_script_of_ours():
    names = {path.stem.partition("_")[2] for path in SCRIPTS.glob("acestep_*.py")}
    assert {*ACTIONS.values(), LYRICS_ACTION} <= names


def test_the_pattern_file_is_what_reaper_reads():
    """Flags and form as REAPER's parser checks them: a pattern is a flag of nfbtrsi and an address."""
    for line in PATTERNS.read_text("ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        key, *rest = line.split()
        assert re.fullmatch(r"[A-Z0-9_]+", key)
        assert rest
        for pattern in rest:
            is_setting = key.startswith(("DEVICE_", "REAPER_")) and re.fullmatch(r"\d+|REAPER|DEVICE", pattern)
            assert is_setting or re.fullmatch(r"[nfbtrsi]/[a-z0-9/@]+", pattern)


def test_reaper_install_brings_device_and_pattern_and_takes_them_out_again(tmp_path):
    platform = make_platform(tmp_path, LINUX)
    folder, home = make_reaper(platform, 7), platform.home / ".acestep-bridge"
    pattern = folder / "OSC" / "acestep.ReaperOSC"
    device = OscDevice(listen_port=DEFAULT_REAPER_PORT, send_port=DEFAULT_PORT, pattern="acestep")
    install(InstallOptions(home=home, osc=device), platform)
    assert pattern.read_bytes() == PATTERNS.read_bytes()
    install(InstallOptions(home=home), platform)
    assert pattern.exists()
    assert '9726 "127.0.0.1" 9725 1024 10 "acestep"' in (folder / "reaper.ini").read_text("utf-8")
    uninstall(platform=platform)
    assert not pattern.exists()
