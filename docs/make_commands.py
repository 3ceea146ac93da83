"""`python docs/make_commands.py`: writes the table of all commands into docs/commands.md, between its marks."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
BEGIN, END = "<!-- commands: made by docs/make_commands.py -->\n", "\n<!-- end of commands -->"


def main() -> int:
    from bridge.cli.command_table import commands_table

    path = DOCS / "commands.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{path}: expected one place marked commands")
    path.write_text(f"{before}{BEGIN}{commands_table()}{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
