"""Inpaint, outpaint, remix and variance against the music around them. Rules on audio only.

The true column is the same rule on the music that was there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import engine
from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.networks.log_mel import LogMel
from engine.training.evaluation import rules
from engine.training.evaluation.material import STEMS, Clip, Values, beat_wish, make, true_clip
from engine.training.music.arrange import Wish

CONTEXT = 6.0
REGION = 4.0
PHASE_SECONDS = 0.020
MORE_SECONDS = 10.0
EDGE_SECONDS = 0.04
KEY_LESS = 0.15  # what the codec alone takes off the share of energy in the key
REMIXED = "rock, electric guitar, synth lead, drums"


def inpaint(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Four seconds between six and six, key and instruments told: beat, key, loudness and joints."""
    clip = true_clip(seed, beat_wish(seed), 2 * CONTEXT + REGION)
    tags = f"{clip.score.style}, drums, bass, keys, {clip.key_words}"
    return _region_figures(_inpainted(model, clip, tags, seed, settings), clip, "inpaint")


def inpaint_untold(model: engine.Model, seed: int, **settings: Any) -> Values:
    """The same with the style as the only tag: key and instruments must come from the context."""
    clip = true_clip(seed, beat_wish(seed), 2 * CONTEXT + REGION)
    return _region_figures(_inpainted(model, clip, clip.score.style, seed, settings), clip, "untold")


def _inpainted(model: engine.Model, clip: Clip, tags: str, seed: int, settings: dict[str, Any]) -> np.ndarray:
    request = engine.Inpaint(
        audio=clip.source,
        tags=tags,
        start_time=CONTEXT,
        end_time=CONTEXT + REGION,
        seed=seed,
        tempo_map=clip.tempo_map,
        **{"variance": 1.0, **settings},
    )
    return make(model, request)


def _region_figures(rendered: np.ndarray, clip: Clip, name: str) -> Values:
    first, last = int(CONTEXT * RATE), int((CONTEXT + REGION) * RATE)
    context = np.concatenate([clip.audio[:, :first], clip.audio[:, last:]], axis=1)
    values: Values = {}
    pairs = [(audio[:, first:last], audio) for audio in (rendered, clip.audio)]
    shifts = [beat_shift(region, clip, CONTEXT) for region, _ in pairs]
    values[f"{name}_beat"] = _two(abs(shift) < PHASE_SECONDS for shift in shifts)
    there = rules.share_in_key(context, RATE, clip.scale) - KEY_LESS
    values[f"{name}_key"] = _two(rules.share_in_key(region, RATE, clip.scale) > there for region, _ in pairs)
    around = rules.loudness(context, RATE)
    values[f"{name}_loudness"] = _two(abs(rules.loudness(region, RATE) - around) < 1.5 for region, _ in pairs)
    values[f"{name}_joint"] = _two(joints_are_quiet(audio, (CONTEXT, CONTEXT + REGION)) for _, audio in pairs)
    return values


def beat_shift(audio: np.ndarray, clip: Clip, start: float) -> float:
    """Seconds by which the beat of `audio`, which starts at `start` of the clip, is off the clip's own beat there."""
    length = audio.shape[-1] / RATE
    eighths = np.concatenate([[bar.at(k / 2) for k in range(int(2 * bar.quarters))] for bar in clip.score.bars])
    inside = eighths[(eighths > start + 0.1) & (eighths < start + length - 0.1)] - start
    first = int(start * RATE)
    there = clip.audio[:, first : first + audio.shape[-1]]
    shift = rules.beat_offset(audio, RATE, inside) - rules.beat_offset(there, RATE, inside)
    half = float(np.median(np.diff(inside)))
    return (shift + half / 2) % half - half / 2


def joints_are_quiet(audio: np.ndarray, joints: tuple[float, ...]) -> bool:
    """No rise of the level at a joint is above the 95th percentile of the music's own onsets elsewhere."""
    times, peaks = rules.onset_peaks(audio, RATE)
    at_joint = np.min(np.abs(times[:, None] - np.array(joints)), axis=1) < EDGE_SECONDS
    own = peaks[~at_joint & (peaks > 0.03)]
    return not at_joint.any() or not len(own) or float(peaks[at_joint].max()) <= float(np.quantile(own, 0.95))


