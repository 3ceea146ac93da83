"""Files in and out: every sample type comes back bit for bit, every kind of broken file has its own message."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import wavinfo
from hypothesis import given
from hypothesis import strategies as st

from engine import atomic
from engine.audio import exact
from engine.audio.buffer import Audio
from engine.audio.files import ExactReader, probe, read, read_exact
from engine.audio.wave_writer import FileSpec, wave_header
from engine.audio.write import WriteError, read_recipe, spec_like, write_audio, write_chunks
from engine.errors import InvalidRequest
from tests.support.examples import examples

SUBTYPES = [
    *[("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("FLAC", s) for s in ("PCM_S8", "PCM_16", "PCM_24")],
    *[("AIFF", s) for s in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
]


def _numbers(subtype: str, channels: int, frames: int, seed: int) -> np.ndarray:
    """Any numbers that the type can hold, its extremes among them."""
    rng = np.random.default_rng(seed)
    if subtype in ("FLOAT", "DOUBLE"):
        made = rng.normal(0, 1, (channels, frames)) * 10.0 ** rng.integers(-12, 4, (channels, frames))
        return made.astype(np.float32 if subtype == "FLOAT" else np.float64)
    bits = 8 if subtype.endswith("8") else int(subtype[-2:])
    made = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (channels, frames))
    made[0, 0], made[-1, -1] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return (made << (32 - bits)).astype(np.int32)


def _write_by_libsndfile(path: Path, samples: np.ndarray, rate: int, kind: tuple[str, str]) -> None:
    soundfile.write(path, samples.T, rate, format=kind[0], subtype=kind[1])


@examples(150)
@given(
    st.sampled_from(SUBTYPES),
    st.sampled_from([8000, 44100, 48000, 96000, 192000]),
    st.sampled_from([1, 2]),
    st.integers(1, 700),
    st.integers(0, 2**31),
)
def test_every_type_makes_an_exact_round_trip(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[str, str], rate: int, channels: int, frames: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("round")
    numbers = _numbers(kind[1], channels, frames, seed)
    if kind == ("AIFF", "PCM_S8"):
        frames += frames % 2  # libsndfile writes (but does not read) odd lengths with one frame too many
        numbers = _numbers(kind[1], channels, frames, seed)
    _write_by_libsndfile(folder / "in.x", numbers, rate, kind)
    info = probe(folder / "in.x")
    got = read_exact(info)
    assert got.dtype == numbers.dtype and np.array_equal(got, numbers)
    container = "flac" if kind[0] == "FLAC" else "wav"
    spec = spec_like(info, f"out.{container}", frames, channels)
    half = frames // 2
    write_chunks(folder / f"out.{container}", spec, [got[:, :half], got[:, half:]])
    assert np.array_equal(read_exact(folder / f"out.{container}"), numbers)
    wanted = "PCM_U8" if container == "wav" and kind[1] == "PCM_S8" else kind[1]
    assert probe(folder / f"out.{container}").subtype == wanted
    assert probe(folder / f"out.{container}").sample_rate == rate


@pytest.mark.parametrize("kind", SUBTYPES)
def test_a_range_is_the_same_as_a_part_of_the_whole(tmp_path: Path, kind: tuple[str, str]) -> None:
    _write_by_libsndfile(tmp_path / "a", _numbers(kind[1], 2, 9000, 1), 44100, kind)
    assert np.array_equal(read_exact(tmp_path / "a", 4321, 8765), read_exact(tmp_path / "a")[:, 4321:8765])


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_files_are_read_by_range(tmp_path: Path, suffix: str) -> None:
    tone = np.sin(np.arange(48000) / 30).astype(np.float32)[None] * 0.5
    path = write_audio(tmp_path / f"a.{suffix}", Audio(tone, 48000))
    whole = read(path)
    assert abs(whole.frames - 48000) < 3000
    with ExactReader(probe(path)) as reader:  # libsndfile's own seek gave silence in this MP3
        assert np.array_equal(reader.read(20000, 21000), whole.samples[:, 20000:21000])
    assert np.allclose(read(path, 20000, 21000).samples, whole.samples[:, 20000:21000], atol=1e-3)
    assert np.sqrt(np.mean((whole.samples[:, 5000:40000] - tone[:, 5000:40000]) ** 2)) < 0.05


def _broken(folder: Path) -> dict[str, Path]:
    tone = np.zeros((2, 4000), dtype=np.float32) + 0.1
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4000, 2))
    write_audio(folder / "whole.wav", Audio(tone, 44100))
    soundfile.write(folder / "whole.flac", noise, 44100)
    soundfile.write(folder / "whole.aiff", noise, 44100)
    data = (folder / "whole.wav").read_bytes()
    files = {
        "empty": b"",
        "text": b"This is not audio at all, but a text file.\n" * 20,
        "truncated": data[: len(data) // 2],
        "header": data[:20],
        "flac": (folder / "whole.flac").read_bytes()[:9000],
        "aiff": (folder / "whole.aiff").read_bytes()[:-1000],
        "samples": wave_header(FileSpec("WAV", "PCM_16", 44100, 2, 0)),
        "rate": wave_header(FileSpec("WAV", "PCM_16", 4000, 1, 4)) + bytes(8),
        "channels": wave_header(FileSpec("WAV", "PCM_16", 44100, 6, 2)) + bytes(24),
        "nan": wave_header(FileSpec("WAV", "FLOAT", 44100, 1, 2)) + np.array([0, np.nan], "<f4").tobytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in files} | {"missing": folder / "no.wav", "folder": folder}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "empty"),
        ("text", "not audio"),
        ("truncated", "truncated: its header promises"),
        ("header", "truncated: it has no samples"),
        ("flac", "damaged or truncated"),
        ("aiff", "truncated: its header promises"),
        ("samples", "0 samples"),
        ("rate", "4000 Hz"),
        ("channels", "6 channels.*--channels 1,2"),
        ("nan", "nan at sample 1"),
        ("missing", "does not exist"),
        ("folder", "folder"),
    ],
)
def test_each_broken_file_has_its_message(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        read(_broken(tmp_path)[name])
    assert caught.value.field == "audio" and caught.value.remedy


def test_two_of_six_channels_can_be_chosen(tmp_path: Path) -> None:
    numbers = _numbers("PCM_16", 6, 100, 3)
    _write_by_libsndfile(tmp_path / "six.wav", numbers, 48000, ("WAV", "PCM_16"))
    assert np.array_equal(read_exact(tmp_path / "six.wav", channels=(4, 1)), numbers[[4, 1]])
    with pytest.raises(InvalidRequest, match="1 to 6"):
        read(tmp_path / "six.wav", channels=(0, 6))


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros((1, 4)), 44100, "float64"),
        ([[0.0]], 44100, "list"),
        (np.zeros(4, np.float32), 44100, "channels, samples"),
        (np.zeros((2, 0), np.float32), 44100, "0 samples"),
        (np.zeros((3, 9), np.float32), 44100, "choose two|Choose two"),
        (np.zeros((9, 2), np.float32), 44100, "samples.T"),
        (np.full((1, 4), np.inf, np.float32), 44100, "inf at sample 0"),
        (np.zeros((1, 4), np.float32), 0, "sample rate"),
        (np.zeros((1, 4), np.float32), 44100.0, "sample rate"),
    ],
)
def test_audio_is_checked(samples: Any, rate: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        Audio(samples, rate)
    assert caught.value.field == "audio"


RECIPE = {"task": "inpaint", "tags": "house & <dub>, é, \u4e2d", "seed": 7, "lyrics": "la\nla " * 3000}


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_recipe_comes_back_and_files_are_equal(tmp_path: Path, suffix: str) -> None:
    audio = Audio(np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30000)).astype(np.float32), 44100)
    paths = [write_audio(tmp_path / f"{i}.{suffix}", audio, None, "16", RECIPE, 123456) for i in range(2)]
    assert read_recipe(paths[0]) == RECIPE
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_no_recipe_is_none(tmp_path: Path) -> None:
    tone = Audio(np.zeros((1, 100), np.float32), 44100)
    assert read_recipe(write_audio(tmp_path / "a.wav", tone)) is None
    assert read_recipe(write_audio(tmp_path / "a.flac", tone)) is None
    (tmp_path / "text").write_text("hello")
    assert read_recipe(tmp_path / "text") is None


def test_wavinfo_reads_bext_and_ixml(tmp_path: Path) -> None:
    tone = Audio(np.zeros((2, 101), np.float32), 48000)
    info = wavinfo.WavInfoReader(str(write_audio(tmp_path / "a.wav", tone, None, "24", RECIPE, 2**33 + 5)))
    assert info.bext.time_reference == 2**33 + 5
    assert info.bext.originator == "acestep-bridge"
    assert info.bext.originator_date.strip("\0") == info.bext.originator_time.strip("\0") == ""
    assert "F=48000,W=24,M=stereo" in info.bext.coding_history
    assert info.ixml.project == "acestep-bridge"
    assert (info.fmt.sample_rate, info.fmt.bits_per_sample, info.data.frame_count) == (48000, 24, 101)


def test_rf64_beyond_four_gigabytes(tmp_path: Path) -> None:
    """The header of a file that would be 4.8 GB, over a sparse file: libsndfile finds every frame."""
    spec = FileSpec("WAV", "PCM_32", 96000, 2, 600_000_000)
    header = wave_header(spec)
    assert header[:4] == b"RF64"
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 600_000_000 * 8)
    assert probe(path).frames == 600_000_000
    assert read_exact(path, 599_999_990, 600_000_000).shape == (2, 10)


def test_dither_is_small_repeatable_and_leaves_silence_alone() -> None:
    tone = np.sin(np.arange(20000) / 50)[None] * 0.3
    first = exact.from_float(tone, np.dtype(np.int32), 16, 5)
    assert np.array_equal(first, exact.from_float(tone, np.dtype(np.int32), 16, 5))
    assert not np.array_equal(first, exact.from_float(tone, np.dtype(np.int32), 16, 6))
    error = exact.to_float(first) - tone
    assert np.abs(error).max() <= 1.51 / 32768 and abs(error.mean()) < 0.02 / 32768
    assert not exact.from_float(np.zeros((2, 100)), np.dtype(np.int32), 16).any()


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path) -> None:
    loud = Audio(np.array([[2.0, -2.0, 1.0, -1.0]], np.float32), 44100)
    for depth in ("8", "16", "24", "32"):
        got = read(write_audio(tmp_path / "a.wav", loud, None, depth)).samples
        assert got[0, 0] > 0.98 and got[0, 1] == -1.0


@pytest.mark.parametrize(("field", "arguments"), [("format", ("aac", None)), ("bit_depth", ("wav", "20"))])
def test_unknown_formats(tmp_path: Path, field: str, arguments: tuple[str, str | None]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write_audio(tmp_path / "a", Audio(np.zeros((1, 9), np.float32), 44100), *arguments)
    assert caught.value.field == field


def test_mp3_has_no_high_rates(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="48000"):
        write_audio(tmp_path / "a.mp3", Audio(np.zeros((1, 9), np.float32), 96000))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission")])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, number: int, words: str) -> None:
    target = tmp_path / "song.wav"
    target.write_bytes(b"old")
    with pytest.raises(WriteError, match=words), atomic.replacing(target) as temporary:
        temporary.write_bytes(b"half of it")
        raise OSError(number, os.strerror(number))
    assert target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="disk is full"), atomic.replacing(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(bytes(100000))
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="does not exist"):
        write_audio(tmp_path / "no" / "a.wav", Audio(np.zeros((1, 9), np.float32), 44100))
