"""Text that others wrote, shown so that it steers nothing: REAPER's console, help line, dialogs, logs, names of takes.

The same rule as acestep-bridge's own (bridge/foreign_text.py); a test compares them.
"""

import re

# C0 but tab and line feed, DEL, C1, what ends lines elsewhere, and what turns the direction of writing
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shown(text):
    """The text with what would steer whatever shows it written as \\x1b or \\u202e."""
    return _STEERING.sub(lambda sign: ascii(sign.group(0))[1:-1], text)


def in_one_line(text):
    """`shown`, in one line: for logs and names, where a line feed would begin another one."""
    return shown(text).replace("\n", "\\n")
