"""WAV headers in the scripts: what they cut themselves, what they leave to the daemon, and a take's place."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from reaper_scripts.acestep_reaper.source import wave_file
from tests.support.container_bytes import fmt, list_chunk, rf64, sound, wav

DATA = sound(1000).astype("<i2").tobytes()
WHOLE = {"plain": wav(DATA), "text behind": wav(DATA, after=list_chunk()), "RF64": rf64(DATA, len(DATA))}
NOT_TO_BE_CUT = {
    "zero": wav(DATA, 0),
    "to a pipe": wav(DATA, 0x7FFFF000),
    "16 too many": wav(DATA, len(DATA) + 16),
    "400 too few": wav(DATA, len(DATA) - 400),
    "BW64": rf64(DATA, len(DATA), b"BW64"),
    "no samples": wav(DATA)[:30],
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_cut_here(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(WHOLE[name])
    assert wave_file.read(str(path)).frames == 1000


@pytest.mark.parametrize("name", NOT_TO_BE_CUT)
def test_a_header_that_is_wrong_is_left_to_the_daemon(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(NOT_TO_BE_CUT[name])
    assert wave_file.read(str(path)) is None


def test_a_part_lies_behind_the_place_of_its_source(tmp_path: Path) -> None:
    """A take that is built here begins at the source's own place on the timeline and its first frame."""
    bext = struct.pack("<4sI338xQ256x", b"bext", 602, 2**32 + 5000)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(DATA, head=fmt() + bext))
    source = wave_file.read(str(path))
    ((name, content),) = wave_file.beginning_at([(b"bext", bytes(602))], 100, source.chunks)
    assert name == b"bext" and struct.unpack_from("<Q", content, 338)[0] == 2**32 + 5100
    ((_, content),) = wave_file.beginning_at(source.chunks, 100)
    assert struct.unpack_from("<Q", content, 338)[0] == 100
