"""nano against fixed rules on held-out seeds: a table for people and JSON. Knows the engine's public surface only.

Every figure of generated audio stands beside the same rule's figure on true clips (its ceiling).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import engine
from engine.constants import MODEL_SAMPLE_RATE
from engine.requests import TempoPoint
from engine.training import rules
from engine.training.arrange import Wish, make_score
from engine.training.progress import Progress
from engine.training.score import Score
from engine.training.synthesis import render
from engine.training.theory import NOTE_NAMES, Key

STEMS = ("drums", "bass", "pad", "lead")
BEATS = ("house", "techno", "rock", "pop", "funk", "hip hop", "synthwave", "drum and bass", "trance")
SECONDS = 8.0
CONTEXT = 6.0


@dataclass(frozen=True)
class Row:
    """One line of the table. `goal` is issue 7's."""

    what: str
    made: float
    ceiling: float | None
    goal: str
    unit: str = ""


def evaluate(model_name: str, samples: int, out: Path | None, console: Console | None = None) -> list[Row]:
    """Measure a model; the table goes to the console, and with `out` to a JSON file as well."""
    console = console or Console()
    model = engine.load(model_name)
    measures: list[Callable[[engine.Model, int], Iterator[Row]]] = [
        reconstruction,
        tempo_and_grid,
        keys,
        stems,
        inpainting,
    ]
    rows: list[Row] = []
    with Progress("evaluate", console, every=1) as progress:
        for index, measure in enumerate(measures):
            rows += measure(model, samples)
            progress.step(index + 1, len(measures))
    console.print(as_table(rows, samples))
    if out is not None:
        out.write_text(json.dumps([vars(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return rows


def as_table(rows: list[Row], samples: int) -> Table:
    """The rows for a terminal."""
    table = Table("measure", "nano", "true clips", "goal", title=f"{samples} samples each")
    for row in rows:
        ceiling = "" if row.ceiling is None else f"{row.ceiling:.2f}{row.unit}"
        table.add_row(row.what, f"{row.made:.2f}{row.unit}", ceiling, row.goal)
    return table


def _generate(model: engine.Model, seed: int, **fields: Any) -> np.ndarray:
    """(2, n) float32 at 48 kHz."""
    request = engine.TextToAudio(seed=seed, **{"duration": SECONDS, **fields})
    return np.asarray(model.render(request).audio)


def _true(seed: int, wish: Wish, seconds: float = SECONDS) -> tuple[np.ndarray, Score]:
    score = make_score(seed, seconds, wish)
    return render(score, seed).audio, score


def reconstruction(model: engine.Model, samples: int) -> Iterator[Row]:
    """True clips, held tones and silence through the autoencoder and the vocoder."""
    import torch

    codec = model.networks.autoencoder
    errors = []
    with torch.inference_mode():
        for seed in range(samples):
            audio = torch.from_numpy(_true(seed, Wish(), 4.0)[0])[None]
            mel = codec.vocoder.encode(torch.nn.functional.pad(audio, (0, -audio.shape[-1] % 4096))[0])
            back = codec.vocoder.encode(codec.decode(codec.encode(audio))[0])
            errors.append(float((back - mel).abs().mean()) * 20 / np.log(10))
        cents = [abs(tone_error(codec, hertz)) for hertz in (110.0, 220.0, 440.0, 659.26, 880.0, 1318.5)]
        silence = codec.decode(codec.encode(torch.zeros(1, 2, 4096 * 20))).abs().max()
    yield Row("log-mel error of the codec", float(np.mean(errors)), None, "under 1.5", " dB")
    yield Row("pitch error of held tones, largest", max(cents), None, "under 5", " cents")
    yield Row("noise in silence", float(20 * np.log10(float(silence) + 1e-9)), None, "under -60", " dB")


def tone_error(codec: Any, hertz: float, seconds: float = 3.0) -> float:
    """Cents by which a steady tone comes back wrong from the codec."""
    import torch

    t = torch.arange(int(seconds * MODEL_SAMPLE_RATE)) / MODEL_SAMPLE_RATE
    audio = (0.3 * torch.sin(2 * np.pi * hertz * t)).expand(1, 2, -1)
    with torch.inference_mode():
        back = codec.decode(codec.encode(audio))[0, 0].numpy()
    return pitch_error(back[20000:-20000], hertz, MODEL_SAMPLE_RATE)


def pitch_error(audio: np.ndarray, hertz: float, rate: int) -> float:
    """Cents between the strongest frequency within a semitone of `hertz` and `hertz`."""
    size = 1 << 20
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    low, high = int(hertz * 0.944 / rate * size), int(hertz * 1.06 / rate * size)
    return float(1200 * np.log2((low + int(spectrum[low:high].argmax())) * rate / size / hertz))


def _beat_wish(seed: int) -> Wish:
    rng = np.random.default_rng([seed, 5])
    bpm = float(rng.integers(70, 171))
    return Wish(style=str(rng.choice(BEATS)), bpm=bpm, meter=(4, 4), instruments=("drums", "bass", "keys"), steady=True)


def tempo_and_grid(model: engine.Model, samples: int) -> Iterator[Row]:
    """Asked-for tempo found, and onsets on the sixteenths of the grid given; at the double length too."""
    for seconds in (SECONDS, 2 * SECONDS):
        count = samples if seconds == SECONDS else max(1, samples // 2)
        found: list[tuple[bool, bool]] = []
        late: list[tuple[float, float]] = []
        for seed in range(count):
            wish = _beat_wish(seed)
            bpm = float(wish.bpm or 120.0)
            tags = f"{wish.style}, drums, bass, keys"
            made = _generate(model, seed, tags=tags, tempo=bpm, duration=seconds)
            true, score = _true(seed, wish, seconds)
            both = ((made, 48000, 0.0), (true, MODEL_SAMPLE_RATE, score.bars[0].start))
            found.append(tuple(rules.same_tempo(rules.tempo(a, r), bpm, 0.02) for a, r, _ in both))  # type: ignore[arg-type]
            late.append(tuple(_grid_error(a, r, start, bpm, seconds) for a, r, start in both))  # type: ignore[arg-type]
        share, error = np.mean(found, axis=0), np.median(late, axis=0)
        yield Row(f"tempo within 2 %, {seconds:.0f} s", share[0], share[1], "0.95")
        yield Row(f"onsets off the grid, median, {seconds:.0f} s", error[0], error[1], "under 15", " ms")


def _grid_error(audio: np.ndarray, rate: int, start: float, bpm: float, seconds: float) -> float:
    positions = np.arange(start, seconds + 1.0, 15.0 / bpm)
    errors = rules.grid_errors(rules.onset_times(audio, rate), positions)
    return 1000.0 * float(np.median(errors)) if len(errors) else 1000.0 * 15.0 / bpm / 4


def keys(model: engine.Model, samples: int) -> Iterator[Row]:
    """Root and mode of what is asked for."""
    hits = []
    for seed in range(samples):
        asked = Key(seed % 12, "minor" if seed % 2 else "major")
        wish = Wish(style="pop", key=asked, meter=(4, 4), instruments=("keys", "bass", "pad"), steady=True)
        tags = f"pop, keys, bass, pad, {NOTE_NAMES[asked.root]} {asked.mode}"
        pairs = (_generate(model, seed, tags=tags, tempo=110.0), 48000), (_true(seed, wish)[0], MODEL_SAMPLE_RATE)
        for audio, rate in pairs:
            root, mode = rules.key(audio, rate)
            hits.append((root == asked.root, root == asked.root and mode == asked.mode))
    made, true = np.mean(hits[::2], axis=0), np.mean(hits[1::2], axis=0)
    yield Row("key's root", made[0], true[0], "0.90")
    yield Row("key's root and mode", made[1], true[1], "0.80")


def stems(model: engine.Model, samples: int) -> Iterator[Row]:
    """A single instrument asked for is what the feature rule hears."""
    for stem in STEMS:
        made, true = [], []
        for seed in range(samples):
            made.append(rules.stem_of(rules.features(_generate(model, seed, tags=stem, tempo=110.0), 48000)) == stem)
            audio, _ = _true(seed, Wish(instruments=(stem,), steady=True))
            true.append(rules.stem_of(rules.features(audio, MODEL_SAMPLE_RATE)) == stem)
        yield Row(f"{stem} alone told from the others", float(np.mean(made)), float(np.mean(true)), "0.95")


def inpainting(model: engine.Model, samples: int) -> Iterator[Row]:
    """The new region against the context: beat, key and loudness; the ceiling is the region that was there."""
    seconds = 2 * CONTEXT + 4.0
    results = []
    for seed in range(samples):
        wish = replace(_beat_wish(seed), key=Key(seed % 12, "minor"))
        audio, score = _true(seed, wish, seconds)
        tags = f"{wish.style}, drums, bass, keys, {NOTE_NAMES[seed % 12]} minor"
        request = engine.Inpaint(
            audio=engine.Audio(audio, MODEL_SAMPLE_RATE),
            tags=tags,
            start_time=CONTEXT,
            end_time=CONTEXT + 4.0,
            variance=1.0,
            seed=seed,
            tempo_map=[TempoPoint(**vars(point)) for point in score.tempo_map().points],
        )
        made = np.asarray(model.render(request).audio)
        results.append(_region_results(made, audio, score) + _region_results(audio, audio, score))
    figures = np.mean(results, axis=0)
    yield Row("inpaint: beat within 20 ms of the context's", figures[0], figures[3], "0.90")
    yield Row("inpaint: pitches in the key as in the context (-10 %)", figures[1], figures[4], "0.90")
    yield Row("inpaint: loudness within 1.5 LU", figures[2], figures[5], "0.95")


def _region_results(made: np.ndarray, source: np.ndarray, score: Score) -> tuple[bool, bool, bool]:
    rate = MODEL_SAMPLE_RATE
    first, last = int(CONTEXT * rate), int((CONTEXT + 4.0) * rate)
    region, context = made[:, first:last], np.concatenate([source[:, :first], source[:, last:]], axis=1)
    beat = 60.0 / score.bars[0].bpm
    beats = np.arange(score.bars[0].start, score.seconds, beat / 2)
    inside = beats[(beats > CONTEXT) & (beats < CONTEXT + 4.0)] - CONTEXT
    before = beats[(beats > 0.1) & (beats < CONTEXT - 0.1)]
    shift = rules.beat_offset(region, rate, inside) - rules.beat_offset(source[:, :first], rate, before)
    in_phase = abs((shift + beat / 4) % (beat / 2) - beat / 4) < 0.020
    scale = tuple(step + score.key.root for step in score.key.scale)
    in_key = rules.share_in_key(region, rate, scale) > rules.share_in_key(context, rate, scale) - 0.1
    louder = abs(rules.loudness(region, rate) - rules.loudness(context, rate)) < 1.5
    return in_phase, in_key, louder
