"""What is measured on a GPU: both families at their released sizes, each part beside the ceilings of the device.

Weights of v1 are random; those of 1.5 are the pulled ones where they are there (`acestep-bridge models pull`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import engine
from engine.checkpoints import registry
from engine.checkpoints.ace_step_15.parts import Networks as Networks15
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.errors import CheckpointError, EngineError
from engine.families.ace_step_15.family import load_networks as load_networks_15
from engine.families.v1.sizes import sizes_of
from engine.memory.demand import work_of
from engine.memory.plan import MODES, expected_peak_bytes, mode_named, modes_on
from engine.model import Model
from engine.requests import resolve
from engine.requests.extent import extent_of
from tests.bench.checkpoints import REAL, random_networks, tiny_networks
from tests.bench.checkpoints_15 import TINY15, write_checkpoint
from tests.bench.figures import Figure, median_of
from tests.bench.floors import floor_of
from tests.bench.gpu_evaluations import Asked, AskedAceStep15, AskedV1, Way
from tests.bench.machine import Ceilings, ceilings
from tests.bench.resumed import Part, each_of
from tests.bench.songs import write_song

LENGTHS = ((20.0, 1), (20.0, 2), (60.0, 2))  # seconds and rows of an evaluation
TURBO, BASE = "ace-step-1.5", "ace-step-1.5-base"


@dataclass(frozen=True)
class Effort:
    """How often each is measured, in renders of how many steps, of how long a song."""

    rounds: int
    steps: int
    song: float
    piece: float


REAL_EFFORT, TINY_EFFORT = Effort(5, 27, 60.0, 60.0), Effort(1, 2, 6.0, 2.0)


class Bench:
    """The device, what is loaded once for several parts, and the parts."""

    def __init__(self, device: torch.device, tiny: bool, folder: Path) -> None:
        """`folder` is for songs and random checkpoints; `tiny` takes the tests' tiny sizes."""
        self.device, self.tiny, self.folder = device, tiny, folder
        self.dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        self.effort = TINY_EFFORT if tiny else REAL_EFFORT
        self.size = "tiny" if tiny else "released size"

    def parts(self) -> list[Part]:
        """The most telling first; what compiles comes last, since it takes minutes."""
        return [
            Part("ceilings", 10, self.ceilings),
            Part("v1-region", 45, lambda: self.v1_jobs("region")),
            Part("v1-text", 60, lambda: self.v1_jobs("text")),
            Part("v1-stages", 25, self.v1_stages),
            Part("v1-evaluations", 45, lambda: self.evaluations("v1", compiled=False)),
            Part("v1-equality", 20, lambda: self.equality("v1")),
            Part("1.5-turbo", 90, lambda: self.of_15(TURBO, "turbo", 8)),
            Part("1.5-evaluations", 30, lambda: self.evaluations("1.5", compiled=False)),
            Part("1.5-equality", 20, lambda: self.equality("1.5")),
            Part("1.5-base", 90, lambda: self.of_15(BASE, "base", 50)),
            Part("v1-memory", 90, self.v1_memory),
            Part("1.5-compiled", 120, lambda: self.evaluations("1.5", compiled=True)),
            Part("v1-compiled", 180, lambda: self.evaluations("v1", compiled=True)),
        ]

    @cached_property
    def limits(self) -> Ceilings:
        """Of the number type that weights have."""
        return ceilings(self.device.type, self.dtype)

    @cached_property
    def v1(self) -> Networks:
        """v1's networks, resident."""
        return self._new_v1()

    def _new_v1(self) -> Networks:
        return tiny_networks() if self.tiny else random_networks(REAL, self.device, self.dtype)

    def ceilings(self) -> list[Figure]:
        """What the device does at best."""
        how = str(self.dtype).replace("torch.", "")
        return [
            Figure("gpu_matmul_tflops", "a large matrix product", self.limits.operations / 1e12, "TFLOPS", "", how),
            Figure("gpu_copy_tbps", "a large copy, read and written", self.limits.bytes / 1e12, "TB/s", "", how),
        ]

    def request(self, kind: str, steps: int | None = None, **more: Any) -> Any:
        """The region or the piece that is rendered."""
        half, half_region = self.effort.song / 2, min(5.0, self.effort.song / 6)
        fields: dict[str, Any] = {
            "tags": "pop, piano",
            "seed": 1,
            "number_of_steps": steps or self.effort.steps,
            **more,
        }
        if kind == "text":
            return engine.TextToAudio(duration=self.effort.piece, **fields)
        song = self.folder / f"song-{self.effort.song:g}.wav"
        if not song.exists():
            write_song(self.folder, self.effort.song)
        return engine.Inpaint(
            audio=str(song), output="clip", context_seconds=half_region, start_time=half - half_region,
            end_time=half + half_region, **fields,
        )  # fmt: skip

    def v1_jobs(self, kind: str) -> Iterator[Figure]:
        """Whole renders, warm, eager and with graphs, with the time of each stage."""
        request = self.request(
            kind, guidance_type="apg", guidance_scale=15.0, **({"variance": 1.0} if kind != "text" else {})
        )
        what = "10 s region, 5 s of context on each side" if kind == "region" else "60 s text-to-audio"
        reach = {"region": "< 0.5", "text": "< 1"}[kind]

        def way(speed: str) -> Iterable[Figure]:
            model = Model("random", self.v1, memory="resident", speed=speed)
            return self._job(
                model, request, f"v1_{kind}_{speed}", f"{what}, {speed}", reach if speed == "graphs" else ""
            )

        return each_of({speed: partial(way, speed) for speed in ("plain", "graphs")})

    def _job(self, model: Model, request: Any, name: str, what: str, reach: str) -> list[Figure]:
        def work() -> Any:
            model.forget_audio()
            return model.render(request)

        how = f"{request.number_of_steps} steps, {self.size}, {self.dtype}, median of {self.effort.rounds}"
        figures = [Figure(f"{name}_seconds", f"{what}, warm", median_of(work, self.effort.rounds), "s", reach, how)]
        for stage, seconds in work().timings.items():
            if stage != "total":
                figures.append(Figure(f"{name}_{stage}_seconds", f"of it: {stage}", seconds, "s", "", "of one render"))
        return figures

    def v1_stages(self) -> Iterator[Figure]:
        """Encoding and decoding beside their floors; the evaluation's are in the next part."""
        seconds = 20.0 if not self.tiny else 1.0
        autoencoder: Any = self.v1.autoencoder
        audio = torch.randn(1, 2, int(seconds * 44100), device=self.device) * 0.1
        latents = torch.randn(1, 8, 16, V1_GEOMETRY.frames_of(seconds), device=self.device)
        encoder = partial(ceilings, self.device.type, torch.float32)  # v1's encoder stays in float32
        dcae, tiled = autoencoder.dcae, partial(autoencoder.decode, tile_frames=64)
        stages = {
            "encode": lambda: [
                self._stage("encode", lambda: autoencoder.encode(audio), dcae.encoder, encoder(), seconds)
            ],
            "decode": lambda: [self._stage("decode", lambda: tiled(latents), dcae.decoder, self.limits, seconds)],
        }
        return each_of(stages)

    def _stage(self, name: str, work: Callable[[], object], weights: Any, limits: Ceilings, seconds: float) -> Figure:
        free = self._waited(work)
        floor = floor_of(free, weights)
        how = f"{seconds:g} s, {floor.operations / 1e9:.0f} GFLOP, {self.size}"
        value = median_of(free, self.effort.rounds)
        return Figure(f"v1_stage_{name}_ms", f"v1: {name}", value * 1e3, "ms", "", how, floor.seconds(limits) * 1e3)

    def _waited(self, work: Callable[[], object]) -> Callable[[], object]:
        """`work`, and then wait until the device has done it."""

        def waited() -> object:
            done = work()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            return done

        return torch.inference_mode()(waited)

    def _asked(self, family: str, fresh: bool = False) -> Asked:
        """A family's transformer; `fresh`: one of its own, since blocks stay compiled."""
        if family == "v1":
            return AskedV1(self._new_v1() if fresh else self.v1)
        return AskedAceStep15(load_15(self._checkpoint_15(TURBO)[0], self.device, self.dtype) if fresh else self.turbo)

    @cached_property
    def turbo(self) -> Networks15:
        """1.5 turbo's networks, resident."""
        return load_15(self._checkpoint_15(TURBO)[0], self.device, self.dtype)

    def evaluations(self, family: str, compiled: bool) -> Iterator[Figure]:
        """One evaluation by each way to make it, beside its floor."""
        asked = self._asked(family, fresh=compiled)
        ways = asked.compiled(self.device) if compiled else asked.ways(self.device)
        return each_of({name: partial(self._lengths, asked, name, make) for name, make in ways.items()})

    def _lengths(self, asked: Asked, name: str, make: Way) -> Iterator[Figure]:
        for seconds, rows in LENGTHS[:1] if self.tiny else LENGTHS:
            plain = asked.evaluation(asked.transformer.evaluate, seconds, rows)
            floor = floor_of(plain, asked.blocks).seconds(self.limits) * 1e3
            value = median_of(self._waited(asked.evaluation(make(), seconds, rows)), self.effort.rounds) * 1e3
            what = f"{asked.family}: one evaluation, {seconds:g} s, {rows} rows: {name}"
            yield Figure(f"{asked.key}_{name}_{seconds:g}s_{rows}_ms", what, value, "ms", "", self.size, floor)

    def equality(self, family: str) -> Iterator[Figure]:
        """The fast ways against the plain one in the weights' own number type: an evaluation, and a whole render."""
        asked = self._asked(family)
        ways = asked.ways(self.device)
        plain = asked.evaluation(ways.pop("plain")(), *LENGTHS[0])()
        rows = {name: partial(self._equal_evaluation, asked, name, make, plain) for name, make in ways.items()}
        return each_of({**rows, "render": partial(self._equal_render, asked)})

    def _equal_evaluation(self, asked: Asked, name: str, make: Way, plain: Tensor) -> Iterator[Figure]:
        how = f"largest difference over largest value, {self.dtype}, {self.size}"
        apart = _difference(asked.evaluation(make(), *LENGTHS[0])(), plain)
        what = f"{asked.family}: an evaluation, {name} against plain"
        yield Figure(f"{asked.key}_equal_{name}", what, apart, "", "< 0.02", how)

    def _equal_render(self, asked: Asked) -> Iterator[Figure]:
        request = self.request("region")
        plain, graphs = (
            torch.from_numpy(Model("random", asked.networks, memory="resident", speed=speed).render(request).audio)
            for speed in ("plain", "graphs")
        )
        how = f"largest difference over largest value, {self.dtype}, {self.size}"
        what = f"{asked.family}: a render, graphs against plain"
        yield Figure(f"{asked.key}_equal_render", what, _difference(graphs, plain), "", "", how)

    def v1_memory(self) -> Iterator[Figure]:
        """The peak of each mode beside what the plan expects, each with networks of its own."""
        self.__dict__.pop("v1", None)
        self.__dict__.pop("turbo", None)
        return each_of({mode.name: partial(self._mode, mode.name) for mode in MODES})

    def _mode(self, name: str) -> list[Figure]:
        networks = self._new_v1()
        try:
            model = Model("random", networks, memory=name, speed="plain")
        except EngineError as error:
            print(f"  {name}: left out, {error}", flush=True)
            return []
        return self._peak(model, self.request("text", steps=2), name)

    def _peak(self, model: Model, request: Any, mode: str) -> list[Figure]:
        resolved = resolve(request)
        work = work_of(resolved, extent_of(resolved, V1_GEOMETRY))
        expected = (
            expected_peak_bytes(sizes_of(model.networks), work, mode_named(mode, modes_on(self.device.type))) / 1e9
        )
        cuda = self.device.type == "cuda"
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        model.render(request)
        peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else 0.0
        how = f"{expected:.2f} GB expected by the plan" + ("" if cuda else "; measured on a GPU only")
        return [Figure(f"v1_memory_{mode.replace('-', '_')}_gb", f"peak memory, {mode}", peak, "GB", "", how, expected)]

    def of_15(self, name: str, kind: str, steps: int) -> Iterator[Figure]:
        """A region and a piece with a checkpoint of 1.5, eager and with graphs."""
        folder, weights = self._checkpoint_15(name)
        networks = engine.load(folder, device=self.device.type, memory="resident", speed="plain").networks
        steps = steps if not self.tiny else 2

        def render(job: str, speed: str) -> list[Figure]:
            model = Model("random", networks, memory="resident", speed=speed)
            what = f"1.5 {kind} ({weights}): {'10 s region' if job == 'region' else '60 s text-to-audio'}, {speed}"
            return self._job(model, self.request(job, steps=steps), f"{kind}_{job}_{speed}", what, "")

        ways = [(job, speed) for job in ("region", "text") for speed in ("plain", "graphs")]
        return each_of({f"{job}, {speed}": partial(render, job, speed) for job, speed in ways})

    def _checkpoint_15(self, name: str) -> tuple[str, str]:
        """Where it is, and whose weights these are; random ones take the sizes of 2 B."""
        if self.tiny:
            return str(TINY15 if name == TURBO else TINY15.with_name("base")), "tiny"
        try:
            if registry.resolve(name).installed:
                return name, "pulled weights"
        except CheckpointError:
            pass
        return str(_random_15(self.folder, "turbo" if name == TURBO else "base")), "random weights"


def load_15(name: str, device: torch.device, dtype: torch.dtype) -> Networks15:
    """A checkpoint's networks, by a folder or a pulled name."""
    return load_networks_15(registry.resolve(name).folder, device, dtype)


@cache
def _random_15(folder: Path, kind: str) -> Path:
    return write_checkpoint(folder / f"random-{kind}", kind=kind)


def _difference(values: Tensor, plain: Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float((values.float() - plain.float()).abs().max() / plain.float().abs().max())


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """For songs and checkpoints of one run."""
    return tempfile.TemporaryDirectory(prefix="acestep-bench-gpu-")
