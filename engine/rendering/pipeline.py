"""From a job to its results: what each family of tasks does around the sampler. Knows audio and plans, no devices.

text-to-audio and retake make a whole piece; audio-to-audio turns a whole file into another; inpaint and outpaint make
windows and join them to the source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from msgspec import UNSET
from torch import Tensor

from engine.audio.outpaint_window import Extension as Added
from engine.audio.outpaint_window import plan_outpaint
from engine.audio.seam import Made
from engine.audio.window import Window, plan_window
from engine.constants import OUTPUT_SAMPLE_RATE
from engine.errors import InvalidRequest
from engine.families.family import Place
from engine.geometry import Geometry
from engine.grid.heard import Heard
from engine.rendering.codec import Span, pad_frames
from engine.rendering.job import Job
from engine.rendering.joining import Joined, Joiner, Piece, choose_best, single_regions
from engine.rendering.render import Render
from engine.rendering.source import Source, open_source
from engine.requests import AudioToAudio, Inpaint, Outpaint, Retake, recipe, to_dict
from engine.sampling.denoise import Plan
from engine.tasks import audio_to_audio, inpaint, outpaint, retake, text_to_audio
from engine.tasks.text_to_audio import Inputs


def render_job(job: Job) -> list[Render]:
    """Every result of a job, variation by variation, candidate by candidate; the kept candidates first."""
    request = job.request
    if isinstance(request, Inpaint | Outpaint):
        return _join(job, open_source(request.audio, _channels(request)))
    if isinstance(request, AudioToAudio):
        return _convert(job, open_source(request.audio, _channels(request)))
    return _generate(job)


def _generate(job: Job) -> list[Render]:
    frames = max(1, job.geometry.frames_of(job.request.duration))
    words = job.reader.words(Place(0.0, frames))
    prepare = retake.prepare if isinstance(job.request, Retake) else text_to_audio.prepare
    latents, _ = job.sample(frames, words, prepare)
    rate = OUTPUT_SAMPLE_RATE if job.request.sample_rate is UNSET else job.request.sample_rate
    with job.timed("decode"):
        audios = [
            job.parts.codec.decode(latents[i : i + 1].to(job.device), rate, job.on_tile(i)) for i in range(job.items)
        ]
    job.decoded()
    return [_result(job, i, audio, rate, latents[i]) for i, audio in enumerate(audios)]


def _convert(job: Job, source: Source) -> list[Render]:
    if source.frames > job.geometry.max_samples(source.sample_rate):
        raise InvalidRequest(
            "audio",
            f"{source.duration_seconds:.1f} s",
            f"at most {job.geometry.max_seconds:g} s, the most that the model makes at once",
            "Cut the audio, or regenerate a part of it with inpaint.",
        )
    with job.timed("encode"):
        job.report("encode", 0, 1)
        original = job.parts.codec.encode(source, 0, source.frames)
        job.report("encode", 1, 1)
    place = Place(0.0, original.shape[-1])
    heard = _heard(source, 0, source.frames)
    words = job.reader.words(place, heard)

    def prepare(inputs: Inputs) -> Plan:
        if job.request.edit_mode == "reference":
            return audio_to_audio.prepare_reference(inputs, original)
        before = job.reader.original_words(place, heard)
        return audio_to_audio.prepare_edit(inputs, audio_to_audio.Original(original, before))

    latents, _ = job.sample(place.frames, words, prepare)
    span = Span(0, source.frames, source.sample_rate)
    results = []
    for i in range(job.items):
        with job.timed("decode"):
            made = job.parts.codec.decode_span(latents[i : i + 1].to(job.device), span, job.on_tile(i))
        audio, rate = _at_requested_rate(job, _as_channels(made, source.channels), source.sample_rate)
        result = _result(job, i, audio, rate, latents[i])
        _attach(result, source)
        result.report |= {"window": [0, source.frames], "region": [0, source.frames], "offset": 0}
        results.append(result)
    job.decoded()
    return results


def _join(job: Job, source: Source) -> list[Render]:
    windows = _windows(job.request, source, job.geometry)
    job.runs = len(windows)
    made = [_render_window(job, source, window) for window in windows]
    pieces = [[piece for _, of_window in made for piece in of_window[i]] for i in range(job.items)]
    anything = not any(piece.is_source for piece in pieces[0])
    joined = []
    with job.timed("seam"):
        job.report("seam", 0, job.items)
        joiner = Joiner(source, windows, job.request.match_loudness, job.request.output == "clip")
        for i in range(job.items):
            joined.append(joiner.join(pieces[i]))
            job.report("seam", i + 1, job.items)
    results = _joined_results(job, source, windows, [latents for latents, _ in made], joined, anything)
    for result in results:
        _attach(result, source)
    return sorted(results, key=lambda r: (r.variation, not r.kept, r.candidate))


def _windows(request: Any, source: Source, geometry: Geometry) -> tuple[Window, ...]:
    context, fade = request.context_seconds, request.crossfade_seconds
    if isinstance(request, Outpaint):
        given: Any = request
        added = Added(given.extend_before_duration, given.extend_after_duration)
        return plan_outpaint(source.frames, source.sample_rate, added, context, fade, geometry)
    start, end = region_seconds(request, source.duration_seconds)
    return (plan_window(source.frames, source.sample_rate, start, end, context, fade, geometry),)


def region_seconds(request: Any, duration: float) -> tuple[float, float]:
    """Start and end of an inpaint's region, counted from the source's start; an end not given is min(30, duration)."""
    start, end = request.start_time, request.end_time
    if request.start_time_relative_to == "end":
        start = duration - start
    if end is UNSET:
        return start, min(30.0, duration)
    return start, duration - end if request.end_time_relative_to == "end" else end


def _render_window(job: Job, source: Source, window: Window) -> tuple[Tensor, list[list[Piece]]]:
    """Latents of every item, and for every item what was made of each region."""
    with job.timed("encode"):
        job.report("encode", 0, 1)
        known = pad_frames(job.parts.codec.encode(source, window.known_start, window.known_end), window)
        job.report("encode", 1, 1)
    made = window.mask()
    place = Place(window.start / window.sample_rate, window.frames, tuple(made.tolist()))
    words = job.reader.words(place, _heard(source, window.known_start, window.known_end))
    mask = torch.from_numpy(made)

    def prepare(inputs: Inputs) -> Plan:
        if not (window.frames_before or window.frames_after):
            return inpaint.prepare(inputs, inpaint.Region(known, mask))
        extension = outpaint.Extension(known, window.frames_before, window.frames_after, mask)
        return outpaint.prepare(inputs, extension)

    latents, walked = job.sample(window.frames_known, words, prepare)
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
    job: Job, source: Source, windows: tuple[Window, ...], latents: list[Tensor], joined: list[Joined], made: bool
) -> list[Render]:
    results = []
    candidates = job.request.candidates
    best = choose_best(joined, candidates)
    for i, join in enumerate(joined):
        audio, rate = _at_requested_rate(job, join.audio, source.sample_rate)
        result = _result(job, i, audio, rate, torch.cat([part[i] for part in latents], dim=-1))
        result.kept = i in best
        regions = [r for w in windows for r in w.regions]
        result.report |= {
            "window": [windows[0].start, windows[-1].end],
            "region": [regions[0].start, regions[-1].end],
            "regions": [[r.start, r.end] for r in regions],
            "changed": [[r.fade_start, r.fade_end] for r in regions] if made else [],
            "offset": join.offset,
            "seam_report": join.report,
        }
        results.append(result)
    return results


def _attach(result: Render, source: Source) -> None:
    """What unchanged samples are copied from, and what was found wrong with it."""
    result.source = source
    result.report["warnings"] += source.notes


def _result(job: Job, item: int, audio: np.ndarray, rate: int, latents: Tensor) -> Render:
    resolved, request = job.resolved, job.request
    report: dict[str, Any] = {
        "model": job.parts.identity.name,
        "task": type(request).task,
        "seed": resolved.seeds[item],
        "retake_seed": resolved.retake_seeds[item],
        "warnings": [*resolved.warnings, *job.reader.warnings],
        "request": {k: v for k, v in to_dict(_without_audio(request)).items() if k != "audio"},
        "recipe": recipe(resolved, item, job.parts.identity),
    }
    return Render(
        audio=np.ascontiguousarray(audio, dtype=np.float32),
        sample_rate=rate,
        latents=latents.numpy().copy(),
        seed=resolved.seeds[item],
        retake_seed=resolved.retake_seeds[item],
        timings=job.timings,
        report=report,
        variation=item // request.candidates,
        candidate=item % request.candidates,
    )


def _without_audio(request: Any) -> Any:
    from msgspec import structs

    return structs.replace(request, audio="source") if hasattr(request, "audio") else request


def _at_requested_rate(job: Job, audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    from engine.audio.buffer import Audio
    from engine.audio.resample import resample

    wanted = job.request.sample_rate
    if wanted is UNSET or wanted == rate:
        return audio, rate
    return resample(Audio(np.ascontiguousarray(audio, dtype=np.float32), rate), wanted).samples, wanted


def _as_channels(made: np.ndarray, channels: int) -> np.ndarray:
    return made if channels == made.shape[0] else made.mean(axis=0, keepdims=True)


def _channels(request: Any) -> list[int] | None:
    return None if request.channels is UNSET else request.channels


def _heard(source: Source, start: int, stop: int) -> Heard:
    """What a model may ask to be found in the source's samples [start, stop)."""
    return Heard(lambda: source.read(start, stop), source.sample_rate, start / source.sample_rate)
