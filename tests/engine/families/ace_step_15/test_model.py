"""ACE-Step 1.5 through the whole engine, on the tiny checkpoints: every task and memory mode, LoRAs, what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import engine
from engine.errors import CheckpointError, InvalidRequest
from engine.families.table import facts_of, family_of, sizes_of_checkpoint
from engine.grid.tempo_map import TempoPoint
from engine.memory.plan import MODES
from engine.model import load
from engine.requests.recipe import request_of
from tests.support.checkpoints15 import RATE, TINY15, inpaint, model, music, quick, said
from tests.support.layouts15 import make_comfy, make_original
from tests.support.paths import NANO, TINY


class TestFacts:
    def test_families_are_told_apart(self, tmp_path: Path) -> None:
        comfy = make_comfy(TINY15 / "turbo", tmp_path / "comfy")
        original = make_original(TINY15 / "base", tmp_path / "original")
        for checkpoint in (TINY15 / "base", TINY15 / "turbo", comfy, comfy.parents[1], original):
            assert family_of(checkpoint) == "ace_step_15"
        for checkpoint in (TINY, NANO, tmp_path / "nowhere"):
            assert family_of(checkpoint) == "v1"

    def test_geometry_and_defaults_without_loading(self, tmp_path: Path) -> None:
        turbo, base = facts_of(TINY15 / "turbo"), facts_of(TINY15 / "base")
        assert turbo.geometry == base.geometry == model()._family.facts.geometry
        assert (turbo.geometry.frame_rate, turbo.geometry.latent_shape) == (25.0, (8, 1))
        chosen = ("number_of_steps", "shift", "guidance_scale")
        assert [turbo.default_request[name] for name in chosen] == [8, 3.0, 1.0]
        assert [base.default_request[name] for name in chosen] == [50, 1.0, 7.0]
        comfy = make_comfy(TINY15 / "turbo", tmp_path / "comfy", "acestep_v1.5_turbo.safetensors")
        assert facts_of(comfy).default_request == turbo.default_request
        shifted = make_original(TINY15 / "turbo", tmp_path / "acestep-v15-turbo-shift1")
        assert facts_of(shifted).default_request["shift"] == 1.0

    @pytest.mark.parametrize("checkpoint", ["base", "turbo"])
    def test_defaults_before_and_after_loading_are_the_same(self, checkpoint: str) -> None:
        assert dict(model(checkpoint).default_request) == dict(facts_of(TINY15 / checkpoint).default_request)

    def test_sizes_before_and_after_loading_are_the_same(self) -> None:
        told = sizes_of_checkpoint(TINY15 / "base", torch.device("cpu"), torch.float32)
        assert told.of_weights(MODES[0]) == model("base")._family.sizes().of_weights(MODES[0])


class TestTasks:
    def test_text_to_audio(self) -> None:
        request = engine.TextToAudio(**quick(duration=2.0, lyrics="[verse]\nla la la", language="en"))
        result = model().render(request)
        assert result.audio.shape == (2, 2 * RATE) and result.latents.shape == (8, 1, 50)
        assert np.isfinite(result.audio).all() and result.report["warnings"] == []
        assert np.array_equal(model().render(request).audio, result.audio)
        other = model().render(engine.TextToAudio(**quick(duration=2.0, seed=8)))
        assert not np.array_equal(other.latents, result.latents)

    def test_retake_turns_from_the_first_take_to_another(self) -> None:
        first = model().render(engine.TextToAudio(**quick(duration=1.0)))
        same = model().render(engine.Retake(**quick(duration=1.0, variance=0.0)))
        assert np.array_equal(same.latents, first.latents)
        near, far = (
            np.abs(
                model().render(engine.Retake(**quick(duration=1.0, retake_seed=3, variance=v))).latents - first.latents
            )
            for v in (0.1, 1.0)
        )
        assert 0 < near.mean() < far.mean()

    def test_inpaint_leaves_samples_and_latents_outside_as_they_are(self) -> None:
        """In the window the latents are the source's own, bit for bit; in the file the samples are."""
        source, result = music(), model().render(inpaint())
        region, fade = result.report["region"], round(0.03 * RATE)
        outside = np.ones(source.frames, dtype=bool)
        outside[region[0] - fade : region[1] + fade] = False
        assert result.audio.shape == source.samples.shape
        assert np.array_equal(result.audio[:, outside], source.samples[:, outside])
        assert not np.array_equal(result.audio[:, region[0] : region[1]], source.samples[:, region[0] : region[1]])
        start, end = result.report["window"]
        known = model()._codec.encode_samples(source.samples[:, start:end], RATE)[0].numpy()
        changed = (known != result.latents[..., : known.shape[-1]]).any(axis=(0, 1)).nonzero()[0]
        first, last = ((at - start) / 1920 for at in (region[0] - fade, region[1] + fade))
        assert changed.min() == int(np.floor(first)) and changed.max() == int(np.ceil(last)) - 1

    def test_inpaint_variance_0_is_the_source(self) -> None:
        result = model().render(inpaint(variance=0.0))
        assert np.array_equal(result.audio, music().samples)

    @pytest.mark.parametrize("rate", [44100, 32000])
    def test_sources_of_other_rates_and_lengths_that_are_no_frames(self, rate: int) -> None:
        """The references cut a source to whole frames of 40 ms; ours is as long as it was."""
        source = music(4.0171, rate, 1)
        request = engine.Inpaint(**quick(audio=source, start_time=3.0, end_time=4.0171, context_seconds=1.0))
        result = model().render(request)
        assert result.sample_rate == rate and result.audio.shape == source.samples.shape

    def test_outpaint_on_both_sides(self) -> None:
        source = music(3.0)
        request = engine.Outpaint(
            **quick(audio=source, extend_before_duration=0.7, extend_after_duration=1.3, context_seconds=1.0)
        )
        result = model().render(request)
        assert result.audio.shape[1] == 5 * RATE
        inner = slice(round(0.1 * RATE), -round(0.1 * RATE))
        made = result.audio[:, round(0.7 * RATE) : round(3.7 * RATE)]
        assert np.array_equal(made[:, inner], source.samples[:, inner])
        assert np.abs(result.audio[:, : round(0.6 * RATE)]).max() > 0

    @pytest.mark.parametrize("mode", ["remix", "lyrics", "reference"])
    @pytest.mark.parametrize("checkpoint", ["base", "turbo"])
    def test_audio_to_audio(self, mode: str, checkpoint: str) -> None:
        source = music(2.01)
        request = engine.AudioToAudio(**quick(audio=source, original_tags="a sine", edit_mode=mode))
        result = model(checkpoint).render(request)
        assert result.audio.shape == source.samples.shape and np.isfinite(result.audio).all()
        assert not np.array_equal(result.audio, source.samples)

    def test_a_cover_with_less_strength_goes_on_without_the_source(self) -> None:
        """Strength 1 sees the source's codes in every step, 0 in none: then it is text-to-audio of its length."""
        made = {
            strength: model().render(
                engine.AudioToAudio(**quick(audio=music(2.0), original_tags="x", edit_mode="remix", strength=strength))
            )
            for strength in (0.0, 0.5, 1.0)
        }
        plain = model().render(engine.TextToAudio(**quick(duration=2.0)))
        assert np.array_equal(made[0.0].latents, plain.latents)
        assert len({made[s].latents.tobytes() for s in made}) == 3
        usual = model().render(engine.AudioToAudio(**quick(audio=music(2.0), original_tags="x", edit_mode="remix")))
        assert np.array_equal(usual.latents, made[1.0].latents)

    def test_a_cover_without_audio_tokens_says_what_is_missing(self, tmp_path: Path) -> None:
        import shutil

        shutil.copytree(TINY15 / "turbo", tmp_path / "turbo", ignore=shutil.ignore_patterns("audio_token*"))
        bare = load(tmp_path / "turbo", device="cpu")
        request = quick(audio=music(1.0), original_tags="x")
        with pytest.raises(CheckpointError, match=r"without audio_tokenizer.*Use edit_mode reference"):
            bare.render(engine.AudioToAudio(**request, edit_mode="remix"))
        assert bare.render(engine.AudioToAudio(**request, edit_mode="reference")).audio.shape == (2, RATE)

    @pytest.mark.parametrize("scheduler", ["euler", "heun", "pingpong"])
    def test_schedulers(self, scheduler: str) -> None:
        result = model("base").render(inpaint(scheduler=scheduler))
        assert np.isfinite(result.audio).all()

    def test_an_item_of_a_batch_equals_itself_alone(self) -> None:
        both = model("base").render_all(engine.TextToAudio(**quick(duration=1.0, variations=2)))
        alone = model("base").render(engine.TextToAudio(**quick(duration=1.0, seed=8)))
        np.testing.assert_allclose(both[1].latents, alone.latents, atol=2e-5)

    def test_a_recipe_makes_the_same_again(self) -> None:
        result = model().render(engine.TextToAudio(**quick(duration=1.0, lyrics="la la", key="a minor", tempo=120.0)))
        made = result.report["recipe"]
        assert made["model"]["name"] == "turbo"
        assert np.array_equal(model().render(request_of(made)).audio, result.audio)


