"""REAPER's text dialog. Modal, so only entry scripts use it, never the background script (see `refused`)."""

from contextlib import contextmanager

from reaper_python import *

from ..errors import UserError
from ..foreign_text import shown

_SEPARATOR = "|"
_refusals = []  # while not empty, no dialog opens


@contextmanager
def refused(remedy):
    """No dialog may open: where one would, UserError with this remedy. For the background script."""
    _refusals.append(remedy)
    try:
        yield
    finally:
        _refusals.pop()


def _may_open(title):
    if _refusals:
        raise UserError("A question is open (%s)" % title, _refusals[-1])


def ask(title, fields):
    """Asks for texts; `fields` are (caption, value). Returns the new values, or None when cancelled."""
    _may_open(title)
    captions = [caption.replace(",", ";") for caption, _ in fields]
    captions += ["extrawidth=240", "separator=" + _SEPARATOR]
    values = shown(_SEPARATOR.join(str(v).replace(_SEPARATOR, "/") for _, v in fields))
    ok, _, _, _, answer, _ = RPR_GetUserInputs(title, len(fields), ",".join(captions), values, 16384)
    if not ok:
        return None
    parts = answer.split(_SEPARATOR)
    if len(parts) > len(fields):
        raise UserError("A field holds the sign %s" % _SEPARATOR, "Write the text without it; nothing was done")
    return [p.strip() for p in parts] + [""] * (len(fields) - len(parts))


def ask_tags(values):
    """The first run's only question; None when cancelled."""
    answer = ask("ACE-Step: what should it sound like?", [("Tags (as: house; 124 bpm; drums)", values["tags"])])
    return None if answer is None else dict(values, tags=answer[0])


def ask_words(values, title, with_seed=True):
    """Tags and lyrics (a slash begins a new line), and a seed."""
    fields = [("Tags", values["tags"]), ("Lyrics of the new part (/ = new line)", values["lyrics"])]
    if with_seed:
        fields += [("Seed (empty = random)", values["seed"]), ("Variations", values["variations"])]
    answer = ask(title, fields)
    if answer is None:
        return None
    names = ("tags", "lyrics", "seed", "variations")
    return dict(values, **dict(zip(names, answer)))


def lyrics_text(text):
    """Lyrics of a one-line field: a slash begins a new line."""
    return "\n".join(line.strip() for line in text.split("/")).strip()


def confirm(question, title):
    """A yes or no; modal."""
    _may_open(title)
    return RPR_MB(shown(question), title, 4) == 6


def tell(text, title):
    """A text to be read and closed; modal."""
    RPR_MB(shown(text), title, 0)
