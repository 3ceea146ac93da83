"""ACE-Step 1.5 on a processor at real widths: seconds beside the floor, and beside diffusers' pipeline.

`turbo` renders with a whole checkpoint of random weights (6 GB on disk, in `ACESTEP_BENCH15` where that names a folder,
else in a temporary one): 10 s made anew with 10 s around, and text-to-audio; `ACESTEP_BENCH15_JOB` names one of them
(region, text). `turbo-peer` takes four layers, the same weights in both, and extrapolates to all: the song of 240 s
does not fit into memory with the peer.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from engine.rendering import job
from tests.bench.checkpoints_15 import write_checkpoint
from tests.bench.figures import Figure, Result, in_turns, seconds_of, threads_in_words
from tests.bench.floors import Floor, floor_of
from tests.bench.machine import ceilings
from tests.bench.songs import write_song

LAYERS, FEW = 24, 4
STEPS = 8
WINDOW, SONG, PIECE = 30.0, 240.0, 20.0  # seconds
FRAMES_A_SECOND = 25
CODEC_SECONDS = 2.0
FOLDER_VARIABLE = "ACESTEP_BENCH15"
ONLY_VARIABLE = "ACESTEP_BENCH15_JOB"  # region or text; both unless given


@contextmanager
def checkpoint(name: str, layers: int | None = None, size: str = "2b") -> Iterator[Path]:
    """One of random weights that may be there already; all layers where no number is given."""
    given = os.environ.get(FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given or temporary, name)
        yield folder if (folder / "model_index.json").is_file() else write_checkpoint(folder, layers)


def turbo(threads: int) -> list[Result]:
    """A region and a piece, whole, each stage beside its floor."""
    import engine

    torch.set_num_threads(threads)
    how = threads_in_words(threads)
    with checkpoint("whole", LAYERS) as folder, tempfile.TemporaryDirectory() as songs:
        model = engine.load(str(folder), device="cpu")
        networks: Any = model.networks
        song = write_song(Path(songs), 60)
        how = f"{networks.dtype}, {how}".replace("torch.", "")
        region = engine.Inpaint(
            audio=str(song), tags="house, drums", seed=1, output="clip", start_time=25.0, end_time=35.0, variance=1.0
        )
        piece = engine.TextToAudio(tags="house, drums", seed=1, duration=PIECE)
        model.render(engine.TextToAudio(tags="house, drums", seed=1, duration=1.0, number_of_steps=1))
        figures: list[Result] = []
        for name, request, seconds in (("region", region, WINDOW), ("text", piece, PIECE)):
            if os.environ.get(ONLY_VARIABLE, name) == name:
                figures += _told(_job(model, name, request, seconds, how, threads == 1))
    return figures


def _job(model: Any, name: str, request: Any, seconds: float, how: str, processor: bool) -> list[Result]:
    """One render, and its stages beside their floors."""
    taken: dict[str, float] = {}
    clock = SimpleNamespace(
        perf_counter=time.process_time if processor else time.perf_counter, monotonic=time.monotonic
    )
    with patch.object(job, "time", clock):  # beside other programs processor time alone counts
        whole = seconds_of(lambda: taken.update(model.render(request).timings), processor)
    print(f"{name}: {whole:.0f} s; {taken}", flush=True)
    floors = _floors(model.networks, seconds, 10.0 if name == "region" else PIECE, name == "region")
    what = "10 s region with 10 s around" if name == "region" else f"text-to-audio of {PIECE:.0f} s"
    total = sum(floors.values())
    stages = [
        Figure(f"turbo_{name}_{stage}", f"of it: {stage}", taken[stage], "s", "", how, floor)
        for stage, floor in floors.items()
    ]
    return [Figure(f"turbo_{name}_seconds", what, whole, "s", ">= 50 % of floor", how, total), *stages]


def _told(figures: list[Result]) -> list[Result]:
    """Printed as they come: the whole takes minutes, and may be cut."""
    for figure in figures:
        if isinstance(figure, Figure):
            print(f"  {figure.what}: {figure.value:.1f} s, floor {figure.floor:.1f} s", flush=True)
    return figures


def _floors(networks: Any, window: float, made: float, encodes: bool) -> dict[str, float]:
    """Seconds that operations and bytes take at least, by stage."""
    weights, codec = ceilings("cpu", networks.dtype), ceilings("cpu", torch.float32)
    frames = round(window * FRAMES_A_SECOND)
    step = _evaluation(networks.transformer, frames)
    floors = {"denoise": STEPS * floor_of(step, networks.transformer).seconds(weights)}
    audio, latents = torch.zeros(1, 2, int(CODEC_SECONDS * 48000)), torch.zeros(1, 64, 1, int(CODEC_SECONDS * 25))
    decode = floor_of(lambda: networks.autoencoder.decode(latents), networks.autoencoder.decoder)
    floors["decode"] = _longer(decode, made / CODEC_SECONDS).seconds(codec)
    if encodes:
        encode = floor_of(lambda: networks.autoencoder.encode(audio), networks.autoencoder.encoder)
        floors["encode"] = _longer(encode, window / CODEC_SECONDS).seconds(codec)
    return floors


def _longer(floor: Floor, times: float) -> Floor:
    return Floor(floor.operations * times, floor.bytes)


def _evaluation(transformer: Any, frames: int, context: int = 120) -> Callable[[], object]:
    """One evaluation of a state of so many frames."""
    with torch.inference_mode():
        made = transformer.prepare([torch.zeros(1, context, 2048)])
        ready = made.rows([0], 1, torch.zeros(1, 128, 1, frames))
        time = transformer.time_steps(torch.tensor([500.0]))[0]
    state = torch.zeros(1, 64, 1, frames)
    return torch.inference_mode()(lambda: transformer.evaluate(state, time, ready))


def turbo_peer(threads: int) -> list[Result]:
    """Side by side with diffusers' networks on the same weights, in bfloat16, and extrapolated to all layers."""
    from diffusers import AceStepTransformer1DModel, AutoencoderOobleck

    from engine.families.ace_step_15.family import load_networks

    torch.set_num_threads(threads)
    processor = threads == 1
    with checkpoint("four", FEW) as folder:
        ours = load_networks(folder, torch.device("cpu"), torch.bfloat16)
        theirs = AceStepTransformer1DModel.from_pretrained(folder / "transformer", torch_dtype=torch.bfloat16).eval()
        exact = AutoencoderOobleck.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval()
        vae = AutoencoderOobleck.from_pretrained(folder / "vae", torch_dtype=torch.bfloat16).eval()
        codec, apart = _codec_times(ours, vae, exact, processor), _codec_difference(ours.autoencoder, exact)
        lengths = {"window": WINDOW, "song": SONG, "piece": PIECE}
        own = {n: _step_times(ours.transformer, s, processor) for n, s in lengths.items() if n != "song"}
        peer = {n: _peer_times(theirs, s, processor) for n, s in lengths.items() if n != "window"}
    region = STEPS * own["window"] + WINDOW * codec["encode"] + 10.0 * codec["decode"]
    song = STEPS * peer["song"] + SONG * (codec["peer encode"] + codec["peer decode"])
    text = STEPS * own["piece"] + PIECE * codec["decode"]
    peer_steps = STEPS * peer["piece"]
    peer_text = peer_steps + PIECE * codec["peer decode"]
    peer_exact = peer_steps + PIECE * codec["peer decode, float32"]
    how = f"four layers, extrapolated to {LAYERS}; both bfloat16, our codec float32; {threads_in_words(threads)}"
    return [
        Figure("turbo_peer_region", "10 s region in 240 s: ours", region, "s", "", how),
        Figure("turbo_peer_region_ratio", "the same: diffusers / ours", song / region, "x", ">= 3", how),
        Figure("turbo_peer_text", f"text-to-audio of {PIECE:.0f} s: ours", text, "s", "", how),
        Figure("turbo_peer_text_ratio", "the same: diffusers / ours", peer_text / text, "x", ">= 1", how),
        Figure("turbo_peer_exact_ratio", "the same, its codec in float32 too", peer_exact / text, "x", ">= 1", how),
        Figure("turbo_peer_steps_ratio", "one evaluation, 250 tokens", peer["piece"] / own["piece"], "x", "", how),
        Figure("turbo_peer_codec_apart", "our decode against diffusers' in float32, RMS", apart, "of it", "", how),
    ]


