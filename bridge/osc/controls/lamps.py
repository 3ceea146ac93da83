"""Lamps of what is on: the bars of the region, the bars of the repetition, the preset that the controls are as."""

from __future__ import annotations

from typing import Any

from bridge.clock.quantize import OFF
from bridge.osc.address_space.addresses import BAR_BLOCK, BAR_LAMPS, PRESET_LAMPS, QUANTIZE_LAMPS, REPEAT_LAMPS, ROOT
from bridge.osc.controls.state import BARS, QUANTIZE, REPEAT, Controls
from bridge.osc.feedback.feedback import Feedback


class Lamps:
    """`show` tells those that changed; `preset_is` that a preset was saved or recalled just now."""

    def __init__(self, controls: Controls, feedback: Feedback) -> None:
        self._controls, self._feedback = controls, feedback
        self._preset = ""
        self._as_preset: dict[str, Any] = {}

    def preset_is(self, name: str) -> None:
        """The controls are as this preset has them, until one changes."""
        self._preset, self._as_preset = name, dict(self._controls.saved())
        self.show()

    def show(self) -> None:
        """Tell every lamp that is another one now."""
        values = self._controls.values
        bars, repeated = values.get(BARS), values.get(REPEAT, 0)
        preset = self._preset if self._as_preset == self._controls.saved() else ""
        for first in BAR_LAMPS:
            self._put(f"region/bars/{first}", bars == [first, BAR_BLOCK])
        for count in REPEAT_LAMPS:
            self._put(f"repeat/{count}", repeated == count)
        for name in QUANTIZE_LAMPS:
            self._put(f"take/quantize/{name.split()[0]}", values.get(QUANTIZE, OFF) == name)
        for name in PRESET_LAMPS:
            self._put(f"preset/{name}", preset == name)

    def _put(self, what: str, is_on: bool) -> None:
        self._feedback.put_changed(f"{ROOT}/{what}/lamp", int(is_on))
