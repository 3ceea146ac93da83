"""Sources to choose from by number: those used last, then other files beside the present one and in the roots."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bridge.osc.address_space.addresses import ROOT, SOURCE_SLOTS
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import SOURCE, Controls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler
from bridge.osc.settings import is_under
from bridge.osc.transport.surface import Peer
from bridge.system.atomic import write_private

ENDINGS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff", ".w64", ".rf64"})
MOST_LOOKED_AT = 2000  # entries of a folder


class SourceList:
    """`changed` is told that the source is another one. Files of a folder are looked for when the source changes."""

    def __init__(
        self,
        path: Path,
        roots: tuple[Path, ...],
        controls: Controls,
        changed: Callable[[set[str]], None],
        feedback: Feedback,
    ) -> None:
        self._path, self._roots = path, roots
        self._controls, self._changed, self._feedback = controls, changed, feedback
        self._used = self._load()
        self._slots: list[str] = []

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/source/select": Handler(self._select)}

    def follow_source(self) -> None:
        """The source is another one, or nothing is known yet."""
        source = self._controls.values.get(SOURCE, "")
        if source and source not in self._used[:1]:
            self._used = [source, *(path for path in self._used if path != source)][:SOURCE_SLOTS]
            self._save()
        self._slots = self._placed(list(self._found(source)))
        self._show(source)

    def _placed(self, found: list[str]) -> list[str]:
        """What is listed keeps its number; what is new takes the free ones, the present source first."""
        stay = [path for path in self._slots if path in found]
        new = [path for path in found if path not in stay]
        room = SOURCE_SLOTS - (found[:1] == new[:1] != [])  # one is for the present source
        return [*stay[:room], *new][:SOURCE_SLOTS]

    def _show(self, source: str) -> None:
        self._feedback.put_changed(f"{ROOT}/source/words", Path(source).name if source else "no source")
        for number, path in enumerate([*self._slots, *[""] * (SOURCE_SLOTS - len(self._slots))], 1):
            self._feedback.put_changed(f"{ROOT}/source/{number}/name", Path(path).stem if path else "")
            self._feedback.put_changed(f"{ROOT}/source/{number}/lamp", int(bool(path) and path == source))

    def _found(self, source: str) -> Iterator[str]:
        """Without repeats, the present one first."""
        folders = [Path(source).parent] if source else []
        folders += [root for root in self._roots if root != Path.home()]
        named = [path for path in self._used if is_under(Path(path), self._roots) or path == source]
        seen: set[str] = set()
        for path in (*named, *_audio_in(folders, self._roots)):
            if path not in seen and Path(path).is_file():
                seen.add(path)
                yield path

    def _select(self, sender: Peer, values: tuple[int]) -> None:
        (number,) = values
        if not 1 <= number <= len(self._slots):
            raise OscError(f"{ROOT}/source/select", str(number), f"a source from 1 to {len(self._slots)}")
        self._changed(self._controls.change(SOURCE, self._slots[number - 1]))

    def _load(self) -> list[str]:
        try:
            return [str(path) for path in json.loads(self._path.read_bytes())["used"]][:SOURCE_SLOTS]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []

    def _save(self) -> None:
        with contextlib.suppress(OSError):  # a convenience, not worth an error on stage
            write_private(self._path, json.dumps({"used": self._used}).encode())


def _audio_in(folders: Iterable[Path], roots: tuple[Path, ...]) -> Iterator[str]:
    for folder in folders:
        if is_under(folder, roots):
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                names = [entry.name for entry in itertools.islice(entries, MOST_LOOKED_AT)]
                yield from (str(folder / name) for name in sorted(names) if Path(name).suffix.lower() in ENDINGS)