def outpaint(model: engine.Model, seed: int, **settings: Any) -> Values:
    """Ten seconds after eight, without a key in the tags: tempo and key go on."""
    clip = true_clip(seed, beat_wish(seed), 8.0 + MORE_SECONDS)
    start = Clip(clip.audio[:, : 8 * RATE], clip.score)
    request = engine.Outpaint(
        audio=start.source,
        tags=f"{clip.score.style}, drums, bass, keys",
        extend_after_duration=MORE_SECONDS,
        seed=seed,
        tempo_map=clip.tempo_map,
        **settings,
    )
    rendered = make(model, request)[:, 8 * RATE :]
    true = clip.audio[:, 8 * RATE :]
    bpm, there = clip.score.bars[0].bpm, rules.share_in_key(start.audio, RATE, clip.scale) - KEY_LESS
    tempo = [rules.same_tempo(rules.tempo(audio, RATE), bpm, 0.02) for audio in (rendered, true)]
    key = [rules.share_in_key(audio, RATE, clip.scale) > there for audio in (rendered, true)]
    both = [a and b for a, b in zip(tempo, key, strict=True)]
    return {"outpaint_tempo": _two(tempo), "outpaint_key": _two(key), "outpaint": _two(both)}


def remix(model: engine.Model, seed: int, **settings: Any) -> Values:
    """A mix keeps its beat under other tags; a single stem becomes the one that is asked for."""
    clip = true_clip(seed, beat_wish(seed), 8.0)
    mixed = _remixed(model, clip, f"{clip.score.style}, drums, bass, keys, {clip.key_words}", REMIXED, seed, settings)
    was, wanted = STEMS[seed % 4], STEMS[(seed + 1 + seed // 4 % 3) % 4]
    alone = true_clip(seed, Wish(instruments=(was,), steady=True), 8.0)
    changed = _remixed(model, alone, was, wanted, seed, settings)
    true = true_clip(seed, Wish(instruments=(wanted,), steady=True), 8.0).audio
    return {
        "remix_beat": (float(abs(beat_shift(mixed, clip, 0.0)) < PHASE_SECONDS), None),
        "remix_stem": _two(rules.stem_of(rules.features(audio, RATE)) == wanted for audio in (changed, true)),
    }


def _remixed(model: engine.Model, clip: Clip, was: str, tags: str, seed: int, settings: dict[str, Any]) -> np.ndarray:
    request = engine.AudioToAudio(
        audio=clip.source, original_tags=was, tags=tags, seed=seed, tempo_map=clip.tempo_map, **settings
    )
    return make(model, request)


def variance(model: engine.Model, seed: int, **settings: Any) -> Values:
    """The region's distance from the source, log-mel in dB, at variances 0.2, 0.5 and 0.9; and whether it rises."""
    clip = true_clip(seed, beat_wish(seed), 2 * CONTEXT + REGION)
    tags = f"{clip.score.style}, drums, bass, keys, {clip.key_words}"
    levels = (0.2, 0.5, 0.9)
    distances = [
        distance_db(_inpainted(model, clip, tags, seed, {**settings, "variance": level}), clip.audio)
        for level in levels
    ]
    values: Values = {f"variance_{level}": (value, None) for level, value in zip(levels, distances, strict=True)}
    return values | {"variance_rises": (float(distances[0] < distances[1] < distances[2]), None)}


def distance_db(rendered: np.ndarray, source: np.ndarray) -> float:
    """Mean difference of the regions' log-mels in dB, where either lies within 60 dB of the peak."""
    import torch

    first = int(CONTEXT * RATE)
    parts = [torch.from_numpy(np.ascontiguousarray(a[:, first : first + 344 * 512])) for a in (rendered, source)]
    mels = [LogMel()(part) for part in parts]
    heard = torch.maximum(*mels) > torch.maximum(*mels).max() - 6.9
    return float((mels[0] - mels[1]).abs()[heard].mean()) * 20.0 / float(np.log(10.0))


def _two(values: Any) -> tuple[float, float]:
    first, second = (float(value) for value in values)
    return first, second
