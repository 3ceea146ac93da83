"""From a job to its results: what is done around the sampler, by the way in which a task is finished.

A whole piece is made and decoded; a whole source is encoded, changed and cut to its length; windows are encoded, made
and joined to the source. Knows audio and plans; knows no task, no device and no family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.beat_clock import BeatClock
from engine.audio.seam import Fitting, Made
from engine.audio.seam_report import is_silent
from engine.audio.window import Window
from engine.constants import OUTPUT_SAMPLE_RATE
from engine.families.family import Place
from engine.grid.heard import Heard
from engine.grid.tempo_map import TempoMap
from engine.rendering.codec import Span, pad_frames
from engine.rendering.job import Job
from engine.rendering.joining import Joined, Joiner, Piece, choose_best, single_regions
from engine.rendering.listening import Listening
from engine.rendering.own_clips import MOST_GAIN_DB, Reused
from engine.rendering.render import Render
from engine.rendering.source import Source
from engine.requests.recipe import recipe, without_audio
from engine.tasks.task import Finish, Material


def render_job(job: Job) -> list[Render]:
    """Every result of a job, variation by variation, candidate by candidate; the kept candidates first."""
    job.check_effects()
    return FINISHES[job.order.task.finish](job)


def _piece(job: Job) -> list[Render]:
    resolved, frames = job.resolved, job.order.extent.made_frames
    latents, _ = job.sample(frames, job.reader.words(Place(0.0, frames, seconds=resolved.duration)), None)
    rate, samples = resolved.sample_rate or OUTPUT_SAMPLE_RATE, job.order.extent.result_samples
    with job.timed("decode"):
        audios = [
            job.parts.codec.decode(latents[i : i + 1].to(job.device), rate, job.on_tile(i))[:, :samples]
            for i in range(job.items)
        ]
    job.decoded()
    results = [_result(job, i, audio, rate, latents[i]) for i, audio in enumerate(job.effected(audios, rate))]
    for result in results if not job.order.effects else []:
        job.parts.codec.own.keep(result.audio, 0, rate, torch.from_numpy(result.latents), 0, job.geometry)
    return results


def _whole_source(job: Job) -> list[Render]:
    source = job.source
    with job.timed("encode"):
        job.report("encode", 0, 1)
        original = job.parts.codec.encode(source, 0, source.frames)
        job.report("encode", 1, 1)
    place = Place(0.0, original.shape[-1])
    heard = _heard(source, 0, source.frames)
    words = job.reader.words(place, heard)
    material = Material(original, original_words=lambda: job.reader.original_words(place, heard))
    latents, _ = job.sample(place.frames, words, material)
    span = Span(0, source.frames, source.sample_rate)
    results, made = [], []
    with job.timed("decode"):
        for i in range(job.items):
            decoded = job.parts.codec.decode_span(latents[i : i + 1].to(job.device), span, job.on_tile(i))
            made.append(_as_channels(decoded, source.channels))
    job.decoded()
    for i, samples in enumerate(job.effected(made, source.sample_rate)):
        audio, rate = _at_requested_rate(job, samples, source.sample_rate)
        result = _result(job, i, audio, rate, latents[i])
        _attach(result, source)
        result.report |= {"window": [0, source.frames], "region": [0, source.frames], "offset": 0}
        results.append(result)
    return results


def _joined(job: Job) -> list[Render]:
    source = job.source
    fitted = [_with_own(job, source, window) for window in job.order.extent.windows]
    windows = tuple(window for window, _ in fitted)
    job.runs = len(windows)
    with Listening(source, windows, _bpm(job), _clock(job)) as listening:
        rendered = [_render_window(job, source, window, own) for window, own in fitted]
        pieces = [[piece for _, of_window in rendered for piece in of_window[i]] for i in range(job.items)]
        pieces = _effected(job, pieces)
        joined = _join(job, source, windows, pieces, listening)
    anything = not any(piece.is_source for piece in pieces[0])
    results = _joined_results(job, source, windows, [latents for latents, _ in rendered], joined, anything)
    for result in results:
        _attach(result, source)
        _tell_reused(job, result, [own for _, own in fitted])
    if anything:
        _keep_own(job, windows, [latents for latents, _ in rendered], joined)
    return sorted(results, key=lambda r: (r.variation, not r.kept, r.candidate))


def _join(
    job: Job, source: Source, windows: tuple[Window, ...], pieces: list[list[Piece]], listening: Listening
) -> list[Joined]:
    """Every item in its source."""
    joined = []
    with job.timed("seam"):
        job.report("seam", 0, job.items)
        joiner = Joiner(source, windows, _fitting(job), job.resolved.output == "clip", listening)
        for i in range(job.items):
            joined.append(joiner.join(pieces[i]))
            job.report("seam", i + 1, job.items)
    return joined


def _with_own(job: Job, source: Source, window: Window) -> tuple[Window, Reused | None]:
    """The window, and what the model made of it before, where the request wants that."""
    if not job.resolved.reuse_latents:
        return window, None
    return job.parts.codec.own.fitted(source, window, job.geometry)


def _tell_reused(job: Job, result: Render, own: list[Reused | None]) -> None:
    frames = sum(reused.frames.size for reused in own if reused is not None)
    if frames:
        result.report["reused_latents_seconds"] = round(frames / job.geometry.frame_rate, 3)


def _keep_own(job: Job, windows: tuple[Window, ...], latents: list[Tensor], joined: list[Joined]) -> None:
    """Remember what was made of every item, and sounds in its result as it was made."""
    if job.order.effects or job.resolved.sample_rate not in (None, job.source.sample_rate):
        return
    of_region = [(window, made) for window, made in zip(windows, latents, strict=True) for _ in window.regions]
    for i, join in enumerate(joined):
        for (window, made), patch in zip(of_region, join.patches, strict=True):
            start, stop = patch.between_fades
            if not patch.is_as_made(MOST_GAIN_DB) or stop <= start:
                continue
            audio = join.audio[:, start - join.offset : stop - join.offset]
            begins = window.start + patch.shift
            job.parts.codec.own.keep(audio, start, window.sample_rate, made[i], begins, job.geometry)


def _effected(job: Job, pieces: list[list[Piece]]) -> list[list[Piece]]:
    """What was made of every item, through the request's effects; the source's own samples stay as they are."""
    made = [piece.made.samples for of_item in pieces for piece in of_item if not piece.is_source]
    passed = iter(job.effected(made, job.source.sample_rate))

    def after(piece: Piece) -> Piece:
        return piece if piece.is_source else replace(piece, made=replace(piece.made, samples=next(passed)))

    return [[after(piece) for piece in of_item] for of_item in pieces]


def _fitting(job: Job) -> Fitting:
    """How what is made is fitted to the source."""
    resolved = job.resolved
    search = 0.0 if resolved.pin_joints else resolved.joint_search_seconds
    return Fitting(
        match_loudness=resolved.match_loudness,
        search_seconds=search,
        match_tempo=resolved.match_tempo != "off",
        bpm=_bpm(job),
        clock=_clock(job),
        stretch=resolved.match_tempo == "stretch",
        match_tone=resolved.match_tone,
    )


def _clock(job: Job) -> BeatClock | None:
    """The clock of a tempo map whose tempo changes."""
    resolved = job.resolved
    if resolved.tempo_map is None or not job.order.extent.windows:
        return None
    window = job.order.extent.windows[0]
    points = tuple((point.time, point.bpm) for point in TempoMap.from_points(resolved.tempo_map).points)
    steady = len({bpm for _, bpm in points}) == 1
    return None if steady else BeatClock(points, window.region.start / window.sample_rate)


def _bpm(job: Job) -> float | None:
    """The tempo that the request says for the place of its region."""
    resolved = job.resolved
    if resolved.tempo_map is None or not job.order.extent.windows:
        return resolved.tempo
    window = job.order.extent.windows[0]
    return TempoMap.from_points(resolved.tempo_map).bars_at(window.region.start / window.sample_rate)[0].bpm


def _stem(job: Job) -> list[Render]:
    """The region alone, with fades around it; its place in the source is `offset`."""
    source, (window,) = job.source, job.order.extent.windows
    latents, pieces = _render_window(job, source, window)
    region = window.regions[0]
    results = []
    stems = [_as_channels(np.asarray(of_item[0].made.samples), source.channels) for of_item in pieces]
    for i, stem in enumerate(job.effected(stems, source.sample_rate)):
        faded = stem * _fades(region.start - region.fade_start, stem.shape[1], region.fade_end - region.end)
        audio, rate = _at_requested_rate(job, faded, source.sample_rate)
        result = _result(job, i, audio, rate, latents[i])
        result.report["warnings"] += source.notes
        places = {"window": [window.start, window.end], "region": [region.start, region.end]}
        result.report |= {**places, "offset": region.fade_start}
        results.append(result)
    return results


def _fades(first: int, samples: int, last: int) -> np.ndarray:
    """Linear fades over the first and the last samples, 1 between them: float32 (samples,)."""
    gain = np.ones(samples, dtype=np.float32)
    gain[:first] = (np.arange(first) + 0.5) / max(first, 1)
    gain[samples - last :] = ((np.arange(last) + 0.5) / max(last, 1))[::-1]
    return gain


FINISHES: dict[Finish, Callable[[Job], list[Render]]] = {
    "piece": _piece,
    "source": _whole_source,
    "joined": _joined,
    "stem": _stem,
}


def _render_window(
    job: Job, source: Source, window: Window, own: Reused | None = None
) -> tuple[Tensor, list[list[Piece]]]:
    """Latents of every item, and for every item what was made of each region."""
    with job.timed("encode"):
        job.report("encode", 0, 1)
        known = pad_frames(job.parts.codec.encode(source, window.known_start, window.known_end), window)
        known = known if own is None else own.put_into(known)
        job.report("encode", 1, 1)
    new_frames = window.mask()
    place = Place(window.start / window.sample_rate, window.frames, tuple(new_frames.tolist()))
    words = job.reader.words(place, _heard(source, window.known_start, window.known_end))
    material = Material(known, window.frames_before, window.frames_after, torch.from_numpy(new_frames))
    latents, walked = job.sample(window.frames_known, words, material)
    with job.timed("decode"):
        pieces = [_pieces(job, source, window, latents[i : i + 1] if walked else None, i) for i in range(job.items)]
    job.decoded()
    return latents, pieces


def _pieces(job: Job, source: Source, window: Window, latents: Tensor | None, item: int) -> list[Piece]:
    """One item's regions with their fades; the source's own samples where nothing was made."""
    pieces = []
    for part in single_regions(window):
        region = part.regions[0]
        if latents is None:
            samples = source.read(region.fade_start, region.fade_end)
            pieces.append(Piece(Made(samples, region.fade_start), part, is_source=True))
            continue
        span = Span(region.fade_start - window.start, region.fade_end - window.start, window.sample_rate)
        samples = job.parts.codec.decode_span(latents.to(job.device), span, job.on_tile(item))
        pieces.append(Piece(Made(samples, region.fade_start), part))
    return pieces


def _joined_results(
    job: Job, source: Source, windows: tuple[Window, ...], latents: list[Tensor], joined: list[Joined], has_new: bool
) -> list[Render]:
    results = []
    best = choose_best(joined, job.resolved.candidates)
    for i, join in enumerate(joined):
        audio, rate = _at_requested_rate(job, join.audio, source.sample_rate)
        result = _result(job, i, audio, rate, torch.cat([part[i] for part in latents], dim=-1))
        result.kept = i in best
        regions = [r for w in windows for r in w.regions]
        result.report |= {
            "window": [windows[0].start, windows[-1].end],
            "region": [regions[0].start, regions[-1].end],
            "regions": [[r.start, r.end] for r in regions],
            "changed": [list(span) for span in join.changed] if has_new else [],
            "offset": join.offset,
            "seam_report": join.report,
        }
        if has_new:
            result.report["recipe"] |= {"fades": join.fades(source.sample_rate)}
        results.append(result)
    return results


def _attach(result: Render, source: Source) -> None:
    """What unchanged samples are copied from, and what was found wrong with it."""
    result.source = source
    result.report["warnings"] += source.notes


def _result(job: Job, item: int, audio: np.ndarray, rate: int, latents: Tensor) -> Render:
    resolved = job.resolved
    report: dict[str, Any] = {
        "model": job.parts.identity.name,
        "task": resolved.task,
        "seed": resolved.seeds[item],
        "retake_seed": resolved.retake_seeds[item],
        "warnings": [*resolved.warnings, *job.reader.warnings, *_silence(audio), *_overs(job, audio)],
        "request": without_audio(resolved.request),
        "recipe": recipe(resolved, item, job.parts.identity, batch=job.batch_of(item)),
    }
    return Render(
        audio=np.ascontiguousarray(audio, dtype=np.float32),
        sample_rate=rate,
        latents=latents.numpy().copy(),
        seed=resolved.seeds[item],
        retake_seed=resolved.retake_seeds[item],
        timings=job.timings,
        report=report,
        variation=item // resolved.candidates,
        candidate=item % resolved.candidates,
    )


def _silence(audio: np.ndarray) -> list[str]:
    """A sentence where a result has no sound at all."""
    return ["The result is silent: try another seed, other tags or more variance."] if is_silent(audio) else []


def _overs(job: Job, audio: np.ndarray) -> list[str]:
    """A sentence where effects made a result louder than a file holds."""
    peak = float(np.abs(audio).max(initial=0.0)) if job.order.effects else 0.0
    if peak <= 1.0:
        return []
    over = f"{20 * np.log10(peak):.1f} dB over full scale"
    return [f"After its effects the result is {over}: lower a gain, or end the chain with a BrickwallLimiter."]


def _at_requested_rate(job: Job, audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    from engine.audio.buffer import Audio
    from engine.audio.resample import resample

    wanted = job.resolved.sample_rate
    if wanted is None or wanted == rate:
        return audio, rate
    return resample(Audio(np.ascontiguousarray(audio, dtype=np.float32), rate), wanted).samples, wanted


def _as_channels(samples: np.ndarray, channels: int) -> np.ndarray:
    return samples if channels == samples.shape[0] else samples.mean(axis=0, keepdims=True)


def _heard(source: Source, start: int, stop: int) -> Heard:
    """What a model may ask to be found in the source's samples [start, stop)."""
    return Heard(lambda: source.read(start, stop), source.sample_rate, start / source.sample_rate)