@torch.inference_mode()
def _codec_difference(ours: Any, exact: Any) -> float:
    """Of the decoded audio; ours by the kinds that are in use."""
    latents = torch.randn(1, 64, int(CODEC_SECONDS * FRAMES_A_SECOND), generator=torch.Generator().manual_seed(0))
    made, expected = ours.decode(latents[:, :, None]), exact.decode(latents).sample
    return float((made - expected).norm() / expected.norm())


def _codec_times(ours: Any, vae: Any, exact: Any, processor: bool) -> dict[str, float]:
    """Seconds for each second of audio, in turns."""
    audio, latents = torch.randn(1, 2, int(CODEC_SECONDS * 48000)), torch.randn(1, 64, int(CODEC_SECONDS * 25))
    works: dict[str, Callable[[], object]] = {
        "encode": lambda: ours.autoencoder.encode(audio),
        "decode": lambda: ours.autoencoder.decode(latents[:, :, None]),
        "peer encode": lambda: vae.encode(audio.bfloat16()),
        "peer decode": lambda: vae.decode(latents.bfloat16()),
        "peer decode, float32": lambda: exact.decode(latents),
    }
    quiet = {name: torch.inference_mode()(work) for name, work in works.items()}
    return {name: taken / CODEC_SECONDS for name, taken in in_turns(quiet, 1, processor).items()}


def _whole(few: float, fewer: float) -> float:
    """From the times of four and two layers to that of all."""
    return few + (LAYERS - FEW) * (few - fewer) / (FEW // 2)


def _step_times(transformer: Any, seconds: float, processor: bool) -> float:
    return _extrapolated(transformer, _evaluation(transformer, round(seconds * FRAMES_A_SECOND)), processor)


def _peer_times(model: Any, seconds: float, processor: bool) -> float:
    frames, half = round(seconds * FRAMES_A_SECOND), torch.bfloat16
    state, seen = torch.zeros(1, frames, 64, dtype=half), torch.zeros(1, frames, 128, dtype=half)
    context, time = torch.zeros(1, 120, 2048, dtype=half), torch.tensor([0.5], dtype=half)

    def work() -> object:
        return model(
            hidden_states=state, timestep=time, timestep_r=time, encoder_hidden_states=context, context_latents=seen
        )

    return _extrapolated(model, torch.inference_mode()(work), processor)


def _extrapolated(model: Any, work: Callable[[], object], processor: bool) -> float:
    layers = model.layers
    few = in_turns({"few": work}, 2, processor)["few"]
    model.layers = layers[: FEW // 2]
    fewer = in_turns({"fewer": work}, 2, processor)["fewer"]
    model.layers = layers
    return _whole(few, fewer)


BENCHES = {"turbo": turbo, "turbo-peer": turbo_peer}