class TestInstruments:
    def test_lego_is_the_instrument_alone_with_fades(self) -> None:
        source = music()
        result = model("base").render(
            engine.Lego(seed=7, number_of_steps=3, audio=source, track="bass", start_time=2.0, end_time=3.5)
        )
        fade = round(0.03 * RATE)
        assert result.report["region"] == [2 * RATE, round(3.5 * RATE)]
        assert result.report["offset"] == 2 * RATE - fade
        assert result.audio.shape == (2, round(1.5 * RATE) + 2 * fade)
        assert np.abs(result.audio[:, :3]).max() < 1e-3 < np.abs(result.audio[:, fade:-fade]).max()
        assert not np.array_equal(result.audio[:, fade:-fade], source.samples[:, 2 * RATE : round(3.5 * RATE)])

    @pytest.mark.parametrize(
        "request_",
        [
            engine.Extract(audio=music(2.01), track="vocals"),
            engine.Complete(audio=music(2.01), tracks=["drums"]),
        ],
    )
    def test_extract_and_complete_are_as_long_as_the_source(self, request_: Any) -> None:
        from msgspec import structs

        made = [
            model("base").render(structs.replace(request_, seed=7, number_of_steps=3, **fields))
            for fields in ({}, {"tags": "jazz"})
        ]
        assert made[0].audio.shape == (2, round(2.01 * RATE))
        assert not np.array_equal(made[0].latents, made[1].latents)

    def test_the_network_sees_the_source_everywhere_and_the_region_in_the_mask(self) -> None:
        """A released version overwrote the source of lego with silence."""
        from engine.families.family import Place
        from engine.requests import resolve
        from engine.sampling.conditions import Condition, Known

        own = model("base")
        request = engine.Lego(audio=music(), track="drums")
        words = own._family.reader(resolve(request, own.default_request)).words(Place(0.0, 50))
        assert words.prompt.text.startswith("# Instruction\nGenerate the DRUMS track based on the audio context:")
        source, made = torch.randn(1, 8, 1, 50), torch.zeros(1, 1, 1, 50, dtype=torch.bool)
        made[..., 10:20] = True
        seen = own._family._conditioner._seen(Condition(words), Known(source, made))(50)
        assert torch.equal(seen[:, :8], source) and torch.equal(seen[0, 8:, 0], made[0, 0].float().expand(8, -1))

    @pytest.mark.parametrize("name", ["lego", "extract", "complete"])
    def test_other_checkpoints_refuse_with_words(self, name: str) -> None:
        requests = {
            "lego": engine.Lego(audio=music(1.0), track="bass"),
            "extract": engine.Extract(audio=music(1.0), track="bass"),
            "complete": engine.Complete(audio=music(1.0), tracks=["bass"]),
        }
        with pytest.raises(InvalidRequest, match=f"got {name}, which this model is not trained for.*ace-step-1.5-base"):
            model().render(requests[name])
        assert name in facts_of(TINY15 / "base").tasks and name not in facts_of(TINY15 / "turbo").tasks

    def test_unknown_names(self) -> None:
        with pytest.raises(InvalidRequest, match=r"tracks: got .*piano.*expected some of woodwinds"):
            engine.Complete(audio="x.wav", tracks=["bass", "piano"])
        with pytest.raises(InvalidRequest, match="tracks"):
            engine.Complete(audio="x.wav", tracks=[])
        with pytest.raises(InvalidRequest, match="track"):
            engine.Lego(audio="x.wav", track="piano")  # type: ignore[arg-type]


