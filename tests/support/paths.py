"""Where the folders are that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TINY = GOLDEN / "tiny_checkpoint"
TINY15 = ROOT / "tests" / "golden15" / "tiny_checkpoint"
NANO = ROOT / "engine" / "checkpoints" / "nano"
SCRIPTS = ROOT / "reaper_scripts"
DOCS = ROOT / "docs"
LAYOUTS = DOCS / "layouts"
