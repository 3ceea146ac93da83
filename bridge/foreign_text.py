"""Text that others wrote (tags, names, recipes, paths), shown so that it steers nothing: terminals, logs, surfaces."""

from __future__ import annotations

import re

# C0 but tab and line feed, DEL, C1 (CSI is one character there), what ends lines elsewhere, and what turns the
# direction of writing, with which a text can look like another one
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """The text with what would steer whatever shows it written as \\x1b or \\u202e."""
    return _STEERING.sub(lambda sign: ascii(sign[0])[1:-1], text)


def in_one_line(text: str) -> str:
    """`shown`, in one line: for logs, where a line feed would begin what looks like another entry."""
    return shown(text).replace("\n", "\\n")
