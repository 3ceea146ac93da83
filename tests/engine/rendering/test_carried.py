"""What a file carries goes along: a source with every chunk and tag, and what is in results made from it."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wavinfo

from engine.audio.carried import id3, riff, vorbis
from engine.audio.carried.model import Move
from engine.audio.files import probe, read_exact
from engine.audio.metadata import read_carried, read_recipe
from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.window import plan_window
from engine.audio.write import write_as
from engine.rendering.render import write_render
from tests.support.container_bytes import ape_tag, encoded, fmt, sound, wav
from tests.support.container_bytes import id3 as id3_tag
from tests.support.noise_results import RATE, render

FRAMES, REFERENCE = 300000, 2**33 + 48000
CUES = {1: 1000, 2: 150000, 3: 299000}
IXML = """<?xml version="1.0" encoding="UTF-8"?>
<BWFXML><IXML_VERSION>2.10</IXML_VERSION><PROJECT>Their film</PROJECT><SCENE>12A</SCENE><TAKE>3</TAKE>
<SPEED><TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>2</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>
<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>48000</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO></SPEED>
<SYNC_POINT_LIST><SYNC_POINT_COUNT>1</SYNC_POINT_COUNT></SYNC_POINT_LIST>
<BEXT><BWF_TIME_REFERENCE_LOW>48000</BWF_TIME_REFERENCE_LOW><BWF_TIME_REFERENCE_HIGH>2</BWF_TIME_REFERENCE_HIGH></BEXT>
<USER>their words &amp; more</USER></BWFXML>
"""


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def bext() -> bytes:
    texts = b"Snare, close".ljust(256, b"\0") + b"Sound Devices".ljust(32, b"\0") + b"REF1".ljust(32, b"\0")
    umid, loudness = bytes(range(64)), struct.pack("<5h", -2300, 700, -100, -1800, -2000)
    place = struct.pack("<QH", REFERENCE, 2)
    return texts + b"2026-01-0212:34:56" + place + umid + loudness + bytes(180) + b"A=PCM,F=48000,W=24\r\n"


def all_chunks() -> tuple[bytes, bytes]:
    """Chunks before and behind the samples."""
    cues = struct.pack("<I", len(CUES))
    cues += b"".join(struct.pack("<II4sIII", number, at, b"data", 0, 0, at) for number, at in CUES.items())
    names = b"adtl" + b"".join(chunk(b"labl", struct.pack("<I", n) + f"cue {n}\0".encode()) for n in CUES)
    names += chunk(b"ltxt", struct.pack("<II4s8x", 2, 5000, b"rgn "))
    loops = struct.pack("<6I", 1, 0, 500, 2000, 0, 0) + struct.pack("<6I", 2, 0, 145000, 155000, 0, 7)
    sampler = struct.pack("<9I", 0, 0, 20833, 64, 0, 0, 0, 2, 0) + loops
    acid = struct.pack("<IHHfIHHf", 2, 57, 0, 0.0, 16, 4, 4, 120.0)
    info = b"INFO" + chunk(b"INAM", b"Their song\0") + chunk(b"IART", "Émile\0".encode()) + chunk(b"IXYZ", b"odd\0")
    before = chunk(b"bext", bext()) + chunk(b"iXML", IXML.encode()) + chunk(b"inst", bytes([60, 0, 0, 0, 127, 1, 127]))
    behind = chunk(b"cue ", cues) + chunk(b"LIST", names) + chunk(b"smpl", sampler) + chunk(b"acid", acid)
    behind += chunk(b"LIST", info) + chunk(b"id3 ", id3_tag()) + chunk(b"PEAK", bytes(24)) + chunk(b"axml", b"<adm/>")
    return before, behind


@pytest.fixture
def source(tmp_path: Path) -> Path:
    data = np.random.default_rng(3).integers(-9000, 9000, (FRAMES, 2)).astype("<i2").tobytes()
    before, behind = all_chunks()
    path = tmp_path / "theirs.wav"
    path.write_bytes(wav(data, head=fmt(rate=RATE) + before, after=behind))
    return path


def cues_of(path: Path) -> dict[int, int]:
    content = riff.read(path).chunk(b"cue ") or b"\0\0\0\0"
    count = struct.unpack_from("<I", content)[0]
    found = [struct.unpack_from("<II4sIII", content, 4 + 24 * k) for k in range(count)]
    assert all(point[1] == point[5] for point in found)
    return {point[0]: point[5] for point in found}


def loops_of(path: Path) -> list[tuple[int, int]]:
    content = riff.read(path).chunk(b"smpl")
    assert content is not None
    count = struct.unpack_from("<I", content, 28)[0]
    return [struct.unpack_from("<8xII", content, 36 + 24 * k) for k in range(count)]


def adtl_of(path: Path) -> bytes:
    found = riff.read(path).chunks
    return b"".join(content for name, content in found if name == b"LIST" and content[:4] == b"adtl")


def ixml_of(path: Path) -> str:
    return (riff.read(path).chunk(b"iXML") or b"").decode()


def test_inpaint_keeps_all_of_it(source: Path, tmp_path: Path) -> None:
    out = render(source, (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),)).write(tmp_path / "out.wav")
    info = wavinfo.WavInfoReader(str(out))
    assert info.bext.time_reference == REFERENCE
    assert (info.bext.description, info.bext.originator) == ("Snare, close", "Sound Devices")
    assert (info.bext.originator_date, info.bext.originator_time) == ("2026-01-02", "12:34:56")
    assert info.bext.coding_history.splitlines()[:2] == ["A=PCM,F=48000,W=24", "A=PCM,F=48000,W=16,M=stereo,T=ACE-Step"]
    assert info.info.title == "Their song" and info.ixml.project == "Their film" and info.ixml.scene == "12A"
    content = riff.read(out).chunk(b"bext") or b""
    assert content[348:412] == bytes(64) and struct.unpack_from("<5h", content, 412) == (0x7FFF,) * 5
    assert cues_of(out) == CUES and loops_of(out) == [(500, 2000), (145000, 155000)]
    assert "<USER>their words &amp; more<ACESTEP_RECIPE>" in ixml_of(out) and "SYNC_POINT_LIST" in ixml_of(out)
    assert read_recipe(out) == {"seed": 3} and read_recipe(source) is None
    theirs, ours = riff.read(source), riff.read(out)
    for name in (b"cue ", b"smpl", b"acid", b"inst", b"id3 ", b"axml"):
        assert ours.chunk(name) == theirs.chunk(name), name
    assert [c for n, c in ours.chunks if n == b"LIST"] == [c for n, c in theirs.chunks if n == b"LIST"]
    assert b"PEAK" not in out.read_bytes()[:4000]


def test_a_result_of_a_result_has_one_recipe(source: Path, tmp_path: Path) -> None:
    windows = (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),)
    first = render(source, windows).write(tmp_path / "first.wav")
    again = render(first, windows)
    second = again.write(tmp_path / "second.wav", {"seed": 9})
    assert read_recipe(second) == {"seed": 9} and ixml_of(second).count("<ACESTEP_RECIPE>") == 1
    assert wavinfo.WavInfoReader(str(second)).bext.time_reference == REFERENCE


def test_a_clip_lies_where_it_was_in_the_song(source: Path, tmp_path: Path) -> None:
    start = 3 * RATE - round(0.03 * RATE)
    out = render(source, (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),), clip=True).write(tmp_path / "out.wav")
    frames = probe(out).frames
    assert wavinfo.WavInfoReader(str(out)).bext.time_reference == REFERENCE + start
    assert cues_of(out) == {2: 150000 - start}
    assert loops_of(out) == [(145000 - start, 155000 - start)]
    assert b"cue 2" in adtl_of(out) and b"cue 1" not in adtl_of(out) and b"rgn " in adtl_of(out)
    place = REFERENCE + start
    assert f"MIDNIGHT_LO>{place & 0xFFFFFFFF}<" in ixml_of(out) and f"MIDNIGHT_HI>{place >> 32}<" in ixml_of(out)
    assert f"REFERENCE_LOW>{place & 0xFFFFFFFF}<" in ixml_of(out) and "SYNC_POINT_LIST" not in ixml_of(out)
    acid = riff.read(out).chunk(b"acid") or b""
    assert struct.unpack_from("<I", acid, 12)[0] == round(16 * frames / FRAMES)
    assert struct.unpack_from("<f", acid, 20)[0] == 120.0 and riff.read(out).chunk(b"axml") is None


def test_outpaint_moves_what_it_moves(source: Path, tmp_path: Path) -> None:
    windows = plan_outpaint(FRAMES, RATE, Extension(0.5, 0.25), 1.0)
    out = render(source, windows).write(tmp_path / "out.wav")
    before = RATE // 2
    assert probe(out).frames == FRAMES + before + RATE // 4
    assert wavinfo.WavInfoReader(str(out)).bext.time_reference == REFERENCE - before
    assert cues_of(out) == {number: at + before for number, at in CUES.items()}
    assert loops_of(out) == [(500 + before, 2000 + before), (145000 + before, 155000 + before)]
    kept = slice(before + round(0.03 * RATE), before + FRAMES - round(0.03 * RATE))
    inner = slice(round(0.03 * RATE), FRAMES - round(0.03 * RATE))
    assert np.array_equal(read_exact(out)[:, kept], read_exact(source)[:, inner])


def test_another_rate_moves_places_with_it(source: Path, tmp_path: Path) -> None:
    made = render(source, (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),))
    made.audio, made.sample_rate = np.ascontiguousarray(made.audio[:, ::2]), RATE // 2
    write_render(tmp_path / "out.wav", made, {"seed": 3})
    out = tmp_path / "out.wav"
    assert wavinfo.WavInfoReader(str(out)).bext.time_reference == REFERENCE // 2
    assert cues_of(out) == {number: at // 2 for number, at in CUES.items()}
    assert struct.unpack_from("<I", riff.read(out).chunk(b"smpl") or b"", 8)[0] == round(2e9 / RATE)


def test_before_the_start_of_the_timeline_is_its_start() -> None:
    move = Move(-48000, 100, 48000, 100, 48000)
    assert move.time_reference(100) == 0 and move.time_reference(None) == 0 and move.time_reference(50000) == 2000


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_wavs_texts_and_place_in_other_formats(source: Path, tmp_path: Path, suffix: str) -> None:
    made = render(source, (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),), clip=True)
    out = made.write(tmp_path / f"out.{suffix}")
    with soundfile.SoundFile(out) as file:
        assert (file.title, file.artist) == ("Their song", "Émile")
        file.read()
    tags = dict(read_carried(out).tags)
    assert tags["DESCRIPTION"] == "Snare, close"
    assert int(tags["TIME_REFERENCE"]) == REFERENCE + 3 * RATE - round(0.03 * RATE) == read_carried(out).time_reference
    assert read_recipe(out) == {"seed": 3}
    assert out.read_bytes() == made.write(tmp_path / f"again.{suffix}").read_bytes()


def _tagged(folder: Path, suffix: str) -> Path:
    """A file of another program's with tags, a picture, its place, and what is said of its samples."""
    path = folder / f"tagged.{suffix}"
    tags = (
        ("TITLE", "Lied"),
        ("ARTIST", "Zoë"),
        ("ARTIST", "Второй"),
        ("COMMENT", "their words"),
        ("MOOD", "blue"),
        ("REPLAYGAIN_TRACK_GAIN", "-6 dB"),
        ("CHAPTER001", "00:00:01.000"),
        ("TIME_REFERENCE", "96000"),
    )
    samples = np.random.default_rng(2).uniform(-0.3, 0.3, (FRAMES, 2))
    soundfile.write(path, samples, RATE)
    picture = (
        struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", 0) + struct.pack(">5I", 1, 1, 24, 0, 4) + b"\x89PNG"
    )
    if suffix == "flac":
        vorbis.write_flac(path, tags, (picture,))
    elif suffix == "ogg":
        from engine.audio import ogg

        ogg.finish(path, vorbis.built((*tags, *vorbis.packed_pictures((picture,)))))
    else:
        frames = [(b"TIT2", b"\3Lied"), (b"TPE1", b"\1" + "Zoë".encode("utf-16")), (b"TXXX", b"\3MOOD\0blue")]
        frames += [(b"COMM", b"\0eng\0their words"), (b"TXXX", b"\3TIME_REFERENCE\x0096000"), (b"TLEN", b"\0999")]
        body = b"".join(n + len(c).to_bytes(4, "big") + b"\0\0" + c for n, c in frames)
        size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
        data = path.read_bytes()
        path.write_bytes(b"ID3\3\0\0" + size + body + data[data.find(b"\xff\xfb") :] + ape_tag())
    return path


