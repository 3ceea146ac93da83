"""Presets, shared with control surfaces: a JSON file of controls each, in the folder `presets` of the bridge's.

The same files, names and rules as `bridge/osc/controls/presets.py`; a control's name is a request's field. A recalled preset
becomes settings: what they have no place for is kept as `more`, and joins each request that can have it. Range, source
and tempo of a preset do not count here: they come from the project.
"""

import json
import os
import re
import uuid

from ..errors import UserError
from ..paths import fs, in_home, read_json, text
from . import surface

MAX_NAME = 80
KEYS = 8  # actions "Regenerate with preset 1" to 8
_FORBIDDEN = '/\\:*?"<>|'
_ENDING = ".json"
_NUMBER = re.compile(r"^0*([1-8])(?!\w)")  # of an action; "80s" and "8bit" are names
_SETTINGS = (  # setting, control, kind
    ("tags", "tags", str), ("lyrics", "lyrics", str), ("seed", "seed", int), ("steps", "number_of_steps", int),
    ("variations", "variations", int), ("variance", "variance", float), ("model", "model", str),
    ("context_seconds", "context_seconds", float), ("crossfade_seconds", "crossfade_seconds", float),
)  # fmt: skip
_TAKEN_BACK = ("lyrics", "seed")  # a preset without them means: none


def names():
    """Names in alphabetical order; none where there is no folder."""
    try:
        files = [text(name) for name in os.listdir(fs(in_home("presets")))]
    except OSError:
        return []
    return sorted(name[: -len(_ENDING)] for name in files if name.endswith(_ENDING) and not name.startswith("."))


def keyed(preset_names):
    """[(name, number of its action or None)]: by the number a name begins with, else by alphabet."""
    numbers = [int(match.group(1)) if match else None for match in map(_NUMBER.match, preset_names)]
    if not any(numbers):
        numbers = list(range(1, len(preset_names) + 1))
    taken, pairs = set(), []
    for name, number in zip(preset_names, numbers):
        good = number if number and number <= KEYS and number not in taken else None
        taken.add(good)
        pairs.append((name, good))
    return pairs


def of_key(number):
    """The preset of an action; UserError where there is none."""
    preset_names = names()
    for name, key in keyed(preset_names):
        if key == number:
            return name
    here = (
        "There are: %s" % ", ".join(preset_names[:8])
        if preset_names
        else "Save one in the panel, or from a control surface"
    )
    raise UserError("There is no preset %d" % number, here)


def recall(name):
    """The controls of a preset; UserError where it is not there or damaged."""
    values = read_json(_path(name))
    if values is None:
        there = os.path.exists(fs(_path(name)))
        what = "is damaged" if there else "is not there"
        raise UserError("The preset '%s' %s" % (name[:MAX_NAME], what), "Save it again" if there else "Choose another")
    return values


def applied(values, name):
    """Settings with those of a preset; the rest stays as it is."""
    controls = recall(name)
    settings = dict(values, preset=name, more={})
    for setting, control, _ in _SETTINGS:
        given = controls.get(control)
        if given is not None:
            settings[setting] = _shown(given)
        elif setting in _TAKEN_BACK:
            settings[setting] = ""
    mapped = set(control for _, control, _ in _SETTINGS)
    settings["more"] = dict((k, controls[k]) for k in sorted(surface.NAMES - mapped) if controls.get(k) is not None)
    return settings


def cleared(values):
    """Settings without what a preset had added."""
    return dict(values, preset="", more={})


def _shown(value):
    """A control as a setting's text; lyrics are one line there."""
    if isinstance(value, float):
        return "%.10g" % value
    return " / ".join(str(value).split("\n")) if isinstance(value, str) else str(value)


def names_of(changed):
    """The controls of some settings; those that have none are left out."""
    return [control for setting, control, _ in _SETTINGS if setting in changed]


def controls(values):
    """Settings as controls; UserError-free: texts that are no number were refused before."""
    values_of_controls = dict(values.get("more") or {})
    for setting, control, kind in _SETTINGS:
        given = str(values.get(setting, "")).strip()
        if given:
            values_of_controls[control] = kind(given)
    if "lyrics" in values_of_controls:
        values_of_controls["lyrics"] = "\n".join(
            line.strip() for line in values_of_controls["lyrics"].split("/")
        ).strip()
    return values_of_controls


def save(name, values):
    """Writes settings as a preset, whole or not at all; UserError for a name or a folder that does not do."""
    path, body = _path(name), json.dumps(controls(values), indent=1, sort_keys=True)
    try:
        os.makedirs(fs(in_home("presets")), mode=0o700, exist_ok=True)
        _write_private(path, body)
    except OSError as error:
        raise UserError("The preset could not be saved (%s)" % error.strerror, "Make %s writable" % in_home("presets"))


def _write_private(path, body):
    """A file that only its user can read, whole or not at all."""
    temporary = fs(os.path.join(os.path.dirname(path), ".preset.%s" % uuid.uuid4().hex))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(body)
        os.replace(temporary, fs(path))
    except OSError:
        os.remove(temporary)
        raise


def _path(name):
    bad = not name.strip() or name != name.strip() or name.startswith(".") or name.endswith(".")
    if bad or len(name) > MAX_NAME or set(name) & set(_FORBIDDEN) or not name.isprintable():
        signs = " ".join(sorted(_FORBIDDEN))
        raise UserError(
            "'%s' cannot be a preset's name" % name[:MAX_NAME], "Give 1 to %d signs without %s" % (MAX_NAME, signs)
        )
    return os.path.join(in_home("presets"), name + _ENDING)
