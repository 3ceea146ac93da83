"""Text-to-audio against what was asked for: tempo, grid, key, chords, instruments. Rules on audio only."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine
from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.grid.harmony import Key
from engine.training.evaluation import rules
from engine.training.evaluation.material import STEMS, Clip, Values, beat_wish, make, true_clip
from engine.training.music.arrange import Wish

MADE_RATE = 48000
SECONDS = 8.0


def beat_8(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Tempo and grid over 8 s."""
    return _beat(model, seed, SECONDS, "8", settings)


def beat_16(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Tempo and grid over 16 s."""
    return _beat(model, seed, 2 * SECONDS, "16", settings)


def beat_32(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Tempo and grid over 32 s, longer than anything in training."""
    return _beat(model, seed, 4 * SECONDS, "32", settings)


def _beat(model: engine.Model, seed: int, seconds: float, name: str, settings: dict[str, Any]) -> Values:
    clip = true_clip(seed, beat_wish(seed), seconds)
    rendered = _same_request(model, clip, seed, seconds, settings)
    bpm = clip.score.bars[0].bpm
    tempi = rules.tempo(rendered, MADE_RATE), rules.tempo(clip.audio, RATE)
    late = grid_error_ms(rendered, MADE_RATE, clip), grid_error_ms(clip.audio, RATE, clip)
    return {
        f"tempo_{name}": _pair(rules.same_tempo(t, bpm, 0.02) for t in tempi),
        f"tempo_exact_{name}": _pair(abs(t / bpm - 1.0) <= 0.02 for t in tempi),
        f"grid_ms_{name}": late,
    }


def tempo_change(model: engine.Model, seed: int, **settings: Any) -> Values:
    """16 s whose tempo changes by a tenth to a fifth at a bar near the middle: both tempi are found."""
    rng = np.random.default_rng([seed, 8])
    wish = beat_wish(seed)
    bars = round(SECONDS / (240.0 / float(wish.bpm or 120.0)))
    ratio = float(rng.uniform(1.1, 1.2)) ** (1 if rng.random() < 0.5 else -1)
    clip = true_clip(seed, beat_wish(seed, (bars, ratio)), 2 * SECONDS)
    rendered = _same_request(model, clip, seed, 2 * SECONDS, settings)
    first, second = clip.tempo_map[0], clip.tempo_map[1]
    hits = []
    for audio, rate in ((rendered, MADE_RATE), (clip.audio, RATE)):
        at = int(second.time * rate)
        halves = (audio[:, :at], first.bpm), (audio[:, at:], second.bpm)
        hits.append(all(rules.same_tempo(rules.tempo(part, rate), bpm, 0.02) for part, bpm in halves))
    late = grid_error_ms(rendered, MADE_RATE, clip), grid_error_ms(clip.audio, RATE, clip)
    return {"tempo_change": _pair(hits), "grid_ms_change": late}


def _same_request(model: engine.Model, clip: Clip, seed: int, seconds: float, settings: dict[str, Any]) -> np.ndarray:
    tags = f"{clip.score.style}, drums, bass, keys, {clip.key_words}"
    request = engine.TextToAudio(tags=tags, duration=seconds, seed=seed, tempo_map=clip.tempo_map, **settings)
    return make(model, request)


def grid_error_ms(audio: np.ndarray, rate: int, clip: Clip) -> float:
    """Median distance of the onsets to the sixteenths of the clip's bars; a quarter of one where nothing is heard."""
    positions = np.concatenate([[bar.at(k / 4) for k in range(int(4 * bar.quarters))] for bar in clip.score.bars])
    errors = rules.grid_errors(rules.onset_times(audio, rate), positions)
    return 1000.0 * float(np.median(errors)) if len(errors) else 15000.0 / clip.score.bars[0].bpm / 4


def key_8(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Root, mode and chord tones of keys, bass and pad in each of the 24 keys in turn."""
    asked = Key(seed % 12, "minor" if seed // 12 % 2 else "major")
    wish = Wish(style="pop", key=asked, bpm=110.0, meter=(4, 4), instruments=("keys", "bass", "pad"), steady=True)
    clip = true_clip(seed, wish, SECONDS)
    tags = f"pop, keys, bass, pad, {clip.key_words}"
    rendered = make(
        model, engine.TextToAudio(tags=tags, duration=SECONDS, seed=seed, tempo_map=clip.tempo_map, **settings)
    )
    sounds = (rendered, MADE_RATE), (clip.audio, RATE)
    bars = [(bar.start, min(SECONDS, bar.start + bar.seconds)) for bar in clip.score.bars]
    keys = [rules.key(audio, rate, bars) for audio, rate in sounds]
    shares = [rules.chord_tone_share(audio, rate, bars, asked.triads) for audio, rate in sounds]
    return {
        "key_root": _pair(pair is not None and pair[0] == asked.root for pair in keys),
        "key_mode": _pair(pair == (asked.root, asked.mode) for pair in keys),
        "key_scale": _pair(rules.share_in_key(audio, rate, clip.scale) for audio, rate in sounds),
        "chord_tones": _pair(shares),
    }


def stem(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Each of drums, bass, pad and lead asked for alone is what the feature rule hears."""
    values: Values = {}
    for name in STEMS:
        clip = true_clip(seed, Wish(instruments=(name,), steady=True), SECONDS)
        request = engine.TextToAudio(tags=name, duration=SECONDS, seed=seed, tempo_map=clip.tempo_map, **settings)
        sounds = (make(model, request), MADE_RATE), (clip.audio, RATE)
        values[f"stem_{name}"] = _pair(rules.stem_of(rules.features(audio, rate)) == name for audio, rate in sounds)
    return values


def _pair(values: Any) -> tuple[float, float]:
    first, true = (float(value) for value in values)
    return first, true
