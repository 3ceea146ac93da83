"""Controls as surfaces set them: checked, changed, shown to every surface and handed on. Knows no socket."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bridge.osc.address_space.addresses import ROOT, Address, control_path
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import FOLDER, OURS_ALONE, REGION, REPEAT, SEED, SOURCE, Controls, control_name
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.feedback.feedback_targets import FeedbackTargets
from bridge.osc.handlers import Handler
from bridge.osc.settings import is_under
from bridge.osc.transport.surface import Peer


class ControlChanges:
    """`share` is told what was changed here and others should know; `on_change` is called for a control by name,
    `on_shown` after all of them."""

    def __init__(self, controls: Controls, feedback: Feedback, targets: FeedbackTargets) -> None:
        self._controls, self._feedback, self._targets = controls, feedback, targets
        self.on_shown: Callable[[], None] = lambda: None
        self.share: Callable[[set[str]], None] = lambda names: None
        self.on_change: dict[str, Callable[[], None]] = {}
        self.checks: dict[str, Callable[[Address, Any], None]] = {}  # what else a control's value must be

    def handlers(self) -> dict[str, Handler]:
        """Every control, and taking one back."""
        handlers = {address.path: Handler(partial(self._set, name), partial(self._checked, name))
                 for name, address in self._controls.table.items()}  # fmt: skip
        return handlers | {f"{ROOT}/clear": Handler(self._clear)}

    def changed(self, names: set[str]) -> None:
        """Controls were changed here: surfaces and the daemon are told."""
        self.show(names)
        self.share({name for name in names if name not in OURS_ALONE})

    def show(self, names: set[str]) -> None:
        """Controls were changed, here or elsewhere: surfaces are told."""
        for name in names:
            self._feedback.put(control_path(name), *self._controls.arguments(name))
        words = {
            REGION: self._controls.region_words,
            REPEAT: self._controls.repeat_words,
            SEED: self._controls.seed_words,
        }
        for name in names & words.keys():
            self._feedback.put(f"{ROOT}/{name.partition('/')[0]}/words", words[name]())
        for name in names & self.on_change.keys():
            self.on_change[name]()
        self.on_shown()

    def known(self, path: str, text: str) -> str:
        """A control's name from its name or path. Raises OscError."""
        name = control_name(text)
        if name not in self._controls.table:
            near = difflib.get_close_matches(name, self._controls.table, n=1)
            raise OscError(path, repr(text[:80]), f"a control's name, such as {near[0] if near else 'tags'}")
        return name

    def _checked(self, name: str, address: Address, arguments: tuple[Any, ...]) -> Any:
        value = self._controls.check(name, arguments)
        if name in self.checks:
            self.checks[name](address, value)
        return value

    def _set(self, name: str, sender: Peer, value: Any) -> None:
        self._targets.touch(sender, control_path(name))
        self.changed(self._controls.change(name, value) | {name})

    def _clear(self, sender: Peer, values: tuple[str]) -> None:
        name = self.known(f"{ROOT}/clear", *values)
        self.changed(self._controls.change(name, None) | {name})


class NamedFiles:
    """Which files and folders a surface may name: those in allowed folders, and results of ours."""

    def __init__(self, roots: tuple[Path, ...], is_result: Callable[[str], bool]) -> None:
        self._roots, self._is_result = roots, is_result

    def checks(self) -> dict[str, Callable[[Address, Any], None]]:
        """For the controls that name one."""
        return {SOURCE: self._check, FOLDER: self._check}

    def _check(self, address: Address, value: Any) -> None:
        if value is not None and not self._may_name(value):
            folders = ", ".join(map(str, self._roots)) or "none yet: see `acestep-bridge osc --root`"
            raise OscError(address.path, value, f"an absolute path in an allowed folder ({folders})")

    def _may_name(self, text: str) -> bool:
        if "\0" in text or not Path(text).is_absolute():
            return False
        return self._is_result(text) or is_under(Path(text), self._roots)


def check_no_reaper(address: Address, value: Any) -> None:
    """For the control `reaper` where the controller knows no REAPER. Raises OscError."""
    if value:
        raise OscError(address.path, "1", "0, or a controller started with `osc --reaper HOST:PORT`")
