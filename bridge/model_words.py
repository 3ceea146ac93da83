"""A model in words for people: "nano: small test model". Knows only its name and description."""

from __future__ import annotations

from bridge.protocol.messages import ModelName


def model_words(model: ModelName) -> str:
    """The name and the first phrase of the description."""
    phrase = model.description.split(",")[0].split(";")[0].strip()
    if not phrase or phrase.startswith(model.name):
        return phrase or model.name
    return f"{model.name}: {phrase}"