@pytest.mark.parametrize("target", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_tags_of_songs_go_along(tmp_path: Path, suffix: str, target: str) -> None:
    path = _tagged(tmp_path, suffix)
    frames = probe(path).frames
    out = render(path, (plan_window(frames, RATE, 3.0, 4.0, 0.5),), clip=True).write(tmp_path / f"out.{target}")
    carried = read_carried(out)
    tags = dict(reversed(carried.tags))
    assert (tags["TITLE"], tags["ARTIST"]) == ("Lied", "Zoë")
    assert ("COMMENT", "their words") in carried.tags
    assert not any(name.startswith(("REPLAYGAIN", "CHAPTER", "TLEN")) for name in tags)
    assert carried.time_reference == 96000 + 3 * RATE - round(0.03 * RATE) and read_recipe(out) == {"seed": 3}
    if target != "wav":
        assert tags["MOOD"] == "blue"
    if target != "mp3" and suffix != "mp3" and target != "wav":
        assert len(carried.pictures) == 1 and carried.pictures[0].endswith(b"\x89PNG")
        assert ("ARTIST", "Второй") in carried.tags
    info = soundfile.info(out)
    assert info.samplerate == RATE and abs(info.frames - RATE - 2 * round(0.03 * RATE)) < 3000


def test_long_comments_fill_pages_of_an_ogg(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    made = render(_tagged(tmp_path, "ogg"), (plan_window(FRAMES, RATE, 3.0, 4.0, 0.5),), clip=True)
    for length in (0, 200, 65025 - 60, 65025, 200000):
        made.write(path, {"lyrics": "x" * length})
        assert read_recipe(path) == {"lyrics": "x" * length}
        assert np.isfinite(soundfile.read(path)[0]).all() and soundfile.info(path).frames == made.audio.shape[1]


def test_tags_with_places_lose_them_when_samples_move() -> None:
    frames = [(b"TIT2", b"\0Song"), (b"CHAP", b"one\0" + bytes(16))]
    body = b"".join(n + len(c).to_bytes(4, "big") + b"\0\0" + c for n, c in frames)
    tag = b"ID3\3\0\0" + bytes([0, 0, 0, len(body)]) + body
    kept = id3.without_places(tag)
    assert id3.tags(kept) == (("TITLE", "Song"),) and b"CHAP" not in kept
    assert id3.without_places(id3_tag()) == id3_tag() and id3.without_places(b"ID3\4\0\x40" + bytes(30)) == b""


@pytest.mark.parametrize("name", [b"bext", b"iXML", b"cue ", b"smpl", b"acid", b"LIST", b"id3 ", b"cart"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff" * 21, b"adtl\xff\xff", b"INFO\0\0", bytes(700)])
def test_damaged_chunks_stop_nothing(tmp_path: Path, name: bytes, content: bytes) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav(sound(20000).astype("<i2").tobytes(), head=fmt() + chunk(name, content)))
    assert probe(path).frames == 20000
    spec = replace(
        render_spec(path), carried=read_carried(path), move=Move(100, 900, 44100, 20000, 44100), recipe={"seed": 1}
    )
    from engine.audio.buffer import Audio

    out = write_as(tmp_path / "out.wav", Audio(np.zeros((2, 900), np.float32), 44100), spec)
    assert probe(out).frames == 900 and read_recipe(out) == {"seed": 1}
    assert wavinfo.WavInfoReader(str(out)).data.frame_count == 900


def render_spec(path: Path):
    from engine.audio.write import spec_like

    return spec_like(probe(path), "out.wav", 900, 2)


def test_a_song_without_anything_carries_nothing(tmp_path: Path) -> None:
    for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF"):
        path = tmp_path / f"a.{form.lower()}"
        path.write_bytes(encoded(sound(20000), form))
        carried = read_carried(path)
        assert carried.chunks == () and carried.time_reference is None
        assert not {name for name, _ in carried.tags} - {"ENCODER"}
