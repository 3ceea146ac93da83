"""Words of ACE-Step 1.5 in its own form, within what its text encoder reads, and what it is shown of a source."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

import engine
from engine.errors import InvalidRequest
from engine.families.ace_step_15 import known, prompt
from engine.families.ace_step_15.facts import RELEASED, facts
from engine.families.ace_step_15.levels import Shifted
from engine.families.ace_step_15.prompt import Metas, complete_instruction, extract_instruction, lego_instruction
from engine.families.ace_step_15.reader import Reader, language_code
from engine.families.family import Place
from engine.requests import resolve
from tests.support.golden15_runs import GOLDEN15, networks, prompt_of

PROMPTS = json.loads((GOLDEN15 / "prompts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_golden_prompts(number: int) -> None:
    entry = PROMPTS[number]
    args = {"task_type": entry["task"], **entry["extra"], **entry["args"]}
    made = prompt_of(args, entry["args"]["prompt"])
    assert (made.text, made.lyrics) == (entry["text"], entry["lyrics"])


def test_instructions_without_a_name() -> None:
    assert extract_instruction(None) == "Extract the track from the audio:"
    assert lego_instruction(None) == "Generate the track based on the audio context:"
    assert complete_instruction([]) == "Complete the input track:"


@pytest.mark.parametrize("name", ["Bass", "piano", "BACKING_VOCALS", ""])
def test_track_names_that_the_model_does_not_know(name: str) -> None:
    with pytest.raises(InvalidRequest, match="expected one of woodwinds, brass"):
        lego_instruction(name)


@pytest.mark.parametrize(
    ("metas", "lines"),
    [
        (Metas(9.99), ("N/A", "N/A", "N/A", "9")),
        (Metas.trained(10.0, 124.4, 4, "A minor"), ("124", "4", "A minor", "10")),
        (Metas.trained(10.0, 29.0, 7, None), ("N/A", "N/A", "N/A", "10")),
        (Metas.trained(600.0, 300.0, 6, None), ("300", "6", "N/A", "600")),
    ],
)
def test_metas_are_what_was_trained_or_not_said(metas: Metas, lines: tuple[str, ...]) -> None:
    got = [line.split(": ")[1] for line in metas.lines().splitlines()]
    assert got == [*lines[:3], f"{lines[3]} seconds"]


def test_a_long_caption_is_cut_and_the_metas_stay() -> None:
    """The reference cuts the end of the whole text, which is where the metas are."""
    encoder, metas = networks("base").text_encoder, Metas(10.0, 120.0, "4", "A minor")
    caption = " ".join(f"word{n}" for n in range(400))
    text, said = prompt.fitted_text(prompt.TEXT_TO_MUSIC, caption, metas, encoder.count)
    kept = text.split("# Caption\n")[1].split("\n")[0].split()
    assert encoder.count(text) <= 256 and metas.lines() in text and caption.startswith(" ".join(kept))
    more = prompt.text_of(prompt.TEXT_TO_MUSIC, " ".join(caption.split()[: len(kept) + 1]), metas)
    assert encoder.count(more) > 256
    assert said is not None and f"the last {400 - len(kept)} of 400 words were left out" in said
    assert encoder.token_ids(text)[-1] == encoder.token_ids("")[-1]


def test_a_long_caption_without_spaces_is_cut_at_a_character() -> None:
    """As Chinese and Japanese are written: not all of it is left out."""
    count = networks("base").text_encoder.count
    caption = "静かな夜のピアノ" * 60
    text, said = prompt.fitted_text(prompt.TEXT_TO_MUSIC, f"lo-fi {caption}", Metas(10.0), count)
    kept = text.split("# Caption\n")[1].split("\n")[0]
    assert kept.startswith("lo-fi 静か") and f"lo-fi {caption}".startswith(kept) and count(text) <= 256
    assert said is not None and f"the last {486 - len(kept)} of 486 characters were left out" in said


def test_metas_that_leave_no_room_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="key: got 5000 characters, expected a key such as F# minor"):
        prompt.fitted_text(prompt.COVER, "a", Metas(1.0, key="x" * 5000), networks("base").text_encoder.count)


def test_a_caption_that_fits_stays_as_it_is() -> None:
    text, said = prompt.fitted_text(prompt.COVER, "a  b", Metas(1.0), networks("base").text_encoder.count)
    assert said is None and text == prompt.text_of(prompt.COVER, "a  b", Metas(1.0))


def test_lyrics_that_are_too_long_are_refused_with_numbers() -> None:
    with pytest.raises(InvalidRequest, match=r"lyrics: got \d+ tokens, expected at most 2048"):
        prompt.fitted_lyrics("la\n" * 3000, "en", networks("base").text_encoder.count)


def warnings_of(**fields: object) -> tuple[str, list[str]]:
    reader = Reader(
        resolve(engine.TextToAudio(tags="house", seed=1, duration=2.0, **fields)), 25.0, len, distilled=True
    )
    return reader.words(Place(0.0, 50)).prompt.text, reader.warnings


def test_what_is_no_key_is_left_out_and_said() -> None:
    text, said = warnings_of(key="fis-Moll")
    assert "- keyscale: F# minor\n" in text and not said
    text, said = warnings_of(key="banana")
    assert "- keyscale: N/A\n" in text and "banana" not in text
    assert len(said) == 1 and said[0].startswith("key: 'banana' was left out") and "8A" in said[0]


def test_captions_of_checkpoints_that_were_trained_on_stems() -> None:
    """`is_lego_sft` in the config: such a one adds single instruments, whatever else its name says."""
    request = resolve(engine.TextToAudio(tags="slap bass", seed=1, duration=2.0))
    text = Reader(request, 25.0, len, stem_captions=True).words(Place(0.0, 50)).prompt.text
    assert "# Caption\nGlobal: \nLocal: slap bass\nMask Control: true\n\n# Metas" in text
    long = resolve(engine.TextToAudio(tags="bass " * 90, seed=1, duration=2.0))
    reader = Reader(long, 25.0, len, distilled=True, stem_captions=True)
    assert "\nMask Control: true\n" in reader.words(Place(0.0, 50)).prompt.text and "tags: " in reader.warnings[0]
    config = {"is_turbo": False, "model_version": "sft", "is_lego_sft": True}
    assert "lego" in facts(RELEASED, config, "acestep-v15-sft").tasks
    assert "lego" not in facts(RELEASED, config | {"is_lego_sft": False}, "acestep-v15-sft").tasks


def test_languages() -> None:
    assert [language_code(name) for name in ("EN", "pt-BR", "yue", "sv_SE")] == ["en", "pt", "yue", "sv"]
    with pytest.raises(InvalidRequest, match="language: got 'tlh', expected one of ar, az"):
        language_code("tlh")


class TestKnown:
    silence = torch.arange(6.0)[None, None, None].expand(1, 2, 1, 6)

    def test_silence_begins_again_where_it_ends(self) -> None:
        assert known.silence_of(self.silence, 8)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 0, 1]

    def test_a_region_is_silent_at_its_own_frame_numbers(self) -> None:
        source, mask = torch.full((1, 2, 1, 5), 9.0), torch.tensor([False, True, True, False, False])
        assert known.repaint_source(source, self.silence, mask)[0, 0, 0].tolist() == [9, 1, 2, 9, 9]

    def test_source_first_then_the_mask_in_every_channel(self) -> None:
        source, mask = torch.full((2, 3, 1, 4), 9.0), torch.tensor([False, True, True, False])
        seen = known.known_of(source, mask)
        assert seen.shape == (2, 6, 1, 4) and (seen[:, :3] == 9).all()
        assert (seen[:, 3:] == mask.float()).all() and (known.known_of(source)[:, 3:] == 1).all()

    def test_short_sources_end_in_silence_of_their_place(self) -> None:
        source = torch.full((1, 2, 1, 3), 9.0)
        assert known.padded_source(source, self.silence, 5)[0, 0, 0].tolist() == [9, 9, 9, 3, 4]
        assert known.padded_source(source, self.silence, 2).shape[-1] == 2

    @pytest.mark.parametrize(("seconds", "start"), [(12.0, 12.0), (30.0, 10.0), (40.0, 40.0 / 3), (9.5, 38.0 / 3)])
    def test_a_clip_is_thirty_seconds_from_three_places(self, seconds: float, start: float) -> None:
        rate = 100
        audio = torch.arange(int(seconds * rate), dtype=torch.float32)[None].expand(2, -1)
        clip = torch.cat([audio[:, first:last] for first, last in known.clip_parts(audio.shape[1], rate)], dim=1)
        assert clip.shape == (2, 30 * rate)
        repeated = math.ceil(30 / seconds) * seconds if seconds < 30 else seconds
        middle = int(repeated * rate) // 3
        assert clip[0, 1000] == audio[0, middle % audio.shape[1]] and clip[0, -1] == audio[0, -1]

    @pytest.mark.parametrize("samples", [1, 7, 3001])
    def test_a_clip_of_any_length_fills_thirty_seconds(self, samples: int) -> None:
        spans = known.clip_parts(samples, 100)
        assert sum(last - first for first, last in spans) == 3000
        assert all(0 <= first < last <= samples for first, last in spans)

    def test_regions_count_frames_as_the_references_do(self) -> None:
        mask = known.region_mask(150, 2.0, 4.1, 25.0)
        assert mask.nonzero()[:, 0].tolist() == list(range(50, 102))
        assert int(known.region_mask(150, 2.0, 2.0, 25.0).sum()) == 1
        assert int(known.region_mask(150, 2.0, None, 25.0).sum()) == 100
        assert int(known.region_mask(10, 9.0, 20.0, 25.0).sum()) == 1


class TestLevels:
    @pytest.mark.parametrize("shift", [1.0, 2.0, 3.0])
    def test_from_one_down_and_never_zero(self, shift: float) -> None:
        levels = Shifted(shift).sigmas(8)
        assert levels[0] == 1 and (np.diff(levels) < 0).all() and levels[-1] > 0 and len(levels) == 8

    def test_a_run_from_part_of_the_way_starts_at_its_first_level(self) -> None:
        levels = Shifted(3.0)
        assert levels.sigmas(4, 0.5)[0] == pytest.approx(levels.start(0.5))

    def test_chosen_steps_are_picked_from_the_whole_schedule(self) -> None:
        levels = Shifted(3.0)
        np.testing.assert_array_equal(levels.sigmas(99, oss_steps=[1, 4, 8]), levels.sigmas(8)[[0, 3, 7]])
