"""Random requests of every task: whatever is asked, the audio is finite, unclipped and without an offset."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

import engine
from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.training.evaluation.material import STEMS, Values, true_clip
from engine.training.music.arrange import Wish

WORDS = (
    *STEMS, "house", "jazz", "rock", "lo-fi", "sad", "fast", "F# minor", "C major", "90 bpm", "174 bpm", "6/8",
    "piano", "zither", "???", "808", "very loud", "", "quiet", "female vocals", "réverbération",
)  # fmt: skip
LIMIT, OFFSET = 1.0, 1e-3

MODES: tuple[Literal["remix", "reference"], ...] = ("remix", "reference")


def random_request(model: engine.Model, seed: int, **_: Any) -> Values:
    """One request, its task in turn and everything else drawn. What the source has itself may stay in its result."""
    rng = np.random.default_rng([seed, 9])
    request, source = _drawn(rng, seed)
    audio = np.asarray(model.render(request).audio)
    peak = LIMIT if source is None else max(LIMIT, float(np.abs(source).max()))
    return {
        "random_finite": (float(np.isfinite(audio).all()), None),
        "random_unclipped": (float(np.abs(audio).max() <= peak), None),
        "random_no_offset": (float(_offset(audio) < max(OFFSET, 0.0 if source is None else _offset(source))), None),
    }


def _offset(audio: np.ndarray) -> float:
    """The largest mean of a channel, under a Hann window, so that parts of a period do not count."""
    window = np.hanning(audio.shape[-1] + 2)[1:-1]
    return float(np.abs((audio * window).sum(axis=1)).max() / window.sum())


def _drawn(rng: np.random.Generator, seed: int) -> tuple[Any, np.ndarray | None]:
    count = int(rng.integers(0, 6))
    shared: dict[str, Any] = {"seed": seed, "number_of_steps": int(rng.integers(1, 5))}
    if rng.random() < 0.5:
        shared |= {"tempo": float(rng.uniform(40, 220)), "meter": str(rng.choice(["4/4", "3/4", "6/8", "7/8"]))}
    if rng.random() < 0.3:
        shared["guidance_scale"] = float(rng.choice([0.0, 1.0, 3.0, 7.0]))
    words = ", ".join(str(word) for word in rng.choice(WORDS, count)).strip(" ,") or "music"
    seconds = float(rng.uniform(0.2, 4.0))
    if seed % 6 < 3:
        kinds = (
            lambda: engine.TextToAudio(tags=words, duration=seconds, **shared),
            lambda: engine.Retake(tags=words, duration=seconds, variance=float(rng.random()), **shared),
            lambda: engine.PromptToAudio(prompt=words, duration=seconds, **shared),
        )
        return kinds[seed % 6](), None
    source = _source(rng, seed, max(1.0, seconds))
    audio = engine.Audio(source, RATE)
    length = source.shape[-1] / RATE
    start = float(rng.uniform(0.0, 0.6)) * length
    end = float(rng.uniform(start + 0.1, length))
    if seed % 6 == 3:
        shared |= {"start_time": start, "end_time": end, "variance": float(rng.random())}
        return engine.Inpaint(audio=audio, tags=words, **shared), source
    if seed % 6 == 4:
        before, after = (float(rng.uniform(0.1, 2.0)) for _ in range(2))
        return (
            engine.Outpaint(
                audio=audio, tags=words, extend_before_duration=before, extend_after_duration=after, **shared
            ),
            source,
        )
    mode = MODES[int(rng.choice(len(MODES)))]
    return engine.AudioToAudio(audio=audio, original_tags="music", tags=words, edit_mode=mode, **shared), source


def _source(rng: np.random.Generator, seed: int, seconds: float) -> np.ndarray:
    """A true clip, at times very quiet, or silent, or mono on both sides."""
    drawn = rng.random()
    if drawn < 0.1:
        return np.zeros((2, int(seconds * RATE)), dtype=np.float32)
    audio = true_clip(seed, Wish(), seconds).audio
    return audio * np.float32(0.001) if drawn < 0.2 else audio
