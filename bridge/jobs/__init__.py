"""Jobs: their states, and the store that keeps them over restarts. No socket, no torch."""

from __future__ import annotations

from bridge.jobs.job import Job, WrongTransition
from bridge.jobs.store import JobStore

__all__ = ["Job", "JobStore", "WrongTransition"]
