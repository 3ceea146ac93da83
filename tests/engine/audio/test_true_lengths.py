"""A header's length is a claim: every container is read to its true end, or refused by name with a remedy.

Files made byte by byte, each compared with what is truly in it: sample for sample where it is plain.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.audio import decoding
from engine.audio.files import ExactReader, probe, read, read_exact
from engine.errors import InvalidRequest
from tests.support.container_bytes import (
    RATE,
    aiff,
    ape_tag,
    au,
    caf,
    encoded,
    flac,
    fmt,
    id3,
    list_chunk,
    put,
    rf64,
    sound,
    w64,
    wav,
)

MUSIC = sound()
LITTLE, BIG = MUSIC.astype("<i2").tobytes(), MUSIC.astype(">i2").tobytes()
SIZE = len(LITTLE)
HALF = SIZE // 2
UNKNOWN = 0xFFFFFFFF
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not on PATH")

PLAIN: dict[str, bytes] = {
    "right": wav(LITTLE),
    "sox to a pipe": wav(LITTLE, 0x7FFFF000, 0x7FFFF024),
    "arecord": wav(LITTLE, 0x80000000, 0x80000024),
    "zero": wav(LITTLE, 0, 0),
    "zero, riff right": wav(LITTLE, 0),
    "never filled in": wav(LITTLE, UNKNOWN, UNKNOWN),
    "16 too many": wav(LITTLE, SIZE + 16, SIZE + 52),
    "44 too many": wav(LITTLE, SIZE + 44, SIZE + 80),
    "16 too few": wav(LITTLE, SIZE - 16),
    "1 too few": wav(LITTLE, SIZE - 1),
    "an early length of a recorder": wav(LITTLE, HALF, HALF + 36),
    "half as long as the whole says": wav(LITTLE, 2 * SIZE, SIZE + 36),
    "text behind": wav(LITTLE, after=list_chunk()),
    "text behind, length unknown": wav(LITTLE, UNKNOWN, UNKNOWN, after=list_chunk()),
    "text behind, length too large": wav(LITTLE, SIZE + 100, after=list_chunk()),
    "text behind, length too small": wav(LITTLE, SIZE - 64, after=list_chunk()),
    "text before with an odd length and no pad": wav(LITTLE, head=b"note\x03\0\0\0abc" + fmt()),
    "zeros behind": wav(LITTLE, after=bytes(500)),
    "ID3v1 behind": wav(LITTLE, after=b"TAG" + b"x" * 125),
    "RF64": rf64(LITTLE, SIZE),
    "RF64, ds64 zero": rf64(LITTLE, 0),
    "RF64, ds64 too large": rf64(LITTLE, SIZE + 16),
    "RF64, ds64 too small": rf64(LITTLE, SIZE - 400),
    "RF64, ds64 never filled in": rf64(LITTLE, 2**64 - 1 - 100),
    "BW64": rf64(LITTLE, SIZE, b"BW64"),
    "BW64, ds64 zero": rf64(LITTLE, 0, b"BW64"),
    "BW64 with a plain length": b"BW64" + wav(LITTLE)[4:],
    "W64": w64(LITTLE, SIZE),
    "W64, zero": w64(LITTLE, 0),
    "W64, too small": w64(LITTLE, SIZE - 4000),
    "W64, too large": w64(LITTLE, SIZE + 16),
    "AIFF": aiff(BIG, len(MUSIC)),
    "AIFF to a pipe": aiff(BIG, 0, 0),
    "AIFF, frames zero": aiff(BIG, 0),
    "AIFF, frames too many": aiff(BIG, len(MUSIC) + 4),
    "AIFF, frames too few": aiff(BIG, len(MUSIC) - 1000),
    "AIFF, all never filled in": aiff(BIG, UNKNOWN // 4, UNKNOWN - 8),
    "AIFF, bytes too few": aiff(BIG, len(MUSIC), SIZE - 4000),
    "AIFF-C little-endian": aiff(LITTLE, len(MUSIC), form=b"AIFC", kind=b"sowt\0\0"),
    "AIFF-C little-endian, frames zero": aiff(LITTLE, 0, form=b"AIFC", kind=b"sowt\0\0"),
    "AU": au(BIG, SIZE),
    "AU, length unknown": au(BIG, UNKNOWN),
    "AU, zero": au(BIG, 0),
    "AU, too small": au(BIG, SIZE - 4000),
    "AU, too large": au(BIG, SIZE + 16),
    "CAF": caf(LITTLE, SIZE + 4),
    "CAF, -1": caf(LITTLE, -1),
    "CAF, zero": caf(LITTLE, 0),
    "CAF, too small": caf(LITTLE, SIZE - 4000),
    "CAF, too large": caf(LITTLE, SIZE + 16),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_samples_come_back_to_the_last_one(tmp_path: Path, name: str) -> None:
    """Through every door: whole, by range, by the reader that writers use."""
    path = put(tmp_path, "song.wav", PLAIN[name])
    info = probe(path)
    wanted = MUSIC.T.astype(np.int32) << 16
    assert (info.frames, info.channels, info.sample_rate, info.integer_bits) == (len(MUSIC), 2, RATE, 16)
    assert np.array_equal(read_exact(path), wanted)
    assert np.array_equal(read_exact(path, 12345, 23456), wanted[:, 12345:23456])
    assert np.array_equal(read(path, len(MUSIC) - 9).samples, wanted[:, -9:] / 2**31)
    with ExactReader(info) as reader:
        assert np.array_equal(reader.read(29000, 30000), wanted[:, 29000:])
        assert np.array_equal(reader.read(0, 500), wanted[:, :500])


def test_what_was_mended_is_said(tmp_path: Path) -> None:
    assert probe(put(tmp_path, "a.wav", PLAIN["right"])).notes == ()
    assert "no length" in probe(put(tmp_path, "b.wav", PLAIN["sox to a pipe"])).notes[0]
    assert f"says {SIZE + 16} bytes, {SIZE} are there" in probe(put(tmp_path, "c.wav", PLAIN["16 too many"])).notes[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (wav(LITTLE)[:HALF], "truncated: its header promises"),
        (rf64(LITTLE, SIZE)[:HALF], "truncated: its header promises"),
        (rf64(LITTLE, SIZE, b"BW64")[:HALF], "truncated: its header promises"),
        (w64(LITTLE, SIZE)[:HALF], "truncated: its header promises"),
        (aiff(BIG, len(MUSIC))[:HALF], "truncated: its header promises"),
        (au(BIG, SIZE)[:HALF], "truncated: its header promises"),
        (caf(LITTLE, SIZE + 4)[:HALF], "truncated: its header promises"),
        (encoded(MUSIC, "FLAC")[:HALF], "truncated"),
        (encoded(MUSIC, "FLAC")[:-3], "truncated"),
        (encoded(MUSIC, "OGG")[:-30], "truncated: a page is damaged or cut"),
        (wav(b"", 0), "0 samples"),
        (wav(b"", 0, after=list_chunk()), "0 samples"),
        (wav(b""), "0 samples"),
        (b"", "empty"),
        (wav(LITTLE)[:30], "truncated: it has no samples"),
        (au(b"", 0)[:20], "truncated: it has no samples"),
        (b".snd\x7f" + au(BIG, SIZE)[5:], "samples begin behind its end"),
        (w64(LITTLE, SIZE)[:56] + bytes(8) + w64(LITTLE, SIZE)[64:], "truncated: it has no samples"),
    ],
)
def test_what_is_cut_short_is_refused_by_name(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        probe(put(tmp_path, "cut", data))
    assert caught.value.field == "audio" and caught.value.got.startswith("cut") and caught.value.remedy


# -- FLAC --------------------------------------------------------------------------------------------------------------

DEPTHS = {
    bits: np.rint(sound(2560).astype(np.float64) * 2.0 ** (bits - 16)).astype(np.int64) for bits in (8, 16, 24, 32)
}


def without_length(data: bytes, total: int = 0) -> bytes:
    """The same FLAC whose STREAMINFO says another number of samples."""
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | total
    return data[:18] + packed.to_bytes(8, "big") + data[26:]


@pytest.mark.parametrize("total", [0, 5000, 29999])
@pytest.mark.parametrize("around", [(b"", b""), (id3(), b"TAG" + b"x" * 125), (b"", ape_tag())])
def test_a_flac_without_its_length(tmp_path: Path, total: int, around: tuple[bytes, bytes]) -> None:
    path = put(tmp_path, "a.flac", around[0] + without_length(encoded(MUSIC, "FLAC"), total) + around[1])
    assert np.array_equal(read_exact(path), MUSIC.T.astype(np.int32) << 16)


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_flac_of_each_depth(tmp_path: Path, bits: int) -> None:
    path = put(tmp_path, "a.flac", flac(DEPTHS[bits], bits, total=0))
    assert np.array_equal(read_exact(path), (DEPTHS[bits].T << (32 - bits)).astype(np.int32))


def test_a_flac_of_32_bits_is_never_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was: pedalboard's reader gave zeros, and the result was silent outside of its region."""
    path = put(tmp_path, "a.flac", flac(DEPTHS[32], 32))
    try:
        assert np.array_equal(read_exact(path), DEPTHS[32].T)
    except InvalidRequest as error:
        assert "a FLAC of 32 bits, which cannot be read here" in error.got and "WAV" in str(error.remedy)
    monkeypatch.setattr(decoding.shutil, "which", lambda _: None)
    path = put(tmp_path, "b.flac", flac(DEPTHS[32], 32))
    with pytest.raises(InvalidRequest, match="a FLAC of 32 bits, which cannot be read here"):
        probe(path)


def test_two_flacs_in_one_are_named(tmp_path: Path) -> None:
    one = encoded(MUSIC[:5000], "FLAC")
    with pytest.raises(InvalidRequest, match="two FLAC streams"):
        probe(put(tmp_path, "a.flac", one + encoded(MUSIC, "FLAC")))
