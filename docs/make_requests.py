"""`python docs/make_requests.py`: writes the generated tables into docs/requests.md, between their marks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))


def main() -> int:
    from engine.requests import fields_table
    from tests.support.input_cells import inputs_table, outputs_table

    path = DOCS / "requests.md"
    text = path.read_text(encoding="utf-8")
    for name, table in (("fields", fields_table()), ("inputs", inputs_table()), ("outputs", outputs_table())):
        mark = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text, found = mark.subn(lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text)
        if found != 1:
            raise SystemExit(f"{path}: expected one place marked {name}, found {found}")
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
