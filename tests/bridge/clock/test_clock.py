"""Whose beat it is, and when the next one begins: made of tempo, taps, MIDI ticks and what a DAW says."""

from __future__ import annotations

import random

import pytest

from bridge.clock.clock import Clock
from bridge.clock.midi_clock import MidiClock
from bridge.clock.own import OwnClock
from bridge.clock.position import PositionClock
from bridge.clock.quantize import normal, step_beats
from bridge.clock.timeline import Meter, Timeline
from bridge.osc.clock.daw_clock import _place

COMMON = Meter()


def test_beats_lie_on_the_line_of_time():
    line = Timeline(10.0, 4.0, 2.0)
    assert (line.beat_at(11.0), line.time_of(8.0)) == (6.0, 12.0)
    assert [line.count_at(t, 4.0) for t in (10.0, 11.99, 12.0, 9.99)] == [1, 1, 2, 0]
    assert Meter(6, 8).rate(120.0) == 4.0 and Meter(6, 8).tempo(4.0) == 120.0


@pytest.mark.parametrize(
    ("text", "kept", "beats"),
    [("off", "off", 0), ("Beat", "beat", 1), ("1 bar", "bar", 3), ("4 bars", "4 bars", 12), ("64bars", "64 bars", 192)],
)
def test_when_a_change_may_happen(text, kept, beats):
    assert (normal(text), step_beats(text, Meter(3, 4))) == (kept, beats)


@pytest.mark.parametrize("text", ["0 bars", "65 bars", "4", "bars", "-1 bars", "4 bars 2", "٤ bars"])
def test_another_time_is_none(text):
    with pytest.raises(ValueError, match=text.strip().lower()[:4]):
        normal(text)


def test_our_own_clock_loses_no_beat_when_tempo_and_meter_change():
    own = OwnClock()
    first = own.line(0.0, 120.0, COMMON)
    assert first.beat_at(5.0) == 10.0
    faster = own.line(5.0, 240.0, COMMON)
    assert (faster.beat_at(5.0), faster.beat_at(6.0)) == (10.0, 14.0)
    waltz = own.line(6.0, 240.0, Meter(3, 4))  # bar 3 (from 0), beat 2 of it
    assert divmod(waltz.beat_at(6.0), 3) == (3, 2)
    own.tap(6.1)  # 0.4 beats late: that was the beat
    assert own.line(6.1, 240.0, Meter(3, 4)).beat_at(6.1) == 11.0
    own.downbeat(6.1)
    assert own.line(6.1, 240.0, Meter(3, 4)).beat_at(6.1) == 12.0


def ticks(clock: MidiClock, begin: float, tempo: float, count: int, jitter: float = 0.0, seed: int = 0) -> float:
    chance = random.Random(seed)
    period = 60.0 / tempo / 24
    for number in range(count):
        clock.hear(b"\xf8", begin + number * period + chance.uniform(-jitter, jitter))
    return begin + (count - 1) * period


def test_midi_clock_gives_tempo_and_beats_in_spite_of_jitter():
    clock = MidiClock()
    clock.hear(b"\xfa", 9.9)
    last = ticks(clock, 10.0, 124.0, 24 * 8, jitter=0.002)
    line = clock.line(last, 90.0, COMMON)
    assert COMMON.tempo(line.rate) == pytest.approx(124.0, abs=0.5)
    assert line.beat_at(10.0 + 4 * 60 / 124) == pytest.approx(4.0, abs=0.02)
    assert clock.line(last + 0.6, 90.0, COMMON) is None  # the cable was pulled
    clock.hear(b"\xfc", last)
    assert clock.line(last, 90.0, COMMON) is None


def test_midi_clock_starts_at_the_songs_position_and_counts_nothing_before_a_start():
    clock = MidiClock()
    last = ticks(clock, 0.0, 120.0, 48)
    assert clock.line(last, 120.0, COMMON) is None
    clock.hear(bytes([0xF2, 32, 0]), last)  # 32 sixteenths: two bars
    clock.hear(b"\xfb", last)
    last = ticks(clock, last + 0.1, 120.0, 25)
    assert clock.line(last, 120.0, COMMON).beat_at(last) == pytest.approx(9.0)
    assert clock.line(last, 120.0, Meter(6, 8)).beat_at(last) == pytest.approx(18.0)
    for broken in (b"", b"\xf2", b"\x90\x40\x40"):
        clock.hear(broken, last)


def told(clock: PositionClock, begin: float, tempo: float, seconds: float, every: float = 0.03, late: float = 0.02):
    """Reports of a DAW that plays from beat 0 on: hundredths of a beat, each a little late."""
    chance = random.Random(1)
    at = 0.0
    while at <= seconds:
        beat = int(at * tempo / 60 * 100) / 100
        clock.report(begin + at + chance.uniform(0, late), beat // 4 + 1, beat % 4 + 1, COMMON)
        at += every
    return begin + seconds


def test_what_a_daw_says_of_its_playhead_is_a_clock_to_a_few_milliseconds():
    clock = PositionClock()
    clock.playing, clock.rate = True, COMMON.rate(124.0)
    last = told(clock, 100.0, 124.0, 4.0)
    line = clock.line(last, 120.0, COMMON)
    assert abs(line.time_of(8.0) - (100.0 + 8 * 60 / 124)) < 0.005
    clock.report(last + 0.03, 2, 1.0, COMMON)  # a loop: back to bar 2
    assert clock.line(last + 0.03, 120.0, COMMON).beat_at(last + 0.03) == 4.0
    assert clock.line(last + 1.1, 120.0, COMMON) is None  # nothing is heard any more
    clock.playing = False
    assert clock.line(last + 0.03, 120.0, COMMON) is None


def test_a_daw_that_tells_no_tempo_is_measured():
    clock = PositionClock()
    clock.playing = True
    last = told(clock, 0.0, 90.0, 4.0, every=0.1, late=0.0)
    assert COMMON.tempo(clock.line(last, 120.0, COMMON).rate) == pytest.approx(90.0, abs=1.5)


@pytest.mark.parametrize(
    ("text", "place"),
    [("12.3.50", (12, 3.5)), ("1.1.00", (1, 1.0)), ("-1.1.00", (-1, 1.0)), ("0:12.3", None), ("", None)],
)
def test_positions_as_daws_write_them(text, place):
    assert _place(text) == place


def test_the_first_source_that_has_beats_counts():
    midi, daw, now = MidiClock(), PositionClock(), [50.0]
    clock = Clock([midi, daw], lambda: 100.0, lambda: COMMON, lambda: now[0])
    assert (clock.beat().source, clock.beat().tempo) == ("own", pytest.approx(100.0))
    daw.playing, daw.rate = True, COMMON.rate(90.0)
    daw.report(50.0, 3, 1, COMMON)
    assert (clock.beat().source, clock.beat().bars) == ("daw", 2.0)
    midi.hear(b"\xfa", 50.0)
    now[0] = ticks(midi, 50.0, 140.0, 24)
    assert (clock.beat().source, clock.beat().tempo) == ("midi", pytest.approx(140.0))
