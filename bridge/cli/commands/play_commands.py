"""`play` and `compare`: files heard from a terminal. Knows loudness and the system's player, no daemon."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.options.times import clock, time_of
from bridge.cli.terminal.output import AsJson, Exit, fail, handled, print_json, show
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from engine.audio.buffer import Audio

File = Annotated[Path, typer.Argument(metavar="FILE", parser=file_path, help="Audio of any kind that is read here.")]
First = Annotated[Path, typer.Argument(metavar="A", parser=file_path, help="What is heard first.")]
Second = Annotated[Path, typer.Argument(metavar="B", parser=file_path, help="What is heard after it.")]
SILENCE_SECONDS = (0.05, 0.3)  # before and after what is played
Start = Annotated[str | None, typer.Option("--start-time", metavar="TIME", help="From there: 8.5 or 1:08.5.")]
End = Annotated[str | None, typer.Option("--end-time", metavar="TIME", help="Up to there.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("play")(play)
    app.command("compare")(compare)


@handled
def play(file: File, start_time: Start = None, end_time: End = None) -> None:
    """Play a file, or a part of it, with this machine's player."""
    audio = read_part(file, start_time, end_time)
    play_in_turn([(file.name, audio, 0.0)])


@handled
def compare(
    first: First, second: Second, start_time: Start = None, end_time: End = None, as_json: AsJson = False
) -> None:
    """Play two files one after the other, equally loud, so that the louder one does not win for that.

    With --json nothing is played: the loudness of both, and what would be changed.
    """
    pair = [(path.name, read_part(path, start_time, end_time)) for path in (first, second)]
    gains = matched_gains([audio for _, audio in pair])
    if as_json:
        return print_json({"files": [str(first), str(second)], "gains_db": [round(gain, 2) for gain in gains]})
    play_in_turn([(name, audio, gain) for (name, audio), gain in zip(pair, gains, strict=True)])


def read_part(path: Path, start_time: str | None = None, end_time: str | None = None) -> Audio:
    """The part of a file between two times. Raises InvalidRequest."""
    from engine.audio.files import probe, read

    info = probe(path)
    start = time_of("start_time", start_time) if start_time is not None else 0.0
    end = time_of("end_time", end_time) if end_time is not None else info.duration_seconds
    if not 0 <= start < end:
        raise InvalidRequest("start_time", clock(start), f"less than end_time ({clock(end)})", "Swap them.")
    first, last = round(start * info.sample_rate), min(info.frames, round(end * info.sample_rate))
    if first >= last:
        raise InvalidRequest(
            "start_time", clock(start), f"less than {clock(info.duration_seconds)}", "Say an earlier one."
        )
    return read(path, first, last, (0, 1) if info.channels > 2 else None)


def matched_gains(pair: Sequence[Audio]) -> list[float]:
    """Decibels, none above 0, that bring each to the loudness of the quietest that is heard at all."""
    from engine.audio.loudness import SILENT_LUFS, loudness_lufs

    levels = [loudness_lufs(audio.samples, audio.sample_rate) for audio in pair]
    heard = [level for level in levels if level > SILENT_LUFS]
    quietest = min(heard, default=0.0)
    return [min(0.0, quietest - level) if level > SILENT_LUFS else 0.0 for level in levels]


def play_in_turn(parts: Sequence[tuple[str, Audio, float]]) -> None:
    """Play each (name, audio, gain in decibels), saying which; ends the command with 1 where nothing plays."""
    from bridge.system.player import NoPlayer, find_player
    from engine.audio.write import write_audio

    try:
        player = find_player()
        with tempfile.TemporaryDirectory(prefix="acestep-play-") as folder:
            for number, (name, audio, gain) in enumerate(parts):
                path = Path(folder) / f"{number}.wav"
                write_audio(path, _as_played(audio, gain), bit_depth="16")
                level = f", {gain:+.1f} dB" if gain < -0.05 else ""
                show(f"Playing {name}, {clock(audio.samples.shape[1] / audio.sample_rate)} long{level}")
                player.play(path)
    except NoPlayer as error:
        fail(Exit.FAILED, str(error))


def _as_played(audio: Audio, gain_db: float) -> Audio:
    """With its gain, and silence around it, of which players and devices swallow a part."""
    import numpy as np

    from engine.audio.buffer import Audio as Buffer

    silence = [(0, 0), tuple(round(seconds * audio.sample_rate) for seconds in SILENCE_SECONDS)]
    samples = np.pad(audio.samples * float(10.0 ** (gain_db / 20.0)), silence)
    return Buffer(samples.astype(np.float32), audio.sample_rate)
