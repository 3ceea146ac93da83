"""Audio by content: the store, where requests' audio lies, and which files other machines may name. No torch."""

from __future__ import annotations

from bridge.files.sources import Attached, SourceFile, locate
from bridge.files.store import AudioStore, hash_file

__all__ = ["Attached", "AudioStore", "SourceFile", "hash_file", "locate"]
