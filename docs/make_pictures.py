"""`python docs/make_pictures.py`: the pictures of docs/requests.md, from the commands that they show.

Plays the demo's arrangement, runs `audio-to-audio`, `outpaint`, `prompt-to-audio` and `retake` on the command line with
a daemon of their own, and draws what went in above what came out. Run it again after the small model has changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

import numpy as np  # noqa: E402

from bridge.demo.arrangement import load_song, write_mix, write_stems  # noqa: E402
from bridge.demo.pictures import FFT, FLOOR_DB, HOP, spectrogram_db  # noqa: E402
from engine.audio.files import read  # noqa: E402

SEED = ("--seed", "7")


@dataclass(frozen=True)
class Shot:
    """A command, the file that it starts from ("" for none), and when in it the result begins, in seconds."""

    name: str
    words: tuple[str, ...]
    source: str = ""


def shots() -> list[Shot]:
    """In this order: the retake is of the prompt's clip."""
    tags = "house, 120 bpm, drums, bass"
    prompt = "Energetic house at 124 bpm with drums, a deep bass and a pluck, no vocals"
    return [
        Shot(
            "audio-to-audio",
            ("--original-tags", tags, "--tags", "ambient, 120 bpm, pad, soft", "--edit-mode", "remix"),
            "mix.wav",
        ),
        Shot("outpaint", ("--tags", tags, "--extend-after-duration", "4"), "mix.wav"),
        Shot("prompt-to-audio", ("--prompt", prompt, "--duration", "8")),
        Shot("retake", ("--variance", "0.3"), "prompt-to-audio.wav"),
    ]


def make(shot: Shot, folder: Path) -> Path:
    """Run the command; gives its file."""
    out = folder / f"{shot.name}.wav"
    source = (str(folder / shot.source),) if shot.source else ()
    seed = SEED if shot.name != "retake" else ("--retake-seed", "9")
    code = [sys.executable, "-c", "from bridge.cli import main; main()"]
    command = [*code, shot.name, *source, *shot.words, *seed, "-o", str(out)]
    environment = {**os.environ, "ACESTEP_BRIDGE_HOME": str(folder / "home"), "PYTHONPATH": str(DOCS.parent)}
    subprocess.run(command, check=True, env=environment, cwd=folder)
    return out


def draw(shot: Shot, source: Path | None, made: Path, picture: Path) -> None:
    """Source above result, on one axis of time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    files = [("source", source)] if source else []
    files.append(("made", made))
    figure = Figure(figsize=(9, 2.6 * len(files)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(len(files), 1, sharex=True, sharey=True))
    for axis, (name, path) in zip(axes, files, strict=True):
        audio = read(path)
        image = spectrogram_db(audio.samples.mean(axis=0))
        hertz = np.fft.rfftfreq(FFT, 1 / audio.sample_rate)
        seconds = np.arange(image.shape[1]) * HOP / audio.sample_rate
        axis.pcolormesh(seconds, hertz[1:], image[1:], cmap="magma", vmin=FLOOR_DB, vmax=0, shading="nearest")
        axis.set_yscale("log")
        axis.set_ylim(40, 20000)
        axis.set_ylabel("Hz")
        axis.set_title(name, loc="left")
    axes[-1].set_xlabel("seconds")
    figure.suptitle(f"acestep-bridge {shot.name}")
    figure.savefig(picture, dpi=70)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder, song = Path(name), load_song()
        write_mix(list(write_stems(song, folder).values()), folder / "mix.wav")
        for shot in shots():
            made = make(shot, folder)
            picture = DOCS / "img" / f"{shot.name}.png"
            draw(shot, folder / shot.source if shot.source else None, made, picture)
            print(picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
