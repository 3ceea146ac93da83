"""Music beside an item: which item is meant, what of its file is heard, and where the new part lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.job import OnTrack, Plan, ProjectJob
from bridge.rpp.outpaint import HEARD_SECONDS
from bridge.rpp.plan import make_plan
from bridge.rpp.render import ready
from tests.support.rpp_files import RATE, audio, item, song

FIELDS = {"tags": "house", "seed": 7}


def plan(path: Path, start: float, end: float, **fields) -> Plan:
    job = ProjectJob("outpaint", path, None, track=1, fields={**FIELDS, **fields}, start_time=start, end_time=end)
    return make_plan(job)


def spans(made: Plan) -> list[tuple[float, float, float]]:
    """Start, end and offset of the new items."""
    (part,) = made.parts
    assert isinstance(part.place, OnTrack) and part.place.new
    return [(s.position, round(s.position + (s.length or 0), 6), round(s.offset, 6)) for s in part.place.spans]


def extended(made: Plan) -> tuple[float, float]:
    request = made.parts[0].request
    return request.extend_before_duration, request.extend_after_duration


TWO = (item(0, 3, "a.wav", name="one"), item(5, 3, "a.wav", name="two"))
JOINED = (item(0, 3, "a.wav"), item(3, 3, "a.wav"))
SECOND_TAKE = 'TAKE\nNAME b\n<SOURCE WAVE\nFILE "a.wav"\n>'
CROSSED = (item(0, 3, "a.wav"), item(2.9, 3, "a.wav"))


@pytest.mark.parametrize(
    ("items", "wanted", "expected"),
    [
        (TWO[:1], (2, 8), (3, 8)),
        (TWO[:1], (3, 8), (3, 8)),  # from the very end on
        (TWO, (2, 4), (3, 4)),
        (TWO, (2, 8), (3, 5)),  # up to the next item
        (TWO, (7, 10), (8, 10)),
        (TWO, (2, 10), (8, 10)),  # of two ends the one before the range's end
        (TWO, (4, 6), (4, 5)),  # before an item
        (JOINED, (2, 8), (6, 8)),
        (CROSSED, (2, 8), (5.9, 8)),
        ((*TWO[:1], item(4, 2, "a.wav", more="MUTE 1 0")), (2, 8), (3, 8)),  # what is muted is no neighbour
        ((*TWO[:1], item(4, 2, "a.wav", more="LOCK 1")), (2, 8), (3, 4)),
    ],
)
def test_the_item_that_ends_or_begins_in_the_range(
    tmp_path: Path, items: tuple[str, ...], wanted: tuple[float, float], expected: tuple[float, float]
) -> None:
    audio(tmp_path / "a.wav", 3)
    made = plan(song(tmp_path, *items), *wanted)
    assert [span[:2] for span in spans(made)] == [expected]
    assert sum(extended(made)) == pytest.approx(expected[1] - expected[0])


def test_both_sides_of_one_item(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3)
    made = plan(song(tmp_path, item(2, 3, "a.wav")), 1, 7)
    assert extended(made) == (1, 2)
    assert spans(made) == [(1, 2, 0), (5, 7, 4)]


@pytest.mark.parametrize(
    ("items", "wanted", "said"),
    [
        (TWO[:1], (1, 2.5), "no item ends or begins"),
        (JOINED, (2, 4), "no item ends or begins"),
        (TWO, (10, 12), "no audio item"),
        (
            (item(0, 3, "a.wav", more="ALLTAKES 1", takes='TAKE\nNAME b\n<SOURCE WAVE\nFILE "a.wav"\n>'),),
            (2, 8),
            "all its",
        ),
        (
            (item(4, 2, "a.wav"), item(0, 1, "a.wav"), item(2, 1, "a.wav")),
            (0.5, 5),
            "several items: 1 to 2 s; 3 to 4 s",
        ),
    ],
)
def test_what_cannot_be_extended_is_said(
    tmp_path: Path, items: tuple[str, ...], wanted: tuple[float, float], said: str
) -> None:
    audio(tmp_path / "a.wav", 3)
    with pytest.raises(ProjectRefused, match=said):
        plan(song(tmp_path, *items), *wanted)


def test_what_the_item_hides_of_its_file_is_not_sent(tmp_path: Path) -> None:
    """3 s of a source of 6 s, from 1 s on: the model hears what is heard."""
    source = soundfile.read(audio(tmp_path / "a.wav", 6))[0]
    made = plan(song(tmp_path, item(0, 3, "a.wav", offset=1)), 2, 8)
    assert extended(made) == (0, 5)
    assert made.parts[0].excerpt is not None and made.parts[0].excerpt.seconds == (1, 4)
    sent = ready(made.parts[0]).audio
    assert np.allclose(sent.samples[0], source[RATE : 4 * RATE])
    assert spans(made) == [(3, 8, 3)]


def test_an_item_that_repeats_its_file_is_sent_as_it_sounds(tmp_path: Path) -> None:
    """A loop of 3 s, from 1 s of it on, for 7 s; and one that begins before its file does."""
    source = soundfile.read(audio(tmp_path / "a.wav", 3))[0]
    made = plan(song(tmp_path, item(2, 7, "a.wav", offset=1, loop=1)), 8, 12)
    sent = ready(made.parts[0]).audio
    assert np.allclose(sent.samples[0], np.tile(source, 3)[RATE : 8 * RATE])
    assert extended(made) == (0, 3) and spans(made) == [(9, 12, 7)]
    early = plan(song(tmp_path, item(2, 4, "a.wav", offset=-1, loop=1)), 5, 8)
    assert np.allclose(ready(early.parts[0]).audio.samples[0], np.tile(source, 2)[2 * RATE :])
    both = plan(song(tmp_path, item(2, 7, "a.wav", offset=1, loop=1)), 1, 12)
    assert extended(both) == (1, 3) and spans(both) == [(1, 2, 0), (9, 12, 8)]


def test_a_hidden_start_is_no_reason_to_cut(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    path = song(tmp_path, item(0, 3, "a.wav", offset=3))
    assert plan(path, 2, 8).parts[0].excerpt is None
    assert spans(plan(path, 2, 8)) == [(3, 8, 6)]


def test_of_a_long_item_the_last_part_is_sent(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 200)
    path = song(tmp_path, item(0, 180, "a.wav"))
    part = plan(path, 179, 190).parts[0]
    assert part.excerpt is not None and part.excerpt.seconds == (180 - HEARD_SECONDS, 180)
    assert spans(plan(path, 179, 190)) == [(180, 190, HEARD_SECONDS)]
    whole = plan(path, 179, 190, context_seconds=None).parts[0].excerpt
    assert whole is not None and whole.seconds == (0, 180)


def test_rate_and_tempo_count_in_the_excerpt(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 8)
    made = plan(song(tmp_path, item(1, 2, "a.wav", offset=1, more="PLAYRATE 2 1 0 -1 0 0.0025")), 2, 5)
    assert made.parts[0].excerpt is not None and made.parts[0].excerpt.seconds == (1, 5)
    assert extended(made) == (0, 4)
    assert spans(made) == [(3, 5, 4)]
    (point,) = made.parts[0].request.tempo_map
    assert (point.time, point.bpm) == (-2, 60)  # project time 0 lies 1 s, 2 s of the source, before the item


def test_an_item_longer_than_its_file_goes_on_where_that_is_over(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3)
    made = plan(song(tmp_path, item(0, 10, "a.wav")), 2, 8)
    assert spans(made) == [(3, 8, 3)] and extended(made) == (0, 5)


@pytest.mark.parametrize("length", [3.0009, 2.9991])
def test_a_rounded_end_is_the_end(tmp_path: Path, length: float) -> None:
    audio(tmp_path / "a.wav", 3)
    made = plan(song(tmp_path, item(0, length, "a.wav")), 2, 8)
    assert made.parts[0].excerpt is None and spans(made)[0][0] == length


def test_the_new_item_crosses_the_fade_of_the_old_one(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3)
    path = song(tmp_path, item(0, 3, "a.wav", volume=0.25, more="FADEIN 1 0.2 0 1 0 0 0\nFADEOUT 3 0.5 0 3 0 0 0"))
    made = plan(path, 2, 8)
    assert spans(made) == [(2.5, 8, 2.5)]
    (span,) = made.parts[0].place.spans
    assert (span.fade_in.seconds, span.fade_in.shape) == (0.5, 4) and made.parts[0].place.volume == 0.25
    assert spans(plan(path, 2.8, 8)) == [(2.8, 8, 2.8)]  # never before the range
    assert spans(plan(path, 3, 8)) == [(2.95, 8, 2.95)]  # but for a short joint


def test_channels_of_an_excerpt_are_those_that_the_take_plays(tmp_path: Path) -> None:
    source = soundfile.read(audio(tmp_path / "six.wav", 6, channels=6))[0]
    made = plan(song(tmp_path, item(0, 3, "six.wav", mode=5)), 2, 8)
    sent = ready(made.parts[0])
    assert np.allclose(sent.audio.samples, source[: 3 * RATE, 2:3].T) and not sent.channels
    assert made.parts[0].channel_mode == 0
