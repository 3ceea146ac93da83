"""Saving and recalling presets, as surfaces ask for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.presets import BadPreset, Presets
from bridge.osc.controls.state import Controls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Do, Handler
from bridge.osc.transport.surface import Peer


class PresetCommands:
    """`changed` is told the names of the controls that a preset set, `on_preset` which one they are as now."""

    def __init__(
        self, presets: Presets, controls: Controls, changed: Callable[[set[str]], None], feedback: Feedback
    ) -> None:
        self._presets, self._controls, self._changed, self._feedback = presets, controls, changed, feedback
        self.on_preset: Callable[[str], None] = lambda name: None

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        doing: dict[str, Do] = {"save": self._save, "recall": self._recall, "list": self._list}
        return {f"{ROOT}/preset/{name}": Handler(do) for name, do in doing.items()}

    def _save(self, sender: Peer, values: tuple[str]) -> None:
        with _told("save"):
            self._presets.save(*values, self._controls.saved())
        self._feedback.everyone(f"{ROOT}/preset/name", *values)
        self.on_preset(*values)

    def _recall(self, sender: Peer, values: tuple[str]) -> None:
        with _told("recall"):
            recalled = self._presets.recall(*values)
        self._changed(self._controls.load(recalled))
        self.on_preset(*values)

    def _list(self, sender: Peer, values: tuple[()]) -> None:
        for name in self._presets.names():
            self._feedback.answer(sender, f"{ROOT}/preset/name", name)


@contextlib.contextmanager
def _told(command: str) -> Iterator[None]:
    """A preset's faults as errors of the address."""
    path = f"{ROOT}/preset/{command}"
    try:
        yield
    except BadPreset as error:
        raise OscError(path, error.got, error.expected) from error
    except OSError as error:
        raise OscError(path, str(error), "a folder that can be written") from error
