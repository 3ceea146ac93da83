"""The demo from stems to the second project and its picture. Is handed a way to render; knows no daemon."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.client import JobResult
from bridge.demo.arrangement import load_song, write_mix, write_stems
from bridge.demo.folder import Story, good_first, new_folder, write_readme, write_seam
from bridge.demo.full_model import offer
from bridge.demo.pictures import MARGIN_SECONDS, Comparison, draw_comparison
from bridge.demo.report_picture import Reported, draw_report, fades_of
from bridge.model_words import model_words
from bridge.rpp.new_project import Meter, new_project, write
from bridge.rpp.plan import ProjectJob, make_plan
from bridge.rpp.render import rendered_of, write_project
from bridge.rpp.write import NewItem, NewTake, NewTrack
from bridge.system.processor_rates import ProcessorRates
from engine.audio.buffer import Audio
from engine.audio.files import AudioInfo, probe, read
from engine.audio.metadata import read_recipe
from engine.errors import InvalidRequest
from engine.requests import Request

Render = Callable[[Request], JobResult]
Say = Callable[[str], None]
InWords = Callable[[dict[str, Any]], list[str]]
DEFAULT_SEED = 7
CONTEXT_SECONDS = 10.0
MIX_BEFORE, MIX_AFTER = "mix-before.wav", "mix-after.wav"
PROJECT, REGENERATED, PICTURE = "demo.RPP", "demo-regenerated.RPP", "before-after.png"
REPORT_PICTURE = "report.png"


@dataclass(frozen=True)
class OwnAudio:
    """The user's own file and what to regenerate in it."""

    path: Path
    start_time: float
    end_time: float
    tags: str


@dataclass(frozen=True)
class DemoOrder:
    """What the demo was asked for. `fields` are further fields of the request (model, seed, number_of_steps)."""

    folder: Path | None = None
    own: OwnAudio | None = None
    lyrics: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """The first project: which track is regenerated, with what words. `stems` by track."""

    folder: Path
    track: str
    name: str
    tags: str
    stems: dict[str, Path]
    use_tempo: bool


@dataclass(frozen=True)
class Tools:
    """What the demo is handed: rendering, telling, and the seam report in words."""

    render: Render
    say: Say
    seam_in_words: InWords
    device: Callable[[], str]
    rates: Callable[[], ProcessorRates | None]
    as_typed: Callable[[str], str] = str


@dataclass(frozen=True)
class DemoResult:
    """What was made."""

    folder: Path
    take: Path
    result: JobResult
    story: Story
    seconds: float
    before: Path  # what to listen to first, and after it
    after: Path


def run_demo(order: DemoOrder, tools: Tools) -> DemoResult:
    """All steps. Raises `InvalidRequest` before the folder is made where that can be told."""
    began = time.monotonic()
    if order.own is not None:
        _check_own(order.own)
    folder = new_folder(order.folder, Path.cwd())
    tools.say(f"[1/4] Writing the tracks and {PROJECT} into {folder}")
    scene = own_scene(folder, order.own) if order.own else song_scene(folder)
    fields = {"seed": DEFAULT_SEED, "tags": scene.tags, "lyrics": order.lyrics, **order.fields}
    plan = make_plan(
        ProjectJob(
            task="inpaint",
            project=folder / PROJECT,
            out=folder / REGENERATED,
            track=scene.track,
            fields=fields,
            use_tempo=scene.use_tempo,
            name=scene.name,
        )
    )
    request = plan.parts[0].request
    tools.say(f"[2/4] Regenerating the time selection of {scene.name}: {scene.tags}")
    result = tools.render(request)
    tools.say(f"[3/4] Writing the take into {REGENERATED}")
    take = write_project(plan, [rendered_of(result)], folder / REGENERATED).audio[0]
    tools.say("[4/4] Drawing before and after")
    story = _story(scene, request, take, result, tools)
    _draw(scene, take, story)
    _draw_report(take, story, folder)
    write_seam(folder, story)
    write_readme(folder, story, _to_hear(scene, take), tools.as_typed)
    return DemoResult(folder, take, result, story, time.monotonic() - began, *_to_hear(scene, take))


def song_scene(folder: Path) -> Scene:
    """The package's song as stems and a project, its time selection on the bars that the score names."""
    song = load_song()
    stems = write_stems(song, folder)
    tracks = [
        NewTrack(name, [NewItem(0.0, song.seconds, NewTake(Path(path.name), name), 0.0, 0.0)])
        for name, path in stems.items()
    ]
    write(new_project(folder / PROJECT, tracks, Meter(song.bpm), song.time_selection, 44100))
    track = song.regenerate["track"]
    return Scene(folder, track, track, song.regenerate["tags"], stems, use_tempo=True)


