"""Some steps from scratch lower each loss, at a toy width; a stopped run goes on; the export loads in the engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import engine
from engine.grid.beat_grid import VOCABULARY as BEAT_IDS
from engine.networks.log_mel import LogMel
from engine.training.__main__ import main
from engine.training.evaluation import region_check
from engine.training.evaluation.region_check import check_inpainting
from engine.training.export import DEFAULT_REQUEST, VOCODER_CONFIG
from engine.training.learning import dataset, latents, partials, transformer
from engine.training.learning.autoencoder import (
    AUTOENCODER_CONFIG,
    AutoencoderPlan,
    MelCrops,
    autoencoder_loss,
    train_autoencoder,
)
from engine.training.learning.dataset import mels_of, write_shards
from engine.training.learning.latents import LatentCrops
from engine.training.learning.muon import orthogonalised
from engine.training.learning.partials import PartialsClips, PartialsPlan, partials_loss, train_partials
from engine.training.learning.snapshots import load_snapshot
from engine.training.learning.transformer import (
    TEXT_CONFIG,
    TRANSFORMER_CONFIG,
    TransformerPlan,
    Velocity,
    train_transformer,
    velocity_loss,
)
from engine.training.music import clips
from engine.training.music.tags import all_phrases
from engine.training.music.vocabulary import make_tokenizer
from engine.training.progress import Progress
from engine.training.recipe import IN_PARTS, Plan, Runs
from engine.training.stages import export, finished_transformer, make_latents, start_from, train, trained_autoencoder

FRAMES = 64
TOY = [  # every network of the recipe, each as narrow and as shallow as its layers allow
    (AUTOENCODER_CONFIG, {
        "decoder_block_out_channels": [8, 16, 16, 32], "decoder_layers_per_block": [0, 1, 1, 1],
        "encoder_block_out_channels": [8, 16, 16, 32], "encoder_layers_per_block": [0, 1, 1, 1],
    }),
    (TRANSFORMER_CONFIG, {
        "num_layers": 2, "num_attention_heads": 2, "inner_dim": 64, "text_embedding_dim": 32, "lyric_hidden_size": 32,
        "lyric_encoder_config": {"output_size": 32, "attention_heads": 2, "linear_units": 32, "num_blocks": 1},
    }),
    (TEXT_CONFIG, {"d_model": 32, "d_kv": 16, "num_heads": 2, "d_ff": 32, "num_layers": 1}),
    (VOCODER_CONFIG, {
        "iterations": 4, "partials": {"bins": 40, "channels": 8, "dilations": [1, 2], "mixed": [2, 24]},
    }),
    (DEFAULT_REQUEST, {"number_of_steps": 4}),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def toy_width() -> Iterator[None]:
    """The recipe with the toy's sizes in place of the shipped ones."""
    with pytest.MonkeyPatch.context() as patch:
        for config, sizes in TOY:
            for name, size in sizes.items():
                patch.setitem(config, name, size)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Six short clips as mels and, after some steps of each network, as latents."""
    patch = pytest.MonkeyPatch()
    patch.setattr(dataset, "SHARD_CLIPS", 6)
    patch.setattr(dataset, "CLIP_FRAMES", FRAMES)
    patch.setattr(clips.make_clip, "__defaults__", (FRAMES,))
    runs = Runs(tmp_path_factory.mktemp("runs"))
    log_mel = LogMel()
    write_shards(runs.mels, 1, lambda audio: mels_of(audio, log_mel).numpy(), lambda _: None)
    with _quiet() as progress:
        train_autoencoder(runs.mels, runs.autoencoder, AutoencoderPlan(steps=8, batch=2, crop=32), progress)
    make_latents(runs, 1, Console(file=StringIO()))
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 0, buckets=((43, 4, 1.0),))
    with _quiet() as progress:
        train_transformer(crops, runs.part("transformer", 0), TransformerPlan(steps=2), progress)
        patch.setattr(partials, "CLIP_FRAMES", 32)
        codec = trained_autoencoder(runs, VOCODER_CONFIG)
        train_partials(codec, runs.part("partials", 0), PartialsPlan(steps=2, batch=2, coded=0.0), progress)
    patch.undo()
    return runs


def _quiet() -> Progress:
    return Progress("test", Console(file=StringIO()))


def test_the_autoencoders_loss_falls_by_a_third(runs: Runs, tmp_path: Path) -> None:
    from engine.networks.autoencoder import build_autoencoder_dc

    torch.manual_seed(0)
    mel = MelCrops(runs.mels, 32, 1).batch(4)
    model = build_autoencoder_dc(AUTOENCODER_CONFIG)
    before = float(autoencoder_loss(model, mel, 0.0)["l1"])
    with _quiet() as progress:
        train_autoencoder(runs.mels, tmp_path / "it.pt", AutoencoderPlan(steps=50, batch=2, crop=32), progress)
    assert load_snapshot(tmp_path / "it.pt", model=model) == 50
    after = float(autoencoder_loss(model, mel, 0.0)["l1"])
    assert after < 0.67 * before


def test_the_transformers_loss_falls_by_a_quarter_and_a_stopped_run_goes_on(runs: Runs, tmp_path: Path) -> None:
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 0, buckets=((43, 4, 1.0),))
    snapshot = tmp_path / "transformer.pt"
    with _quiet() as progress:
        train_transformer(crops, snapshot, TransformerPlan(steps=25, adam_rate=1e-2), progress)
        first = progress.smooth["loss"]
        train_transformer(crops, snapshot, TransformerPlan(steps=100, adam_rate=1e-2), progress)
    assert load_snapshot(snapshot) == 100
    losses = [float(_loss(snapshot, crops, step_seed)) for step_seed in range(4)]
    assert np.mean(losses) < 0.75 * first


def _loss(snapshot: Path, crops: LatentCrops, seed: int) -> torch.Tensor:
    model = Velocity()
    load_snapshot(snapshot, model=model)
    torch.manual_seed(seed)
    with torch.no_grad():
        return velocity_loss(model, crops.batch())


def test_the_partials_loss_falls_by_a_twentieth(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "CLIP_FRAMES", 32)
    codec = trained_autoencoder(runs, VOCODER_CONFIG)
    clips = PartialsClips(codec, 1, 4, coded=0.0)
    for _ in range(4):
        clips.renew()
    batch = clips.batch(8)

    def loss() -> float:
        with torch.no_grad():
            return float(partials_loss(codec.vocoder.partials, batch)["loss"])

    before = loss()
    with _quiet() as progress:
        train_partials(
            codec,
            tmp_path / "partials.pt",
            PartialsPlan(steps=50, batch=4, muon_rate=0.03, adam_rate=1e-2, coded=0.0),
            progress,
        )
    assert loss() < 0.95 * before


def test_the_export_loads_and_renders(runs: Runs, tmp_path: Path) -> None:
    assert export(runs, tmp_path / "nano") < 16_000_000
    model = engine.load(str(tmp_path / "nano"), device="cpu")
    made = model.render(engine.TextToAudio(tags="house, 124 bpm", duration=2.0, seed=1, number_of_steps=2))
    assert np.isfinite(np.asarray(made.audio)).all()
    assert model.networks.config.lyric_input == "chord_grid"
    assert model.networks.autoencoder.vocoder.partials is not None


def test_one_command_goes_from_nothing_to_a_folder_that_renders(tmp_path: Path) -> None:
    """All stages with all their parts; the second time there is nothing left to do."""
    arguments = ["--runs", str(tmp_path / "runs"), "train", "--out", str(tmp_path / "nano")]
    with pytest.MonkeyPatch.context() as patch:
        for module in (dataset, latents):
            patch.setattr(module, "CLIP_FRAMES", FRAMES)
        patch.setattr(dataset, "SHARD_CLIPS", 2)
        patch.setattr(clips.make_clip, "__defaults__", (FRAMES,))
        patch.setattr(partials, "CLIP_FRAMES", 32)
        for _ in range(2):
            assert main([*arguments, "--shards", "1", "--steps", "2"]) == 0
    runs, plan = Runs(tmp_path / "runs"), Plan()
    for stage in IN_PARTS:
        last = len(getattr(plan, stage)) - 1
        assert runs.reached(stage) == last and load_snapshot(runs.part(stage, last)) == 2
    made = engine.load(str(tmp_path / "nano"), device="cpu").render(engine.TextToAudio(tags="house", duration=1.0))
    assert np.isfinite(np.asarray(made.audio)).all()


def test_training_starts_from_a_models_weights_and_goes_on(runs: Runs, tmp_path: Path) -> None:
    """The last part of each network begins with them; the same command again loses no step, and leaves the encoder."""
    export(runs, tmp_path / "nano")
    again, plan = Runs(tmp_path / "again"), Plan()
    start_from(str(tmp_path / "nano"), again, plan)
    for stage in IN_PARTS:
        assert again.reached(stage) == len(getattr(plan, stage)) - 1
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 0, buckets=((43, 4, 1.0),))
    last = again.part("transformer", len(plan.transformer) - 1)
    with _quiet() as progress:
        train_transformer(crops, last, TransformerPlan(steps=2), progress)
    assert progress.smooth["loss"] < 1.3 * float(_loss(runs.part("transformer", 0), crops, 0))
    start_from(str(tmp_path / "nano"), again, plan)
    train(tmp_path / "out", again, plan, Console(file=StringIO()), "autoencoder")
    assert [load_snapshot(path) for path in (last, again.autoencoder)] == [2, 0]


def test_parts_begin_with_the_averaged_weights_of_the_one_before(runs: Runs, tmp_path: Path) -> None:
    """Two parts of two steps, inpainting measured in each; a run that is there already trains no part again."""
    again = Runs(tmp_path / "again")
    shutil.copytree(runs.folder, again.folder)
    for path in again.folder.glob("transformer*.pt"):
        path.unlink()
    part = TransformerPlan(steps=2, check_every=2)
    still = replace(part, muon_rate=0.0, adam_rate=0.0)
    seen = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latents, "CLIP_FRAMES", FRAMES)
        patch.setattr(transformer, "SAVE_EVERY", 1)
        patch.setattr(region_check, "SEEDS", range(900_000, 900_001))
        for _ in range(2):
            train(tmp_path / "nano", again, Plan(transformer=(part, still)), Console(file=seen), "transformer")
    assert again.reached("transformer") == 1
    first, second = (again.part("transformer", index) for index in (0, 1))
    trained, averaged, went_on = Velocity(), finished_transformer(first), Velocity()
    load_snapshot(first, model=trained)
    load_snapshot(second, model=went_on)
    pairs = [zip(went_on.parameters(), other.parameters(), strict=True) for other in (averaged, trained)]
    assert [all(torch.equal(a, b) for a, b in pair) for pair in pairs] == [True, False]
    checks = [json.loads(line) for line in again.inpainting.read_text(encoding="utf-8").splitlines()]
    assert [check["step"] for check in checks] == [2, 2]
    assert set(checks[0]["shares"]) == {"inpaint_beat", "inpaint_key", "inpaint_loudness", "inpaint_joint"}
    assert "inpaint at step 2" in seen.getvalue() and "transformer 2 of 2" in seen.getvalue()


def test_a_check_of_inpainting_leaves_the_random_numbers_alone(runs: Runs, tmp_path: Path) -> None:
    export(runs, tmp_path / "nano")
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    check_inpainting(tmp_path / "nano", 1, tmp_path / "log.jsonl", range(900_000, 900_001))
    assert torch.equal(torch.randn(4), expected)


def test_minutes_are_shared_by_the_parts_of_a_stage() -> None:
    plan = Plan().changed("transformer", None, 30.0).changed("autoencoder", 7, None)
    assert sum(part.minutes or 0.0 for part in plan.transformer) == pytest.approx(30.0)
    assert plan.autoencoder.steps == 7 and plan.decoder == Plan().decoder


def test_crops_know_what_lies_around_a_region(runs: Runs) -> None:
    batch = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 5, buckets=((40, 32, 1.0),)).batch()
    assert 4 < sum(float(made.min()) == 0.0 for made in batch.made) < 28
    for share, regions in ((0.0, 0), (1.0, 32)):
        crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 5, regions=share, buckets=((40, 32, 1.0),))
        assert sum(float(made.min()) == 0.0 for made in crops.batch().made) == regions
    kept = batch.known[:, 8:]
    assert torch.equal(batch.known[:, :8], batch.latents * kept) and torch.equal(kept[:, :, :1], 1.0 - batch.made)
    assert all(int(made.sum()) >= 8 for made in batch.made)


def test_single_stems_come_more_often_than_by_chance(tmp_path: Path) -> None:
    """Two clips on disk in sixteen have one instrument; they are drawn in a fifth of the crops, and by chance."""
    facts = [clips.make_clip(seed, 20)[1] for seed in range(16)]
    for index in range(16):
        rows = np.zeros_like(facts[index].activity)
        rows[: 1 if index in (3, 8) else 2] = True
        facts[index] = replace(facts[index], activity=rows)
    latents = np.arange(16, dtype=np.float16)[:, None, None, None] * np.ones((1, 8, 16, 20), np.float16)
    np.save(tmp_path / "00000.npy", latents)
    (tmp_path / "00000.json").write_text(json.dumps([clip.to_json() for clip in facts]), encoding="utf-8")
    crops = LatentCrops(tmp_path, make_tokenizer(all_phrases()), 5, stems=0.2, buckets=((20, 8, 1.0),))
    assert crops.stems == [3, 8]
    drawn = np.mean([crops.draw()[0][0, 0, 0] in (3, 8) for _ in range(1000)])
    assert drawn == pytest.approx(0.2 + 0.8 * 2 / 16, abs=0.05)


def test_crops_carry_the_grid_of_their_place(runs: Runs) -> None:
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 3, buckets=((20, 8, 1.0),))
    beats = {tuple(clip[2][first : first + 20]) for clip in crops.clips for first in range(FRAMES - 19)}
    for row in crops.batch().grid.tolist():
        told = tuple(number % BEAT_IDS for number in row)
        assert told in beats or set(told) == {0}


def test_crops_carry_the_chords_of_what_is_made(runs: Runs) -> None:
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 3, buckets=((20, 32, 1.0),))
    chords = {tuple(clip[3][first : first + 20]) for clip in crops.clips for first in range(FRAMES - 19)}
    batch = crops.batch()
    whole = 0
    for row, made in zip(batch.grid.tolist(), batch.made[:, 0, 0].tolist(), strict=True):
        told = [number // BEAT_IDS for number in row]
        shown = [frame for frame, number in enumerate(told) if number]
        assert not shown or any(all(told[f] == true[f] for f in shown) for true in chords)
        assert all(told[f] for f in range(20) if made[f]) or not shown
        whole += len(shown) == 20
    assert 0 < whole < 32


def test_muons_direction_has_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalised(torch.randn(48, 96, generator=torch.Generator().manual_seed(1))))
    assert float(values.min()) > 0.5 and float(values.max()) < 1.5
