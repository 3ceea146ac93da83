"""What ffmpeg and the system read for us: whole, or refused by name with what to install."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio import decoding
from engine.audio.files import probe, read, read_exact
from engine.errors import InvalidRequest
from tests.support.container_bytes import RATE, encoded, flac, put, sound, wav

MUSIC = sound()
LITTLE = MUSIC.astype("<i2").tobytes()
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not on PATH")

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
    silent = put(tmp_path, "b.flac", flac(sound(2560).astype(np.int64) << 16, 32))
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


@needs_ffmpeg
@pytest.mark.parametrize("bits", [12, 20])
def test_flac_of_rare_depths_through_ffmpeg(tmp_path: Path, bits: int) -> None:
    numbers = np.rint(sound(2560).astype(np.float64) * 2.0 ** (bits - 16)).astype(np.int64)
    path = put(tmp_path, "a.flac", flac(numbers, bits))
    assert np.array_equal(read_exact(path), (numbers.T << (32 - bits)).astype(np.int32))
