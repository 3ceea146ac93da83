"""What the user chose last: kept by REAPER between sessions (persistent external state)."""

from ..project import keys
from . import extstate, surface

DEFAULTS = {
    "tags": "",
    "lyrics": "",
    "steps": "",  # empty: the model's own
    "seed": "",  # empty: random, and reported
    "variance": "0.5",
    "context_seconds": "10",
    "crossfade_seconds": "0.03",
    "variations": "1",
    "model": "",
    "snap_to_bars": "yes",
    "start_daemon": "yes",
    "duration": "20",
    "capture": "dry",
    "region_word": "ace",
    "lanes": "no",
}
CAPTURES = ("dry", "wet", "bus")
_YES, _NO = ("yes", "y", "1", "true", "on"), ("no", "n", "0", "false", "off", "")
_WHOLE = ("steps", "seed", "variations")
_REQUEST_FIELDS = (
    ("steps", "number_of_steps", int),
    ("seed", "seed", int),
    ("context_seconds", "context_seconds", float),
    ("crossfade_seconds", "crossfade_seconds", float),
    ("variations", "variations", int),
    ("model", "model", str),
)


def load():
    """All settings as texts, defaults where nothing was saved."""
    return dict(DEFAULTS, **extstate.read("settings", {}))


def saved():
    """Whether the user has chosen tags before: then no dialog opens."""
    return bool(extstate.read("settings", {}).get("tags"))


def save(values):
    extstate.write("settings", values, persist=True)


def yes(values, name):
    return str(values.get(name, "")).strip().lower() in _YES


def request_fields(values, task):
    """The fields of a request that come from settings; UserError-free: texts that do not parse are left out."""
    fields = {"tags": values["tags"]}
    for name, field, kind in _REQUEST_FIELDS:
        text = str(values.get(name, "")).strip()
        if not text:
            continue
        if field in ("context_seconds", "crossfade_seconds") and task not in ("inpaint", "outpaint", "lego"):
            continue
        try:
            fields[field] = kind(text)
        except ValueError:
            continue
    more = surface.of_task(values.get("more") or {}, task)  # of a preset
    return dict(more, **fields)


_RANGES = {
    "steps": (1, 200), "seed": (0, 2147483647), "variance": (0, 1), "context_seconds": (0, 120),
    "crossfade_seconds": (0, 1), "variations": (1, 16), "duration": (0.1, 240),
}  # fmt: skip


def problems(values):
    """Sentences about values that cannot be used."""
    problems = []
    for name, (low, high) in sorted(_RANGES.items()):
        text = str(values.get(name, "")).strip()
        if not text:
            continue
        kind = int if name in _WHOLE else float
        try:
            good = low <= kind(text) <= high
        except ValueError:
            good = False
        if not good:
            what = "a whole number" if kind is int else "a number"
            problems.append("%s: got '%s', expected %s from %s to %s" % (name, text, what, low, high))
    for name in ("snap_to_bars", "start_daemon", "lanes"):
        if str(values.get(name, "yes")).strip().lower() not in _YES + _NO:
            problems.append("%s: got '%s', expected yes or no" % (name, values[name]))
    if str(values.get("capture", "dry")).strip() not in CAPTURES:
        problems.append("capture: got '%s', expected %s" % (values["capture"], " or ".join(CAPTURES)))
    if values.get("key") and not keys.parse(values["key"]):
        problems.append("key: got '%s', expected such as A minor or F# major" % values["key"])
    return problems
