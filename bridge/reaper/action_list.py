"""Our actions among the lines of reaper-kb.ini, found by their command ids.

A script's line is `SCR FLAGS SECTION ID "Custom: NAME" PATH`. REAPER rewrites its lines: it drops quotes that a word
does not need, and adds 256 or 512 to the flags once "remember my answer" was ticked. So a line is ours by its id,
whatever else it says. Knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.reaper.ini_text import newline_of, split_lines

_ID = 3  # the word of a line that is the command id


def command_ids(lines: Iterable[str]) -> set[str]:
    """The ids that these lines name, as RS and hexadecimal digits."""
    return {command_id for line in lines if (command_id := _id_of(line))}


def with_actions(text: str, wanted: Sequence[str], old: Iterable[str] = ()) -> str:
    """The text with one line of each id of the lines `wanted`, and none of the other ids of the lines `old`.

    A line that REAPER has rewritten stays as it is, with the user's answers in its flags; doubles go.
    """
    files, kept, seen = {_id_of(line): _file_of(line) for line in wanted}, [], set[str]()
    for line in split_lines(without_ids(text, command_ids(old) - set(files))):
        command_id = _id_of(line)
        if command_id not in files:
            kept.append(line)
        elif command_id not in seen and files[command_id] in line:  # else a double, or another file
            kept.append(line)
            seen.add(command_id)
    newline, done = newline_of(text), "".join(kept)
    missing = [line for line in wanted if _id_of(line) not in seen]
    if missing and done and not done.endswith("\n"):
        done += newline
    return done + "".join(line + newline for line in missing)


def without_ids(text: str, ids: set[str]) -> str:
    """The text without the scripts of these ids."""
    return "".join(line for line in split_lines(text) if _id_of(line) not in ids or not _id_of(line))


def _id_of(line: str) -> str:
    """The command id of a script's line; empty for any other line. (No word before it is ever quoted.)"""
    words = line.split(maxsplit=_ID + 1)
    return words[_ID] if len(words) > _ID and words[0] == "SCR" else ""


def _file_of(line: str) -> str:
    """The name of the script's file in a line of our own, without the folders and quotes around it."""
    return line.replace("\\", "/").rpartition("/")[2].strip("\"'`")