class TestTimbre:
    def test_a_clip_moves_the_music_by_what_it_holds(self, tmp_path: Path) -> None:
        clip = music(0.5)
        soundfile.write(tmp_path / "clip.wav", clip.samples.T, RATE, subtype="FLOAT")
        request = quick(duration=0.5, number_of_steps=1)
        plain, of_memory, of_file = (
            model().render(engine.TextToAudio(**request, **fields))
            for fields in (
                {},
                {"reference_audio": clip},
                {"reference_audio": str(tmp_path / "clip.wav")},
            )
        )
        assert np.array_equal(of_memory.latents, of_file.latents)
        assert not np.array_equal(of_memory.latents, plain.latents)
        assert "reference_audio" not in of_file.report["recipe"]["request"]

    def test_a_clip_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "clip.wav").write_bytes(b"RIFF")
        with pytest.raises(InvalidRequest, match=r"^reference_audio: got"):
            model().render(engine.TextToAudio(**quick(duration=0.5, reference_audio=str(tmp_path / "clip.wav"))))


class TestGuidance:
    def test_the_shift_is_a_field(self) -> None:
        usual, shifted = (
            model().render(engine.TextToAudio(**quick(duration=1.0, **fields))) for fields in ({}, {"shift": 1.0})
        )
        assert not np.array_equal(usual.latents, shifted.latents)
        same = model().render(engine.TextToAudio(**quick(duration=1.0, shift=3.0)))
        assert np.array_equal(usual.latents, same.latents)

    def test_a_distilled_model_is_not_guided_and_says_so(self) -> None:
        usual, guided = (
            model().render(engine.TextToAudio(**quick(duration=1.0, **fields)))
            for fields in ({}, {"guidance_scale": 9.0})
        )
        assert np.array_equal(usual.latents, guided.latents)
        assert "guidance_scale has no meaning here (this model works without guidance)" in said(guided)
        assert said(usual) == ""

    def test_guidance_moves_the_others(self) -> None:
        latents = [
            model("base").render(engine.TextToAudio(**quick(duration=1.0, guidance_scale=s))).latents
            for s in (1.0, 7.0)
        ]
        assert not np.array_equal(*latents)
        usual = model("base").render(engine.TextToAudio(**quick(duration=1.0)))
        assert np.array_equal(usual.latents, latents[1])

    def test_fields_without_a_meaning_are_said(self) -> None:
        result = model("base").render(engine.TextToAudio(**quick(duration=1.0, erg_tag=False)))
        assert "erg_tag has no meaning here" in said(result)
        both = quick(duration=1.0, tag_guidance_scale=3.0, lyric_guidance_scale=2.0)
        assert "was not trained with them apart" in said(model("base").render(engine.TextToAudio(**both)))


