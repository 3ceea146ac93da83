"""A listening sheet: WAVs and spectrogram pictures of true clips, of nano's, and of a regenerated region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf

import engine
from engine.constants import MODEL_SAMPLE_RATE
from engine.grid.harmony import NOTE_NAMES
from engine.training.evaluation.rules import magnitudes
from engine.training.music.arrange import Wish, make_score
from engine.training.music.synthesis import render

PROMPTS = (
    ("house", 124.0, "house, drums, bass, keys, A minor"),
    ("drums", 100.0, "drums only, funk"),
    ("pad", 80.0, "pad, ambient, C major"),
    ("rock", 140.0, "rock, guitar, bass, drums, E minor"),
)
SEEDS = (1, 2, 3)
REGION = (6.0, 10.0)


def listen(model_name: str, out: Path, clips: int = 6) -> None:
    """Write the sheet: `training_*` (true clips), `nano_*` (one line of tags at several seeds), `inpaint_*`."""
    out.mkdir(parents=True, exist_ok=True)
    true = []
    for seed in range(clips):
        score = make_score(seed, 8.0)
        true.append((f"{score.style} {score.key.mode} {score.bars[0].bpm:.0f}", render(score, seed).audio))
        sf.write(out / f"training_{seed:02d}.wav", true[-1][1].T, MODEL_SAMPLE_RATE)
    picture(out / "training.png", true, MODEL_SAMPLE_RATE)
    model = engine.load(model_name)
    rendered = []
    for name, bpm, tags in PROMPTS:
        for seed in SEEDS:
            audio = np.asarray(model.render(engine.TextToAudio(tags=tags, tempo=bpm, duration=8.0, seed=seed)).audio)
            rendered.append((f"{tags}, {bpm:.0f} bpm, seed {seed}", audio))
            sf.write(out / f"nano_{name}_{seed}.wav", audio.T, 48000)
    picture(out / "nano.png", rendered, 48000)
    _inpainting(model, out)


def _inpainting(model: engine.Model, out: Path) -> None:
    wish = Wish(style="house", bpm=124.0, instruments=("drums", "bass", "keys"), steady=True)
    score = make_score(12, 16.0, wish)
    source = render(score, 12).audio
    tags = f"house, drums, bass, keys, {NOTE_NAMES[score.key.root]} {score.key.mode}"
    rows = [("before", source)]
    for seed in SEEDS[:2]:
        request = engine.Inpaint(
            audio=engine.Audio(source, MODEL_SAMPLE_RATE),
            tags=tags,
            start_time=REGION[0],
            end_time=REGION[1],
            variance=1.0,
            seed=seed,
            tempo_map=list(score.tempo_map().points),
        )
        rows.append((f"after, 6 to 10 s regenerated, seed {seed}", np.asarray(model.render(request).audio)))
    for index, (_, audio) in enumerate(rows):
        sf.write(out / f"inpaint_{index}.wav", audio.T, MODEL_SAMPLE_RATE)
    picture(out / "inpaint.png", rows, MODEL_SAMPLE_RATE, columns=1, marks=REGION)


def picture(
    path: Path, rows: list[tuple[str, np.ndarray]], rate: int, columns: int = 3, marks: tuple[float, ...] = ()
) -> None:
    """Spectrograms up to 12 kHz on a logarithmic level scale, one panel a clip."""
    from matplotlib.figure import Figure

    height = -(-len(rows) // columns)
    figure = Figure(figsize=(5.0 * columns if columns > 1 else 11.0, 2.2 * height), layout="constrained")
    for axes, (title, audio) in zip(figure.subplots(height, columns, squeeze=False).flat, rows, strict=False):
        hertz, size = magnitudes(audio, rate, 2048, 512)
        level = 20 * np.log10(size[hertz < 12000] + 1e-6)
        extent = (0.0, audio.shape[-1] / rate, 0.0, 12.0)
        axes.imshow(level, origin="lower", aspect="auto", extent=extent, vmin=-100, vmax=-20, cmap="magma")
        axes.set_yscale("symlog", linthresh=0.5)
        axes.set_title(title, fontsize=8)
        for mark in marks:
            axes.axvline(mark, color="white", linewidth=0.8, linestyle="--")
    figure.savefig(path, dpi=70)
