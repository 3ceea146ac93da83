"""Tags that were rendered with, newest first: kept by REAPER between sessions."""

from . import extstate

KEPT = 20


def load():
    """A list of texts."""
    return [text for text in extstate.read("tags_history", []) if isinstance(text, str)]


def add(tags):
    """Puts tags to the front."""
    texts = load()
    if tags and texts[:1] != [tags]:
        kept = [tags] + [text for text in texts if text != tags]
        extstate.write("tags_history", kept[:KEPT], persist=True)