class TestWords:
    def words(self, request: Any, frames: int = 250, start: float = 0.0) -> Any:
        from engine.families.family import Place
        from engine.requests import resolve

        return model()._family.reader(resolve(request, model().default_request)).words(Place(start, frames))

    def test_metas_come_from_the_request(self) -> None:
        request = engine.TextToAudio(tags="house", key="f#m", tempo=123.6, meter="3/4")
        text = self.words(request).prompt.text
        assert "- bpm: 124\n- timesignature: 3\n- keyscale: F# minor\n- duration: 10 seconds\n" in text
        assert text.startswith("# Instruction\nFill the audio semantic mask")

    def test_what_the_model_does_not_know_of_tempo_and_meter_is_said(self) -> None:
        result = model().render(engine.TextToAudio(**quick(duration=0.5, tempo=301.0, meter="7/8", number_of_steps=1)))
        assert "tempo: 301 bpm was left out: the model knows 30 to 300." in said(result)
        assert "meter: 7 beats a bar were left out: the model knows 2, 3, 4, 6." in said(result)

    def test_a_piece_is_as_long_as_was_asked(self) -> None:
        """Its last frame goes beyond the end, as in diffusers: 12.5 frames are 13, and the samples are cut."""
        result = model().render(engine.TextToAudio(**quick(duration=0.5, number_of_steps=1)))
        assert result.latents.shape[-1] == 13 and result.audio.shape == (2, 24000)

    def test_the_length_is_the_windows(self) -> None:
        """diffusers says 60 seconds whatever a source lasts."""
        text = self.words(inpaint(), frames=88).prompt.text
        assert "- duration: 3 seconds" in text and text.startswith("# Instruction\nRepaint the mask area")

    def test_the_tempo_is_that_of_the_place(self) -> None:
        points = [TempoPoint(time=0.0, bpm=90.0), TempoPoint(time=20.0, bpm=140.0, numerator=6, denominator=8)]
        request = engine.TextToAudio(tags="x", tempo_map=points)
        assert "- bpm: 90\n- timesignature: 4" in self.words(request).prompt.text
        assert "- bpm: 140\n- timesignature: 6" in self.words(request, start=25.0).prompt.text
        assert "- bpm: 124\n" in self.words(engine.TextToAudio(tags="techno, 124 bpm")).prompt.text

    @pytest.mark.parametrize(
        ("lyrics", "language", "expected"),
        [
            ("", None, "# Languages\nunknown\n\n# Lyric\n[Instrumental]<|endoftext|>"),
            ("[inst]", "en", "# Languages\nunknown\n\n# Lyric\n[Instrumental]<|endoftext|>"),
            ("[verse]\nla la", "sv", "# Languages\nsv\n\n# Lyric\n[verse]\nla la<|endoftext|>"),
            (
                "雨の歌が聞こえる\nよるのまち",
                None,
                "# Languages\nja\n\n# Lyric\n雨の歌が聞こえる\nよるのまち<|endoftext|>",
            ),
        ],
    )
    def test_lyrics_and_their_language(self, lyrics: str, language: str | None, expected: str) -> None:
        given = {"lyrics": lyrics} | ({"language": language} if language else {})
        assert self.words(engine.TextToAudio(tags="x", **given)).prompt.lyrics == expected

    def test_a_long_caption_is_said(self) -> None:
        result = model().render(
            engine.TextToAudio(**quick(tags=", ".join(f"tag{n}" for n in range(300)), duration=0.5))
        )
        assert "words were left out" in said(result)

    def test_a_language_that_it_does_not_know(self) -> None:
        with pytest.raises(InvalidRequest, match="language"):
            model().render(engine.TextToAudio(**quick(duration=0.5, lyrics="la", language="tlh")))
