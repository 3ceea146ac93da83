"""Settings of a daemon that commands take, which start one. Knows their words, not what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.options.paths import file_path
from engine.errors import InvalidRequest

AudioUrls = Annotated[
    str | None,
    typer.Option(
        "--audio-urls",
        metavar="off|public|any",
        help="Whether audio may be a URL: off (the default), public (not in private networks) or any.",
        rich_help_panel="The job in the daemon's queue",
    ),
]

Roots = Annotated[
    list[Path] | None,
    typer.Option("--allow-root", metavar="FOLDER", parser=file_path, help="Other machines may name files in it."),
]

ClientQuota = Annotated[
    float | None,
    typer.Option(
        "--client-quota-gb", metavar="N", min=0, help="Audio that each other machine may have sent; 50 by default."
    ),
]


def quota_word(gigabytes: float | None) -> str | None:
    """As the daemon takes it."""
    return None if gigabytes is None else f"{gigabytes:g}"


def check_audio_urls(given: str | None) -> None:
    """Raises InvalidRequest for a word that is none of them."""
    from bridge.files.fetch import CHOICES

    if given is not None and given not in CHOICES:
        raise InvalidRequest("--audio-urls", repr(given), "one of " + ", ".join(CHOICES), "Choose one of these.")
