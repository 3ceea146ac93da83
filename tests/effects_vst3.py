"""`python -m tests.effects_vst3`: VST3 plug-ins in a chain: one that works, one that crashes, one that hangs.

They are built with g++ from tests/support/vst3 over Debian's `dpf-source`; without these it says so and ends with 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.effects.chain import LIMIT_VARIABLE, apply_effects
from engine.effects.effect import read_effects
from engine.errors import EffectFailed, InvalidRequest

SOURCE = Path(__file__).parent / "support" / "vst3"
DPF = Path("/usr/share/dpf/distrho")
RATE, AT = 44100, 1000
_KINDS = {"Fixture": [], "Crashes": ["-DCRASHES"], "Hangs": ["-DHANGS"]}


def build(folder: Path) -> dict[str, str]:
    """The bundles, by name."""
    bundles = {}
    for name, flags in _KINDS.items():
        binary = folder / f"{name}.vst3" / "Contents" / "x86_64-linux" / f"{name}.so"
        binary.parent.mkdir(parents=True)
        words = ["g++", "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-DDISTRHO_PLUGIN_TARGET_VST3", *flags]
        parts = [f"-I{SOURCE}", f"-I{DPF}", str(DPF / "DistrhoPluginMain.cpp"), str(SOURCE / "fixture.cpp")]
        subprocess.run([*words, *parts, "-o", str(binary), "-ldl", "-lpthread"], check=True)
        bundles[name] = str(folder / f"{name}.vst3")
    return bundles


def works(plugin: str, state: Path) -> None:
    """Latency, length, parameters by name, state; mono through what takes stereo only."""
    import pedalboard

    impulse = np.zeros((2, RATE), np.float32)
    impulse[:, AT] = impulse[:, -1] = 0.5
    chain = [{"plugin": plugin, "parameters": {"gain": 2.0}}, {"name": "Gain", "parameters": {"gain_db": -6.0206}}]
    passed = apply_effects([impulse, impulse[:1]], RATE, read_effects(chain))
    assert passed.effects[0]["latency_samples"] == 137
    for made, given in zip(passed.items, (impulse, impulse[:1]), strict=True):
        assert made.shape == given.shape and np.allclose(made, given, atol=1e-4)
    own = pedalboard.load_plugin(plugin)
    own.gain = 3.0
    own.process(impulse, RATE)  # only then does the plug-in know it
    state.write_bytes(own.preset_data)
    (made,) = apply_effects([impulse], RATE, read_effects([{"plugin": plugin, "state": str(state)}])).items
    gain = float(made[0, AT] / impulse[0, AT])
    assert abs(gain - 3) < 0.01 and np.allclose(made, gain * impulse, atol=1e-4), gain


def fails(plugin: str, said: str, parameters: dict[str, float] | None = None) -> None:
    """The error names the effect, and this process goes on."""
    try:
        apply_effects(
            [np.zeros((2, 999), np.float32)], RATE, read_effects([{"plugin": plugin, "parameters": parameters or {}}])
        )
    except (EffectFailed, InvalidRequest) as error:
        assert said in str(error) and "effects[0]" in str(error), error
        return
    raise AssertionError(f"{plugin} did not fail")


def main() -> int:
    if not DPF.is_dir() or not shutil.which("g++") or sys.platform != "linux":
        print("effects_vst3: left out, it needs Linux, g++ and Debian's dpf-source")
        return 0
    with tempfile.TemporaryDirectory() as name:
        bundles = build(Path(name))
        works(bundles["Fixture"], Path(name) / "state.vstpreset")
        fails(bundles["Fixture"], "Did you mean gain", {"gin": 1.0})
        fails(bundles["Fixture"], "minimum 0.0", {"gain": 9.0})
        fails(bundles["Crashes"], "signal 11")
        os.environ[LIMIT_VARIABLE] = "3"
        fails(bundles["Hangs"], "not done after")
    print("effects_vst3: a plug-in works, one crashes, one hangs, each in its own process")
    return 0


if __name__ == "__main__":
    sys.exit(main())
