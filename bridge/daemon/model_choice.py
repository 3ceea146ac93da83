"""Which model a request is for: the one it names, the settings', the linked machine's, or the best that is here."""

from __future__ import annotations

from pathlib import Path

from bridge.daemon import views
from bridge.daemon.dispatch import Peer
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.known_models import KnownModels
from bridge.daemon.settings import Settings
from bridge.files.roots import check_model
from bridge.protocol import messages as m
from bridge.protocol.linked import Linked, read_linked


class ModelChoice:
    """All methods are called on one running loop. `known` is what is known of models."""

    def __init__(self, settings: Settings, known: KnownModels, threads: FileThreads) -> None:
        self._settings, self.known, self._threads = settings, known, threads

    def linked(self) -> Linked | None:
        """The machine that renders for this one, if any. Raises KeyFileError."""
        return read_linked(self._settings.home)

    def default(self) -> str:
        """The model that is taken where a request names none."""
        if self._settings.model:
            return self._settings.model
        linked = self.linked()
        return linked.model.name if linked else self.known.default()

    def name(self) -> m.ModelName:
        """The same as people read it."""
        linked = self.linked()
        return linked.model if linked and not self._settings.model else views.model_name(self.default())

    async def checked(self, name: str, peer: Peer) -> str:
        """The name, "" for the default; another machine knows its own models. Raises UnknownThing, InvalidField."""
        if not name or name == Path(self.default()).name:
            return self.default()
        if not peer.is_local:
            await self._threads.run(check_model, name, self._settings.allowed_roots)
        if self.linked():
            return name
        return await self.known.check(name, self._settings.home if peer.is_local else None)
