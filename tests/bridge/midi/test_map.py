"""MIDI bytes to movements, what was meant while learning, values and ranges, the map's file. No controller, no port."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.midi.bindings import BadMap, Binding, MidiMap, Source, stable_name
from bridge.midi.learning import meant
from bridge.midi.meanings import parse
from bridge.midi.ports import _output_of
from bridge.midi.reading import Reader, shown, ticks
from bridge.midi.scales import position_of, stepped, value_at
from bridge.osc.address_space.addresses import Kind, address_table
from bridge.osc.address_space.values import OscError

TABLE = address_table()


def read(*messages: tuple[int, ...]) -> list:
    reader = Reader("x")
    return [move for message in messages for move in reader.read(bytes(message))]


def binding(path: str, kind: str = "cc", **more) -> Binding:
    return Binding(source=Source(kind=kind, channel=1, number=7), address=f"/acestep/{path}", **more)


def test_messages_are_movements():
    (note,) = read((0x91, 60, 127))
    assert (note.source.kind, note.source.channel, note.source.number, note.value) == ("note", 2, 60, 1.0)
    assert read((0x81, 60, 64))[0].value == read((0x91, 60, 0))[0].value == 0.0
    assert read((0xE0, 0x7F, 0x7F))[0].value == 1.0
    assert read((0xCF, 5))[0].source == Source(kind="program", channel=16, number=5, port="x")
    assert read((0xF8,), (0xF0, 1, 0xF7), (0xD0, 3), (0xA0, 1, 2)) == []


def test_a_14_bit_controller_is_two_messages():
    moves = [m for m in read((0xB0, 7, 64), (0xB0, 39, 1)) if m.source.kind == "cc14"]
    assert [round(m.value * 16_383) for m in moves] == [64 << 7, (64 << 7) + 1]
    assert not [m for m in read((0xB0, 39, 1)) if m.source.kind == "cc14"]  # no upper half yet


@given(st.floats(0, 1), st.sampled_from(["cc", "cc14", "pitch"]))
def test_what_a_motor_fader_is_sent_it_would_send_back(value, kind):
    source = Source(kind=kind, channel=3, number=0 if kind == "pitch" else 9, port="x")
    moves = [m for m in read(*shown(source, value)) if m.source == source]
    assert moves[-1].value == pytest.approx(value, abs=0.5001 / (127 if kind == "cc" else 16_383))


@pytest.mark.parametrize(
    ("mode", "raws", "steps"),
    [
        ("twos", (1, 3, 127, 125), (1, 3, -1, -3)),
        ("offset", (65, 67, 63), (1, 3, -1)),
        ("sign", (1, 65, 67), (1, -1, -3)),
    ],
)
def test_endless_knobs(mode, raws, steps):
    assert tuple(ticks(mode, raw) for raw in raws) == steps


@pytest.mark.parametrize(
    ("messages", "kind", "mode"),
    [
        ([(0xB0, 7, v) for v in range(20, 90, 3)], "cc", "absolute"),
        ([(0xB0, 7, v) for v in (62, 63, 64, 65, 66)], "cc", "absolute"),  # a fader moved a little, near the middle
        ([(0xB0, 7, v) for v in (1, 2, 3, 4)], "cc", "absolute"),  # and at its end
        ([(0xB0, 20, 127), (0xB0, 20, 0)], "cc", "press"),
        ([(0xB0, 7, v) for v in (1, 1, 1, 1, 2, 1)], "cc", "twos"),
        ([(0xB0, 7, v) for v in (1, 1, 127, 127, 127)], "cc", "twos"),
        ([(0xB0, 7, v) for v in (65, 65, 65, 63, 63)], "cc", "offset"),
        ([(0xB0, 7, v) for v in (1, 1, 65, 65, 65)], "cc", "sign"),
        ([m for v in range(9) for m in ((0xB0, 7, v), (0xB0, 39, v * 9))], "cc14", "absolute"),
        ([(0xE2, 0, v) for v in range(30)], "pitch", "absolute"),
        ([(0x90, 36, 99)], "note", "absolute"),
        ([(0x80, 36, 0), (0xC0, 3)], "program", "absolute"),  # a key let go is nothing
    ],
)
def test_what_was_meant(messages, kind, mode):
    source, found = meant(read(*messages))
    assert (source.kind, found) == (kind, mode)


def test_nothing_moved():
    assert meant(read((0x80, 36, 0))) is None


def test_a_faders_ends_are_the_fields_range():
    assert value_at(TABLE["/acestep/variance"], binding("variance"), 0.5) == 0.5
    assert value_at(TABLE["/acestep/number_of_steps"], binding("number_of_steps"), 0.0) == 1
    assert value_at(TABLE["/acestep/number_of_steps"], binding("number_of_steps", low=10.0, high=30.0), 1.0) == 30
    assert value_at(TABLE["/acestep/scheduler"], binding("scheduler"), 1.0) == "pingpong"
    assert value_at(TABLE["/acestep/seed"], binding("seed"), 1.0) == 127
    assert value_at(TABLE["/acestep/match_loudness"], binding("match_loudness"), 0.6) == 1


@given(st.floats(0, 1))
def test_every_value_of_every_fader_is_one_that_its_address_takes(position):
    from bridge.osc.controls.state import Controls

    controls = Controls()
    for name, address in controls.table.items():
        if address.tags in ("i", "f") or (address.field and address.field.choices):
            value = value_at(address, binding(name), position)
            controls.check(name, (value,))
            assert 0.0 <= position_of(address, binding(name), [value]) <= 1.0


def test_a_knob_steps_and_stays_in_the_range():
    variance = TABLE["/acestep/variance"]
    assert stepped(variance, binding("variance"), 0.5, 3) == pytest.approx(0.53)
    assert stepped(variance, binding("variance"), 0.99, 9) == 1.0
    assert stepped(TABLE["/acestep/seed"], binding("seed"), 5, -2) == 3
    assert stepped(TABLE["/acestep/scheduler"], binding("scheduler"), "euler", 1) == "heun"


def test_what_people_type_is_checked():
    assert parse("region/bars 5 4")[1] == (5, 4)
    assert parse("/acestep/preset/recall Soft pad")[1] == ("Soft pad",)
    assert parse("variance")[1] == parse("inpaint")[1] == parse("progress")[1] == ()
    assert parse("outpaint/after 8")[1] == (8.0,)
    for wrong in ("varianze", "outpaint/after", "preset/save", "region/bars 5", "variance x", "tags", "error"):
        with pytest.raises(OscError):
            parse(wrong)
    assert parse("preset/recall", exact=False)[0].kind is Kind.COMMAND


def test_the_map_is_a_file_that_people_can_edit(tmp_path):
    path = tmp_path / "home" / "midi.json"
    first, second = MidiMap(path), MidiMap(path)
    first.bind(binding("variance", low=0.2))
    first.bind(binding("strength"))  # the same knob means something else now
    first.bind(binding("region/bars", "note", arguments=(5, 4)))
    assert second.reload() and not second.reload()
    assert second.bindings == first.bindings
    assert [b.address for b in second.bindings] == ["/acestep/strength", "/acestep/region/bars"]
    content = json.loads(path.read_text())
    assert content["bindings"][1] == {
        "source": {"kind": "note", "channel": 1, "number": 7}, "address": "/acestep/region/bars", "arguments": [5, 4]
    }  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.forget("/acestep/region/bars 5 5") == 0
    assert first.forget("/acestep/region/bars 5 4") == 1
    path.write_text('{"bindings": [{"source": {"kind": "slider", "channel": 1}, "address": "/a"}]}')
    with pytest.raises(BadMap, match="slider"):
        second.reload()
    path.unlink()
    assert second.reload() and not second.bindings


def test_a_devices_output_is_found_by_its_name():
    outputs = ["Other 1", "nanoKONTROL2 2", "RtMidiIn Client:Keys"]
    assert _output_of("nanoKONTROL2 1", outputs) == "nanoKONTROL2 2"
    assert _output_of("RtMidiOut Client:Keys", outputs) == "RtMidiIn Client:Keys"
    assert _output_of("Pedals 3", outputs) is None


def test_a_binding_of_any_device_covers_each_and_one_of_a_device_only_that():
    heard = Source(kind="cc", channel=1, number=7, port="nanoKONTROL2:MIDI 1 24:0")
    assert Source(kind="cc", channel=1, number=7).covers(heard)
    assert Source(kind="cc", channel=1, number=7, port=stable_name(heard.port)).covers(heard)
    assert not Source(kind="cc", channel=1, number=7, port="Launchpad").covers(heard)
    assert not Source(kind="cc", channel=2, number=7).covers(heard)
    assert (stable_name("X MIDI 1 24:0"), stable_name("nanoKONTROL2 1")) == ("X MIDI 1", "nanoKONTROL2")
