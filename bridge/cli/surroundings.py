"""What another program's settings for its own Python must not do to this one. Standard library only."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping


def put_foreign_paths_last(environment: MutableMapping[str, str] = os.environ) -> None:
    """PYTHONPATH puts folders before the environment's packages: a DAW or a pipeline names its own Python's there.

    They are looked at last from here on, and commands started from here do not see them at all.
    """
    foreign = [os.path.abspath(entry) for entry in environment.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    environment.pop("PYTHONHOME", None)
    here = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    named = {entry for entry in foreign if os.path.realpath(entry) != os.path.realpath(here)}
    last = [entry for entry in sys.path if os.path.abspath(entry or ".") in named]
    sys.path[:] = [entry for entry in sys.path if entry not in last] + last
