"""OSC addresses, argument checks and surfaces, without a socket."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.osc.address_space.addresses import Kind, address_table, control_fields
from bridge.osc.address_space.values import OscError, checked, field_value, shown_default, split_serial, to_osc
from bridge.osc.feedback.feedback_targets import ECHO_SECONDS, EXPIRY_SECONDS, MAX_TARGETS, FeedbackTargets
from bridge.osc.transport.listening import is_allowed
from engine.requests import TASKS, fields_of

TABLE = address_table()
FADER = ("10.0.0.5", 9100)
PHONE = ("10.0.0.6", 9100)


def test_every_request_field_that_a_surface_can_hold_has_an_address():
    held = {name for request_type in TASKS.values() for name in fields_of(request_type)}
    assert held - set(control_fields()) == {
        "audio", "client_data", "request_id", "tempo_map", "model", "priority", "lora", "lora_weight",
    }  # fmt: skip
    assert TABLE["/acestep/tags"].tags == "s"
    assert TABLE["/acestep/variance"].tags == "f"
    assert TABLE["/acestep/seed"].tags == "i"
    assert TABLE["/acestep/outpaint/before"].kind is Kind.COMMAND


@pytest.mark.parametrize(
    ("path", "sent", "value"),
    [
        ("/acestep/variance", (0.25,), 0.25),
        ("/acestep/variance", (1,), 1.0),
        ("/acestep/variance", (0.123456789,), 0.123457),
        ("/acestep/number_of_steps", (8.0,), 8),
        ("/acestep/match_loudness", (0.0,), False),
        ("/acestep/match_loudness", (True,), True),
        ("/acestep/scheduler", ("heun",), "heun"),
        ("/acestep/channels", ("1, 2",), [1, 2]),
    ],
)
def test_what_is_meant_unmistakably_is_taken(path, sent, value):
    got = field_value(TABLE[path], sent)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("/acestep/variance", (), "from 0 to 1"),
        ("/acestep/variance", (1.5,), "from 0 to 1"),
        ("/acestep/variance", ("0.5",), "from 0 to 1"),
        ("/acestep/variance", (math.nan,), "from 0 to 1"),
        ("/acestep/seed", (0.5,), "a whole number"),
        ("/acestep/seed", (2.0**31,), "a whole number"),
        ("/acestep/scheduler", ("eulr",), "one of euler"),
        ("/acestep/tags", (b"x",), "text"),
        ("/acestep/tags", ("x" * 20_000,), "text"),
        ("/acestep/variance", (0.1, 0.2), "from 0 to 1"),
    ],
)
def test_wrong_types_and_ranges_say_what_is_expected(path, sent, expected):
    with pytest.raises(OscError) as caught:
        field_value(TABLE[path], sent)
    assert expected in caught.value.expected
    assert caught.value.address == path


@given(st.lists(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none(), st.booleans()), max_size=4))
def test_no_arguments_break_a_check(arguments):
    for address in TABLE.values():
        if address.kind is Kind.FEEDBACK:
            continue
        try:
            field_value(address, tuple(arguments)) if address.field else checked(address, tuple(arguments))
        except OscError as error:
            assert error.expected


def test_a_serial_number_may_follow_a_commands_arguments():
    assert split_serial(TABLE["/acestep/inpaint"], (7,)) == ((), 7)
    assert split_serial(TABLE["/acestep/inpaint"], ()) == ((), -1)
    assert split_serial(TABLE["/acestep/outpaint/after"], (2.0, 9)) == ((2.0,), 9)


@pytest.mark.parametrize("press", [1, 1.0, True, 0.8])
def test_a_button_that_sends_one_and_zero_is_one_press_each_time(press):
    """A serial number 1 would swallow the second press; a 0 taken for a command would do everything twice."""
    assert split_serial(TABLE["/acestep/inpaint"], (press,)) == ((), -1)
    assert split_serial(TABLE["/acestep/inpaint"], (type(press)(0),)) == ((), None)


def test_empty_text_and_minus_one_take_a_field_back():
    assert field_value(TABLE["/acestep/tags"], ("",)) is None
    assert field_value(TABLE["/acestep/seed"], (-1,)) is None
    assert field_value(TABLE["/acestep/tempo"], (-1.0,)) is None
    assert field_value(TABLE["/acestep/granularity_scale"], (-1.0,)) == -1.0
    assert shown_default(TABLE["/acestep/seed"]) == -1
    assert shown_default(TABLE["/acestep/scheduler"]) == "euler"
    assert shown_default(TABLE["/acestep/tags"]) == ""


def test_values_go_back_as_osc_arguments():
    assert to_osc(True) == [1]
    assert to_osc(0.1234567891) == [0.123457]
    assert to_osc([1, 2]) == ["1, 2"]
    assert to_osc("house") == ["house"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_feedback_goes_to_every_surface_but_not_back_to_the_fader_that_moves():
    clock = Clock()
    surfaces = FeedbackTargets(clock)
    surfaces.touch(FADER, "/acestep/variance")
    surfaces.heard(PHONE)
    assert surfaces.targets("/acestep/variance") == [PHONE]
    assert surfaces.targets("/acestep/seed") == [FADER, PHONE]
    clock.now += ECHO_SECONDS
    assert surfaces.targets("/acestep/variance") == [FADER, PHONE]


def test_a_surface_may_name_its_port_and_leave():
    surfaces = FeedbackTargets(Clock())
    surfaces.register(FADER, 9200)
    assert surfaces.targets("/acestep/status") == [("10.0.0.5", 9200)]
    surfaces.unregister(FADER)
    assert surfaces.targets("/acestep/status") == []


def test_silent_surfaces_expire_and_named_ones_do_not():
    clock = Clock()
    surfaces = FeedbackTargets(clock)
    surfaces.add_permanent(PHONE)
    surfaces.heard(FADER)
    clock.now += EXPIRY_SECONDS + 1
    assert surfaces.targets("/acestep/status") == [PHONE]


def test_a_flood_of_senders_keeps_the_latest_only():
    clock = Clock()
    surfaces = FeedbackTargets(clock)
    for port in range(5 * MAX_TARGETS):
        clock.now += 0.001
        surfaces.heard(("127.0.0.1", 10_000 + port))
    assert len(surfaces.targets("/x")) == MAX_TARGETS


@pytest.mark.parametrize(
    ("host", "ok"),
    [("127.0.0.1", True), ("::1", True), ("192.168.1.9", True), ("192.168.1.8", False), ("evil", False)],
)
def test_who_may_speak(host, ok):
    assert is_allowed(host, frozenset({"192.168.1.9"})) is ok
