"""Fixtures: the fake REAPER, the C host, a folder with a name that breaks careless path handling."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