def own_scene(folder: Path, own: OwnAudio) -> Scene:
    """The user's file, copied, as the only track of a project."""
    info = probe(own.path)
    name = own.path.stem
    copy = folder / own.path.name
    shutil.copyfile(own.path, copy)
    item = NewItem(0.0, info.duration_seconds, NewTake(Path(copy.name), name), 0.0, 0.0)
    selection = (own.start_time, own.end_time)
    write(new_project(folder / PROJECT, [NewTrack(name, [item])], None, selection, info.sample_rate))
    track = "1"  # by number: a file may have any name
    return Scene(folder, track, name, own.tags, {track: copy}, use_tempo=False)


def _check_own(own: OwnAudio) -> None:
    info = probe(own.path)
    if not own.start_time < own.end_time:
        got, expected = f"{own.start_time:g} s", f"less than end_time ({own.end_time:g} s)"
        raise InvalidRequest("start_time", got, expected, "Swap them, or move one of them.")
    if own.start_time < 0 or own.end_time > info.duration_seconds:
        got = f"{own.start_time:g} s to {own.end_time:g} s"
        expected = f"a region inside the audio, 0 s to {info.duration_seconds:.3f} s"
        raise InvalidRequest("end_time", got, expected, "Choose a region inside the file.")


def _story(scene: Scene, request: Any, take: Path, result: JobResult, tools: Tools) -> Story:
    window, device = request.end_time - request.start_time + 2 * CONTEXT_SECONDS, tools.device()
    files = [
        f"{PROJECT}: the project as it was, with the time selection",
        f"{REGENERATED}: the same with a new take on that track",
        *[f"{path.name}: a track" for path in scene.stems.values()],
        f"{take.name}: the new take",
        *_mixes(scene, take),
        f"{PICTURE}: spectrograms before and after, the joints close up",
        "seam-report.txt: how the new part fits, measured",
        f"{REPORT_PICTURE}: the same as a picture, with attacks, beat and loudness",
    ]
    return Story(
        track=scene.name,
        tags=scene.tags,
        start=float(request.start_time),
        end=float(request.end_time),
        model=model_words(result.model),
        seed=result.seed,
        seam=good_first(tools.seam_in_words(result.seam_report or {})),
        offer=offer(device, os.cpu_count() or 1, window, tools.rates() if device == "cpu" else None),
        files=files,
    )


def _to_hear(scene: Scene, take: Path) -> tuple[Path, Path]:
    """The song before and after: all tracks, or the only one."""
    if len(scene.stems) < 2:
        return scene.stems[scene.track], take
    return scene.folder / MIX_BEFORE, scene.folder / MIX_AFTER


def _mixes(scene: Scene, take: Path) -> list[str]:
    """The whole song before and after, for those without REAPER."""
    if len(scene.stems) < 2:
        return []
    after = [take if name == scene.track else path for name, path in scene.stems.items()]
    write_mix(list(scene.stems.values()), scene.folder / MIX_BEFORE)
    write_mix(after, scene.folder / MIX_AFTER)
    return [f"{MIX_BEFORE}, {MIX_AFTER}: all tracks together"]


def _draw(scene: Scene, take: Path, story: Story) -> None:
    source = probe(scene.stems[scene.track])
    first = max(0.0, story.start - MARGIN_SECONDS)
    last = min(source.duration_seconds, story.end + MARGIN_SECONDS)
    comparison = Comparison(
        before=_stretch(source, first, last),
        after=_stretch(probe(take), first, last),
        start_seconds=story.start - first,
        end_seconds=story.end - first,
        title=f"{story.track}: {story.tags}  |  {story.model}, seed {story.seed}",
        shown_from_seconds=first,
    )
    draw_comparison(comparison, scene.folder / PICTURE)


def _draw_report(take: Path, story: Story, folder: Path) -> None:
    title = f"{story.track}, {story.start:g} s to {story.end:g} s, {story.model}, seed {story.seed}"
    reported = Reported(read(take), story.start, story.end, title, fades_of(read_recipe(take)))
    draw_report(reported, reported.report(), folder / REPORT_PICTURE)


def _stretch(info: AudioInfo, first: float, last: float) -> Audio:
    rate = info.sample_rate
    return read(info.path, int(first * rate), min(info.frames, int(last * rate)))
