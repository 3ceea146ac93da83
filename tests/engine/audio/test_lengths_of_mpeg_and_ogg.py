"""MPEG and Ogg, where no header can be believed: each file is read to its true end, or refused by name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files import ExactReader, probe, read
from engine.errors import InvalidRequest
from tests.support.container_bytes import (
    RATE,
    ape_tag,
    encoded,
    id3,
    mpeg_frames,
    pages,
    put,
    sound,
    vbr_mp3,
    wav,
    with_serial,
)

# -- MPEG --------------------------------------------------------------------------------------------------------------

SONG = np.concatenate([np.zeros((22050, 2), np.int16), sound(110250)])  # quiet first: a low first bit rate


@pytest.fixture(scope="module")
def vbr() -> tuple[bytes, bytes, int]:
    return vbr_mp3(SONG)


def _true_mp3(vbr: tuple[bytes, bytes, int]) -> np.ndarray:
    """What a decoder gives of the frames alone when it is told how many there are."""
    return soundfile.read(io.BytesIO(vbr[0] + vbr[1]), dtype="float32")[0].T


BROKEN_MP3: dict[str, Callable[[bytes, bytes, int], bytes]] = {
    "no Xing": lambda xing, body, n: body,
    "a Xing with few frames": lambda xing, body, n: _xing(xing, 20) + body,
    "a Xing with too many frames": lambda xing, body, n: _xing(xing, 9 * n) + body,
    "a Xing with no frames": lambda xing, body, n: _xing(xing, 0) + body,
    "no Xing, tags around": lambda xing, body, n: id3() + body + ape_tag() + b"TAG" + b"x" * 125,
    "no Xing, garbage before": lambda xing, body, n: id3() + b"\0\xff\x12garbage" * 300 + body,
    "no Xing, garbage behind": lambda xing, body, n: body + b"\xff\x01rubbish" * 900,
    "no Xing, two tags": lambda xing, body, n: id3() + id3(b"x" * 5000) + body,
    "Xing, tags around": lambda xing, body, n: id3() + xing + body + ape_tag() + b"TAG" + b"x" * 125,
}


def _xing(xing: bytes, frames: int) -> bytes:
    at = xing.find(b"Xing") + 8
    return xing[:at] + struct.pack(">I", frames) + xing[at + 4 :]


@pytest.mark.parametrize("name", BROKEN_MP3)
def test_vbr_mp3(tmp_path: Path, name: str, vbr: tuple[bytes, bytes, int]) -> None:
    """The length was guessed from the first frame's bit rate: 12.04 s became 4.84 s, without a word."""
    path = put(tmp_path, "song.mp3", BROKEN_MP3[name](*vbr))
    frames, wanted = vbr[2] * 1152, _true_mp3(vbr)
    got = read(path).samples
    assert frames - 2304 <= got.shape[1] == probe(path).frames <= frames
    delay = 0 if name.startswith("Xing") else 576  # what a LAME tag lets a decoder leave out
    assert got.shape[1] >= wanted.shape[1]
    assert np.array_equal(got[:, delay + 2000 : delay + 100000], wanted[:, 2000:100000])
    assert np.array_equal(read(path, 70000, 70100).samples, got[:, 70000:70100])


