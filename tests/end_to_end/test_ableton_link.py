"""Ableton Link between two processes: Ableton's own library on both sides, in a network of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest

from bridge.clock import ableton_link
from tests.support.osc import play
from tests.support.paths import ROOT
from tests.support.patience import HANG_SECONDS

ALONE = ["unshare", "--net", "--map-root-user"]


def why_not() -> str:
    """Reason why two programs cannot meet here, or an empty string."""
    if importlib.util.find_spec("link") is None:
        return "LinkPython-extern is absent (extra: ableton-link)"
    if not (shutil.which("unshare") and shutil.which("ip")):
        return "unshare and ip (util-linux, iproute2) are absent: a session on this network is left alone"
    words = [*ALONE, "sh", "-c", "ip link set lo up && ip route add 224.0.0.0/4 dev lo"]
    allowed = subprocess.run(words, capture_output=True, timeout=HANG_SECONDS).returncode == 0
    return "" if allowed else "a network of our own is not allowed here (unshare --net)"


def test_two_programs_share_tempo_and_phase(tmp_path):
    """The controller joins, is told of the other's tempo, sets it by a nudge, is in phase, and leaves."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    words = [*ALONE, sys.executable, "-m", "tests.support.link_peers", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=2 * HANG_SECONDS, cwd=ROOT, env=os.environ)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["words"] == "Link, 1 peer, 140 bpm"
    assert seen["apart_beats"] < 0.05  # 20 ms at most, in the best of 50 looks
    assert seen["peers_after"] == 0


def test_without_the_library_a_surface_is_told_what_to_install(tmp_path, monkeypatch):
    def absent():
        raise ableton_link.NoLink("Ableton Link needs another package (link): pip install LinkPython-extern")

    monkeypatch.setattr("bridge.osc.clock.clock_controls.load_library", absent)

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/clock/link", 1)
        assert "LinkPython-extern" in (await surface.wait("/acestep/error", "/acestep/clock/link"))[2]
        assert "clock/link" not in controller.controls.values

    play(scenario, tmp_path)
