"""Every address that may be sent to the controller is done by exactly one part."""

from __future__ import annotations

import pytest

from bridge.midi.devices import MidiSurface
from bridge.osc.address_space.addresses import Kind, address_table
from bridge.osc.controller import Controller
from bridge.osc.handlers import Handler, WrongHandlers, handler_table
from bridge.osc.settings import OscSettings
from tests.support.osc import MemoryDaemon


class Handlers:
    """A part that does these addresses."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths

    def handlers(self) -> dict[str, Handler]:
        return {path: Handler(lambda sender, value: None) for path in self.paths}


SENT = [address.path for address in address_table().values() if address.kind is not Kind.FEEDBACK]


@pytest.mark.parametrize("reaper", [None, ("127.0.0.1", 9726)])
def test_a_controller_has_one_handler_for_every_address(tmp_path, reaper):
    Controller(MemoryDaemon(tmp_path), OscSettings(tmp_path, reaper=reaper), [MidiSurface(tmp_path, ())])


def test_without_midi_its_addresses_are_missing(tmp_path):
    with pytest.raises(WrongHandlers, match=r"missing: /acestep/midi/forget, /acestep/midi/learn, /acestep/midi/list$"):
        Controller(MemoryDaemon(tmp_path), OscSettings(tmp_path), [])


def test_all_addresses_once_are_a_table():
    assert handler_table([Handlers(*SENT[::2]), Handlers(*SENT[1::2])]).keys() == set(SENT)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([SENT, ["/acestep/seed"]], "twice: /acestep/seed"),
        ([[path for path in SENT if path != "/acestep/seed"]], "missing: /acestep/seed"),
        ([[*SENT, "/acestep/status"]], "not to be sent: /acestep/status"),
        ([[*SENT, "/acestep/unknown"]], "not to be sent: /acestep/unknown"),
    ],
)
def test_what_is_wrong_is_said(parts, told):
    with pytest.raises(WrongHandlers, match=f"{told}$"):
        handler_table([Handlers(*paths) for paths in parts])