def test_garbage_inside_an_mp3_is_gone_over(tmp_path: Path, vbr: tuple[bytes, bytes, int]) -> None:
    _, body, count = vbr
    middle = mpeg_frames(body)[count // 2][0]
    path = put(tmp_path, "song.mp3", body[:middle] + b"\0\x01" * 3000 + body[middle:])
    assert abs(probe(path).frames - count * 1152) < 1152 and read(path).frames == probe(path).frames


def test_two_mp3s_in_one(tmp_path: Path, vbr: tuple[bytes, bytes, int]) -> None:
    xing, body, count = vbr
    path = put(tmp_path, "song.mp3", xing + body + id3() + xing + body)
    assert abs(probe(path).frames - 2 * count * 1152) < 2304 and read(path).frames == probe(path).frames
    out = io.BytesIO()
    soundfile.write(out, SONG[:30000], 48000, format="MP3")
    with pytest.raises(InvalidRequest, match="changes its sample rate"):
        probe(put(tmp_path, "other.mp3", xing + body + out.getvalue()))


def test_an_mp3_cut_short_is_named(tmp_path: Path, vbr: tuple[bytes, bytes, int]) -> None:
    xing, body, _ = vbr
    with pytest.raises(InvalidRequest, match=r"truncated: its header promises .* frames"):
        probe(put(tmp_path, "song.mp3", xing + body[: len(body) // 2]))


@pytest.mark.parametrize("name", ["no Xing", "Xing, tags around"])
def test_an_mp3_in_a_wav(tmp_path: Path, name: str, vbr: tuple[bytes, bytes, int]) -> None:
    data = BROKEN_MP3[name](*vbr)
    head = struct.pack("<4sIHHIIHHHHIHHH", b"fmt ", 30, 0x55, 2, RATE, 16000, 1, 0, 12, 1, 2, 417, 1, 0)
    path = put(tmp_path, "song.wav", wav(data, head=head))
    assert abs(probe(path).frames - vbr[2] * 1152) <= 2304 and read(path).frames == probe(path).frames


def test_a_tag_alone_is_no_song(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no frames of one"):
        probe(put(tmp_path, "song.mp3", id3() + bytes(4000)))


# -- Ogg ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oggs() -> list[bytes]:
    """Three pieces of music as Ogg files of their own."""
    return [with_serial(encoded(sound(n, seed=n), "OGG"), 7 + n) for n in (30000, 20000, 12345)]


def _decoded(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="float32")[0].T


def test_a_chained_ogg_is_read_whole(tmp_path: Path, oggs: list[bytes]) -> None:
    path = put(tmp_path, "radio.ogg", b"".join(oggs))
    wanted = np.concatenate([_decoded(one) for one in oggs], axis=1)
    info = probe(path)
    assert info.frames == 62345 and "3 pieces" in info.notes[0]
    assert np.array_equal(read(path).samples, wanted)
    with ExactReader(info) as reader:
        assert np.allclose(reader.read(29000, 51000), wanted[:, 29000:51000], atol=1e-3)
    assert np.allclose(read(path, 49990, 50010).samples, wanted[:, 49990:50010], atol=1e-3)


def test_one_sound_beside_a_film_is_read(tmp_path: Path, oggs: list[bytes]) -> None:
    """A skeleton's stream stands between the pages of sound."""
    sounds = pages(oggs[0])
    fishead = with_serial(_page(b"fishead\0" + bytes(56), 2, 0), 99)
    end = with_serial(_page(b"", 4, 1), 99)
    path = put(tmp_path, "film.ogg", sounds[0] + fishead + sounds[1] + end + b"".join(sounds[2:]))
    assert np.array_equal(read(path).samples, _decoded(oggs[0]))


def _page(content: bytes, flags: int, number: int) -> bytes:
    table = bytes([len(content)])
    return b"OggS\0" + bytes([flags]) + struct.pack("<qIII", 0, 0, number, 0) + bytes([1]) + table + content


def test_two_sounds_at_once_are_named(tmp_path: Path, oggs: list[bytes]) -> None:
    a, b = pages(oggs[0]), pages(oggs[1])
    with pytest.raises(InvalidRequest, match="2 streams of sound"):
        probe(put(tmp_path, "two.ogg", a[0] + b[0] + b"".join(a[1:] + b[1:])))


def test_a_chain_of_different_kinds_is_named(tmp_path: Path, oggs: list[bytes]) -> None:
    mono = with_serial(encoded(sound(9000, 1), "OGG"), 5)
    with pytest.raises(InvalidRequest, match="differ in codec, rate or channels"):
        probe(put(tmp_path, "a.ogg", oggs[0] + mono))


def test_an_ogg_whose_end_is_not_marked(tmp_path: Path, oggs: list[bytes]) -> None:
    found = pages(oggs[0])
    last = bytearray(found[-1])
    last[5] &= ~4
    data = with_serial(b"".join(found[:-1]) + bytes(last), 8)
    info = probe(put(tmp_path, "a.ogg", data))
    assert abs(info.frames - 30000) < 2048 and "not marked" in info.notes[0]
    assert read(tmp_path / "a.ogg").frames == info.frames


def test_opus(tmp_path: Path) -> None:
    out = io.BytesIO()
    soundfile.write(out, sound(48000), 48000, format="OGG", subtype="OPUS")
    info = probe(put(tmp_path, "a.opus", out.getvalue()))
    assert (info.frames, info.subtype) == (48000, "OPUS")
