"""What REAPER shows of us beside the actions: toolbar icons, a toolbar to import, a track template.

Knows where REAPER looks for them and writes nothing. A toolbar file names actions by their ids: it is made for the ids
of this installation. Its format is that of `reaper-menu.ini`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridge.reaper.script_files import Action

ICONS, TEMPLATES, TOOLBAR = "Data/toolbar_icons", "TrackTemplates", "MenuSets/ACE-Step.ReaperMenu"
SECTION = "[Floating toolbar 16]"  # REAPER 6 has 16; since 7.23 a toolbar can be imported into any other
SEPARATOR = ("", "")
BUTTONS = (  # action, icon
    ("Panel", "panel"),
    ("Regenerate time selection as new take", "new_take"),
    ("Regenerate time selection on new track", "new_track"),
    ("Retake", "retake"),
    SEPARATOR,
    ("Previous take", "previous"),
    ("Next take", "next"),
    ("Compare with original", "compare"),
    ("Keep this take, drop our others", "keep"),
    ("Reject this take", "reject"),
    SEPARATOR,
    ("Jobs - cancel last", "cancel"),
)


def extra_files(scripts: Path, installed: Sequence[Action]) -> dict[str, bytes]:
    """Name below REAPER's resource folder (with /) to bytes. `installed` are the actions that are there."""
    icons, templates = scripts / "toolbar_icons", scripts / "track_templates"
    files = {f"{ICONS}/{p.relative_to(icons).as_posix()}": p.read_bytes() for p in sorted(icons.glob("**/*.png"))}
    files |= {f"{TEMPLATES}/{p.name}": p.read_bytes() for p in sorted(templates.glob("*.RTrackTemplate"))}
    return files | {TOOLBAR: toolbar(installed).encode()} if files else {}


def toolbar(installed: Sequence[Action]) -> str:
    """A toolbar with a button for each of these actions that has one."""
    ids = {action.name: action.command_id for action in installed}
    lines, buttons = [SECTION, "title=ACE-Step"], [b for b in BUTTONS if b == SEPARATOR or b[0] in ids]
    for number, (name, icon) in enumerate(buttons):
        if not name:
            lines.append(f"item_{number}=-1")
        else:
            lines += [f"icon_{number}=acestep_{icon}.png", f"item_{number}={ids[name]} ACE-Step: {name}"]
    return "\n".join([*lines, ""])
