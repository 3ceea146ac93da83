"""A header's length is a claim: every container is read to its true end, or refused by name with a remedy.

Files made byte by byte, each compared with what is truly in it: sample for sample where it is plain.
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
    mpeg_frames,
    pages,
    put,
    rf64,
    sound,
    vbr_mp3,
    w64,
    wav,
    with_serial,
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


@needs_ffmpeg
@pytest.mark.parametrize("bits", [12, 20])
def test_flac_of_rare_depths_through_ffmpeg(tmp_path: Path, bits: int) -> None:
    numbers = np.rint(sound(2560).astype(np.float64) * 2.0 ** (bits - 16)).astype(np.int64)
    path = put(tmp_path, "a.flac", flac(numbers, bits))
    assert np.array_equal(read_exact(path), (numbers.T << (32 - bits)).astype(np.int32))


def test_two_flacs_in_one_are_named(tmp_path: Path) -> None:
    one = encoded(MUSIC[:5000], "FLAC")
    with pytest.raises(InvalidRequest, match="two FLAC streams"):
        probe(put(tmp_path, "a.flac", one + encoded(MUSIC, "FLAC")))


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


# -- through ffmpeg ----------------------------------------------------------------------------------------------------

MADE_BY_FFMPEG = {  # arguments, and samples of MUSIC that may be missing or more at the end; None: bit for bit
    "a.m4a": ([], 2048),
    "fragmented.mp4": (["-movflags", "frag_keyframe+empty_moov"], 2048),
    "lossless.m4a": (["-c:a", "alac"], None),
    "a.aac": ([], 3072),
    "a.mp2": ([], 2304),
    "a.mka": (["-c:a", "libvorbis"], 1024),
    "a.webm": (["-c:a", "libopus"], 1024),
    "a.wma": ([], 2048),
    "a.ac3": ([], 3072),
    "a.wv": ([], None),
    "a.tta": ([], None),
    "lossless.caf": (["-c:a", "alac"], None),
    "flac.oga": (["-c:a", "flac"], None),
    "flac.ogg": (["-c:a", "flac", "-f", "ogg"], None),
    "a.opus": (["-c:a", "libopus"], 1024),
    "speex.ogg": (["-c:a", "libspeex", "-ar", "16000", "-ac", "1"], 1024),
    "mp3.wav": (["-c:a", "libmp3lame"], 2304),
    "streamed.wav": (["-f", "wav"], None),
    "streamed.flac": (["-f", "flac"], None),
    "streamed.aiff": (["-f", "aiff"], None),
    "streamed.au": (["-f", "au"], None),
    "streamed.w64": (["-f", "w64"], None),
    "adpcm.wav": (["-c:a", "adpcm_ima_wav"], 2048),
    "float.caf": (["-c:a", "pcm_f32le"], None),
}


@needs_ffmpeg
@pytest.mark.parametrize("name", MADE_BY_FFMPEG)
def test_what_ffmpeg_writes(tmp_path: Path, name: str) -> None:
    arguments, slack = MADE_BY_FFMPEG[name]
    source, path = put(tmp_path, "source.wav", wav(LITTLE)), tmp_path / name
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), *arguments]
    if name.startswith("streamed"):
        path.write_bytes(subprocess.run([*command, "-"], check=True, capture_output=True).stdout)
    else:
        made = subprocess.run([*command, str(path)], capture_output=True)
        if made.returncode:
            pytest.skip(f"this ffmpeg cannot write it: {made.stderr[-100:]!r}")
    info = probe(path)
    got = read(path).samples
    wanted = len(MUSIC) * info.sample_rate / RATE
    assert got.shape == (info.channels, info.frames)
    if slack is None:
        assert info.frames == wanted and np.array_equal(got, MUSIC.T / np.float32(32768))
    else:
        assert abs(info.frames - wanted) <= slack and 0.2 < np.abs(got).max() < 1.2
    assert np.allclose(read(path, 5000, 5100).samples, got[:, 5000:5100], atol=1e-3)


@needs_ffmpeg
def test_a_cut_m4a_is_named(tmp_path: Path) -> None:
    """The table stands in front and promises what is not there."""
    source, path = put(tmp_path, "source.wav", wav(LITTLE)), tmp_path / "a.m4a"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-movflags", "faststart", str(path)]
    subprocess.run(command, check=True)
    data = path.read_bytes()
    with pytest.raises(InvalidRequest, match=r"truncated|damaged"):
        probe(put(tmp_path, "cut.m4a", data[: len(data) * 2 // 3]))
    with pytest.raises(InvalidRequest, match=r"cut.aac|cut.m4a|damaged|cannot be read"):
        probe(put(tmp_path, "cut2.m4a", data[:300]))


@needs_ffmpeg
def test_two_sounds_in_one_film_are_named(tmp_path: Path) -> None:
    source, path = put(tmp_path, "source.wav", wav(LITTLE)), tmp_path / "film.mp4"
    maps = ["-map", "0:a", "-map", "0:a", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), *maps, str(path)], check=True)
    with pytest.raises(InvalidRequest, match="2 streams of sound") as caught:
        probe(path)
    assert "-map 0:a:0" in str(caught.value.remedy)


@needs_ffmpeg
def test_a_picture_beside_the_sound_changes_nothing(tmp_path: Path) -> None:
    source = put(tmp_path, "source.wav", wav(LITTLE))
    picture = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-frames:v", "1", "-map", "0:a", "-map", "1:v"]
    for name, more in (
        ("a.mp3", ["-c:v", "mjpeg", "-disposition:v", "attached_pic"]),
        ("a.m4a", ["-c:v", "mjpeg", "-disposition:v", "attached_pic"]),
        ("a.mp4", ["-c:v", "mpeg4"]),
    ):
        path = tmp_path / name
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), *picture, *more, str(path)], check=True)
        assert abs(probe(path).frames - len(MUSIC)) <= 2304 and np.abs(read(path).samples).max() > 0.2


def test_without_ffmpeg_an_m4a_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding.shutil, "which", lambda _: None)
    monkeypatch.setattr(decoding.sys, "platform", "linux")
    path = put(tmp_path, "song.m4a", struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"M4A ", 0, b"M4A ", b"isom") + bytes(90))
    with pytest.raises(InvalidRequest, match="an MP4 file, which cannot be read here") as caught:
        probe(path)
    assert "Install ffmpeg" in str(caught.value.remedy)


def test_the_systems_reader_reads_whole_and_is_not_believed_when_silent(tmp_path: Path) -> None:
    """pedalboard reads AAC on macOS and Windows; the same way is walked here with what it reads everywhere."""
    path = put(tmp_path, "a.flac", encoded(MUSIC, "FLAC"))
    made = decoding.by_pedalboard(path, tmp_path / "out.wav")
    assert np.allclose(soundfile.read(made.path)[0], MUSIC / 32768, atol=1e-4)
    silent = put(tmp_path, "b.flac", flac(DEPTHS[32], 32))
    with pytest.raises(InvalidRequest, match=r"as silence|cannot read"):
        decoding.by_pedalboard(silent, tmp_path / "out2.wav")


def test_playlists_are_no_audio(tmp_path: Path) -> None:
    """ffmpeg would read other files that a playlist names."""
    put(tmp_path, "song.wav", wav(LITTLE))
    for text in ("ffconcat version 1.0\nfile song.wav\n", "#EXTM3U\n#EXTINF:1,\nsong.wav\n"):
        with pytest.raises(InvalidRequest, match="not audio"):
            probe(put(tmp_path, "list.m4a", text.encode()))


@pytest.mark.parametrize("form", ["VOC", "SVX", "NIST", "PAF", "AVR", "HTK", "MAT5", "XI"])
def test_old_kinds_whose_length_is_not_checked_are_named(tmp_path: Path, form: str) -> None:
    mono = MUSIC[:, :1] if form in ("HTK", "XI") else MUSIC
    try:
        data = encoded(mono, form, "DPCM_16" if form == "XI" else "PCM_16")
    except (soundfile.LibsndfileError, ValueError) as error:
        pytest.skip(f"libsndfile does not write it: {error}")
    with pytest.raises(InvalidRequest, match="whose length cannot be checked here") as caught:
        probe(put(tmp_path, f"old.{form.lower()}", data))
    assert "Convert it to WAV" in str(caught.value.remedy)
