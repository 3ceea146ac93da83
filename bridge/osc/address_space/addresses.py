"""The address space `/acestep/...`: every address with its arguments and what it does. Knows no socket.

`docs/osc.md` holds this table; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from engine.requests import TASKS, Field, fields_of

ROOT = "/acestep"
WORDS, COLOR, LAMP, NAME = "/words", "/color", "/lamp", "/name"  # ends of addresses
NOT_CONTROLS = frozenset(
    {"audio", "client_data", "request_id", "tempo_map", "model", "priority", "lora", "lora_weight"}
)
TAKE_SLOTS = 8  # takes whose names and lamps surfaces can show
SOURCE_SLOTS = 8  # sources that can be chosen by number
BAR_BLOCK = 4
BAR_LAMPS = tuple(range(1, 33, BAR_BLOCK))  # first bars of the blocks that have a lamp
REPEAT_LAMPS = (0, 4, 8, 16)
PRESET_LAMPS = ("A", "B", "C", "D")
QUANTIZE_LAMPS = ("off", "beat", "bar", "4 bars")
TYPE_TAGS = {"int": "i", "float": "f", "bool": "i", "str": "s", "choice": "s", "list": "s", "audio": "s"}


class Kind(StrEnum):
    """Which way an address goes and how its messages are treated."""

    CONTROL = "control"  # a value; the last one wins; every change is sent to every surface
    COMMAND = "command"  # done once; acknowledged; idempotent by an optional last int, the serial number
    QUERY = "query"  # answered to the sender
    FEEDBACK = "feedback"  # sent by us


@dataclass(frozen=True)
class Address:
    """One address: OSC type tags of its arguments, direction, meaning. `field` where it is a request field."""

    path: str
    tags: str
    kind: Kind
    meaning: str
    field: Field | None = None
    is_look: bool = False  # the text or colour of another one


def control_path(name: str) -> str:
    """guidance_scale -> /acestep/guidance_scale"""
    return f"{ROOT}/{name}"


@cache
def control_fields() -> dict[str, Field]:
    """Every request field that a surface can set, by name, of all tasks."""
    fields: dict[str, Field] = {}
    for request_type in TASKS.values():
        for name, field in fields_of(request_type).items():
            if name not in NOT_CONTROLS:
                fields.setdefault(name, field)
    return fields


@cache
def address_table() -> dict[str, Address]:
    """Path to `Address`, in the order of the docs."""
    controls = [
        Address(control_path(name), TYPE_TAGS[field.kind], Kind.CONTROL, field.description, field)
        for name, field in control_fields().items()
    ]
    told = [*controls, *REGION, *COMMANDS, *QUERIES, *FEEDBACK]
    table = {address.path: address for address in told}
    return table | {look.path: look for look in _looks(told) if look.path not in table}


def _looks(told: list[Address]) -> list[Address]:
    """Text and colour of each control, colour of each lamp and of the status, text of the progress."""
    found = [Address(f"{ROOT}/status{COLOR}", "s", Kind.FEEDBACK, "Colour of the status: #rrggbb.", is_look=True),
             Address(f"{ROOT}/progress{WORDS}", "s", Kind.FEEDBACK, "The progress as text.", is_look=True)]  # fmt: skip
    for address in told:
        if address.kind is Kind.CONTROL:
            for end, what in ((WORDS, "Text"), (COLOR, "Colour (#rrggbb)")):
                meaning = f"{what} of {address.path}."
                found.append(Address(address.path + end, "s", Kind.FEEDBACK, meaning, is_look=True))
        elif address.path.endswith(LAMP):
            path = address.path.removesuffix(LAMP) + COLOR
            found.append(Address(path, "s", Kind.FEEDBACK, f"Colour (#rrggbb) of {address.path}.", is_look=True))
    return found


def _command(path: str, tags: str, meaning: str) -> Address:
    return Address(f"{ROOT}/{path}", tags, Kind.COMMAND, meaning)


REGION = [
    Address(f"{ROOT}/source", "s", Kind.CONTROL, "File to work on, as a path on the daemon's machine."),
    Address(f"{ROOT}/region", "ff", Kind.CONTROL, "Start and end of the region, seconds."),
    Address(f"{ROOT}/region/bars", "ii", Kind.CONTROL, "First bar (counted from 1) and number of bars, at the tempo."),
    Address(f"{ROOT}/region/loop", "i", Kind.CONTROL, "1: the region follows the DAW's loop range."),
    Address(
        f"{ROOT}/result/folder", "s", Kind.CONTROL, "Folder that results are copied to; empty: they stay the daemon's."
    ),
    Address(f"{ROOT}/reaper", "i", Kind.CONTROL, "1: commands run our actions in REAPER; 0: they work on the source."),
    Address(
        f"{ROOT}/seed/lock",
        "i",
        Kind.CONTROL,
        "1: the seed of the last result is kept, the same sound each time; 0: a new seed each time.",
    ),
    Address(
        f"{ROOT}/repeat/bars", "i", Kind.CONTROL, "Start the last task again every so many bars; 0: only when asked."
    ),
    Address(f"{ROOT}/take/hold", "i", Kind.CONTROL, "1: the present take stays when a new one comes."),
    Address(f"{ROOT}/take/keep", "i", Kind.CONTROL, "How many takes are kept, the newest ones; 0: 64."),
    Address(
        f"{ROOT}/take/quantize",
        "s",
        Kind.CONTROL,
        "When another take counts: off (at once), beat, bar, or so many bars such as 4 bars.",
    ),
    Address(
        f"{ROOT}/take/early", "f", Kind.CONTROL, "Seconds before that time, for what is slow to follow; from 0 to 2."
    ),
    Address(f"{ROOT}/clock/link", "i", Kind.CONTROL, "1: beats are those of Ableton Link's session."),
    Address(f"{ROOT}/tempo/follow", "i", Kind.CONTROL, "1: the tempo is that of the clock (Link, MIDI, the DAW)."),
]
COMMANDS = [
    *(_command(task.replace("-", "_"), "", f"Start {task} with the controls' values.") for task in TASKS),
    _command("outpaint/before", "f", "Outpaint by so many seconds before."),
    _command("outpaint/after", "f", "Outpaint by so many seconds after."),
    _command("cancel", "", "Cancel the running job of this controller, else the one it started last."),
    _command("cancel/all", "", "Cancel every job of this controller."),
    _command("again", "", "Start the last task once more."),
    _command("panic", "", "Cancel every job of this controller, and start nothing by bars."),
    _command("take/next", "", "The next take becomes the one that counts."),
    _command("take/previous", "", "The take before becomes the one that counts."),
    _command("take/commit", "", "Keep the present take, drop the others; it is the source from now on."),
    _command("take/reject", "", "Drop the present take; the one behind it counts, else the one before."),
    _command("take/original", "", "Compare with the original (again: back)."),
    _command("take/select", "i", "A take by its number; 0: the original."),
    _command("source/select", "i", "A source by its number in the list of those used last and the files beside it."),
    _command("undo", "", "Take back what was kept, dropped or recalled last."),
    _command("tempo/tap", "", "Tap the tempo, at least twice."),
    _command("tempo/nudge", "f", "Change the tempo by so many beats a minute."),
    _command("tempo/downbeat", "", "Now a bar begins."),
    _command("preset/save", "s", "Save the controls under a name."),
    _command("preset/recall", "s", "Set the controls as saved under a name."),
    _command("clear", "s", "A control is not given any more, so that its default counts: its name or path."),
    _command("midi/learn", "s", "The next MIDI fader or button moved means this address; empty: it is not waited for."),
    _command("midi/forget", "s", "No MIDI fader or button means this address any more."),
    _command("register", "i", "Send feedback to this port of the sender's address; 0: to the one that it sends from."),
    _command("unregister", "", "Send nothing more."),
]
QUERIES = [
    Address(f"{ROOT}/sync", "", Kind.QUERY, "Send the whole state."),
    Address(
        f"{ROOT}/get",
        "s",
        Kind.QUERY,
        "Send one value: a control's name, an address, or a pattern such as take/*/name.",
    ),
    Address(f"{ROOT}/preset/list", "", Kind.QUERY, "Send the presets' names, one message each."),
    Address(f"{ROOT}/midi/list", "", Kind.QUERY, "Send the MIDI map, one message each fader or button."),
]
FEEDBACK = [
    Address(f"{ROOT}/status", "s", Kind.FEEDBACK, "What happens, in words."),
    Address(f"{ROOT}/progress", "f", Kind.FEEDBACK, "0 to 1 of the present job."),
    Address(f"{ROOT}/remaining", "f", Kind.FEEDBACK, "Seconds left of the present job, as far as known."),
    Address(f"{ROOT}/remaining/words", "s", Kind.FEEDBACK, "The same as one line for a label."),
    Address(f"{ROOT}/busy", "i", Kind.FEEDBACK, "1 while a job is queued or runs."),
    Address(f"{ROOT}/alive", "i", Kind.FEEDBACK, "0 and 1 in turn, each second: a lamp that stands still is no link."),
    Address(f"{ROOT}/queue", "i", Kind.FEEDBACK, "Jobs waiting."),
    Address(f"{ROOT}/error", "sss", Kind.FEEDBACK, "Address, what was got, what is expected."),
    Address(f"{ROOT}/error/words", "s", Kind.FEEDBACK, "The same as one line for a label."),
    Address(f"{ROOT}/ack", "si", Kind.FEEDBACK, "A command was taken: its address and serial number (-1: none given)."),
    Address(f"{ROOT}/result", "s", Kind.FEEDBACK, "Path of the finished file."),
    Address(f"{ROOT}/result/seed", "i", Kind.FEEDBACK, "Seed of the last result."),
    Address(f"{ROOT}/seed/words", "s", Kind.FEEDBACK, "The seed that the next job has, as one line for a label."),
    Address(f"{ROOT}/repeat/words", "s", Kind.FEEDBACK, "How often the last task is started again; empty: once."),
    Address(f"{ROOT}/take", "ii", Kind.FEEDBACK, "Present take (0: the original) and number of takes."),
    Address(f"{ROOT}/take/words", "s", Kind.FEEDBACK, "The same as one line for a label."),
    Address(f"{ROOT}/take/pending", "s", Kind.FEEDBACK, "Path of the take that will count at the next time; or empty."),
    Address(f"{ROOT}/take/pending/words", "s", Kind.FEEDBACK, "The same as one line for a label."),
    Address(f"{ROOT}/take/pending/lamp", "i", Kind.FEEDBACK, "1 while another take waits for its time."),
    *(
        address
        for n in range(1, TAKE_SLOTS + 1)
        for address in (
            Address(f"{ROOT}/take/{n}/name", "s", Kind.FEEDBACK, f"Name of take {n}; empty: there is none."),
            Address(f"{ROOT}/take/{n}/lamp", "i", Kind.FEEDBACK, f"1 while take {n} counts."),
        )
    ),
    Address(f"{ROOT}/take/0/lamp", "i", Kind.FEEDBACK, "1 while the original counts."),
    Address(f"{ROOT}/source/words", "s", Kind.FEEDBACK, "Name of the source's file."),
    *(
        address
        for n in range(1, SOURCE_SLOTS + 1)
        for address in (
            Address(f"{ROOT}/source/{n}/name", "s", Kind.FEEDBACK, f"Name of source {n}; empty: there is none."),
            Address(f"{ROOT}/source/{n}/lamp", "i", Kind.FEEDBACK, f"1 while source {n} is worked on."),
        )
    ),
    *(
        Address(
            f"{ROOT}/region/bars/{n}/lamp",
            "i",
            Kind.FEEDBACK,
            f"1 while the region is bars {n} to {n + BAR_BLOCK - 1}.",
        )
        for n in BAR_LAMPS
    ),
    *(
        Address(
            f"{ROOT}/repeat/{n}/lamp",
            "i",
            Kind.FEEDBACK,
            f"1 while the last task starts again each {n} bars." if n else "1 while nothing starts by itself.",
        )
        for n in REPEAT_LAMPS
    ),
    *(
        Address(
            f"{ROOT}/preset/{name}/lamp", "i", Kind.FEEDBACK, f"1 while the controls are as preset {name} has them."
        )
        for name in PRESET_LAMPS
    ),
    Address(f"{ROOT}/region/words", "s", Kind.FEEDBACK, "The region as one line for a label."),
    Address(f"{ROOT}/preset/name", "s", Kind.FEEDBACK, "The name of a preset."),
    Address(f"{ROOT}/midi/words", "s", Kind.FEEDBACK, "What MIDI learning waits for or has learnt."),
    Address(f"{ROOT}/midi/binding", "ss", Kind.FEEDBACK, "A MIDI fader or button, and the address it means."),
    *(
        Address(f"{ROOT}/take/quantize/{name.split()[0]}/lamp", "i", Kind.FEEDBACK, f"1 while takes wait: {name}.")
        for name in QUANTIZE_LAMPS
    ),
    Address(f"{ROOT}/beat", "i", Kind.FEEDBACK, "A beat begins: its number in the bar. To those that registered."),
    Address(f"{ROOT}/bar", "i", Kind.FEEDBACK, "A bar begins: its number. To those that registered."),
    Address(f"{ROOT}/clock/source", "s", Kind.FEEDBACK, "Whose beat counts: link, midi, daw or own."),
    Address(f"{ROOT}/clock/tempo", "f", Kind.FEEDBACK, "The clock's tempo, beats a minute."),
    Address(f"{ROOT}/clock/peers", "i", Kind.FEEDBACK, "Other programs in the Link session."),
    Address(f"{ROOT}/clock/words", "s", Kind.FEEDBACK, "The clock as one line for a label."),
    Address(f"{ROOT}/daw/loop", "ff", Kind.FEEDBACK, "The DAW's loop range, seconds."),
    Address(f"{ROOT}/daw/tempo", "f", Kind.FEEDBACK, "The DAW's tempo, beats a minute."),
    Address(f"{ROOT}/daw/play", "i", Kind.FEEDBACK, "1 while the DAW plays."),
    Address(f"{ROOT}/daw/track", "is", Kind.FEEDBACK, "A track's number and name."),
]


def markdown_table() -> str:
    """The table of `docs/osc.md`."""
    lines = ["| address | arguments | kind | meaning |", "|---|---|---|---|"]
    for address in (address for address in address_table().values() if not address.is_look):
        value = f" ({address.field.expected})" if address.field else ""
        lines.append(f"| `{address.path}` | `{address.tags}` | {address.kind} | {address.meaning}{value} |")
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown_table() + "\n")
