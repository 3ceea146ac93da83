"""The files of new takes: cut to the item, exact outside the region, in the source's own format."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.support.reaper.pressing import TAKE, TRACK, samples


def write_song(studio, seconds: float, rate: int, channels: int, subtype: str):
    """A song in a format of its own, as the only item."""
    item = studio.song(seconds=1.0)
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    path = str(studio.folder / "long.wav")
    soundfile.write(path, noise, rate, subtype=subtype)
    item.takes[0].source.path = path
    item.values["D_LENGTH"] = seconds
    studio.project.mark("source")
    return item


def regenerate(studio, words=TAKE):
    studio.fake.help_text = ""
    studio.action(words)
    studio.finish()
    studio.check()


def heard(item, take, studio, start, end):
    """The file's samples that a take plays between two project times."""
    data, rate = samples(take.source.path), soundfile.info(take.source.path).samplerate
    first, last = (take.values["D_STARTOFFS"] + (t - item.start) * take.values["D_PLAYRATE"] for t in (start, end))
    return data[round(first * rate) : round(last * rate)]


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(96000, 1, "PCM_24"), (44100, 2, "PCM_16"), (48000, 2, "FLOAT"), (44100, 1, "DOUBLE"), (48000, 2, "PCM_32")],
)
def test_a_long_source_is_cut_to_the_item_and_its_bytes_stay(studio, rate, channels, subtype):
    studio.save_tags(snap_to_bars="no")
    item = write_song(studio, 90.0, rate, channels, subtype)
    item.takes[0].values.update(D_STARTOFFS=40.0)
    item.values.update(D_POSITION=2.0, D_LENGTH=8.0)
    studio.project.mark("trim")
    studio.select(4.0, 6.0)
    regenerate(studio)
    old, new = studio.project.items()[0].takes
    assert [r["output"] for r in studio.daemon.requests.values()] == ["clip"]
    info, before = soundfile.info(new.source.path), soundfile.info(old.source.path)
    assert (info.samplerate, info.channels, info.subtype) == (rate, channels, subtype) == (
        before.samplerate, before.channels, before.subtype)  # fmt: skip
    assert info.frames / rate == pytest.approx(28.0, abs=0.01)  # the item and 10 s of handles
    item = studio.project.items()[0]
    for start, end, same in ((2.0, 4.0 - 0.031, True), (4.0, 6.0, False), (6.031, 10.0, True), (10.0, 19.0, True)):
        was, now = (heard(item, t, studio, start, end) for t in (old, new))
        assert was.shape == now.shape and np.array_equal(was, now) is same, (start, end)


def test_a_compressed_source_comes_back_whole(studio):
    studio.save_tags(snap_to_bars="no")
    item = write_song(studio, 12.0, 48000, 2, "PCM_16")
    path = str(studio.folder / "song.flac")
    soundfile.write(path, samples(item.takes[0].source.path), 48000)
    item.takes[0].source.path = path
    studio.project.mark("flac")
    studio.select(4.0, 6.0)
    regenerate(studio)
    assert [r["output"] for r in studio.daemon.requests.values()] == ["full"]
    old, new = studio.project.items()[0].takes
    assert np.array_equal(samples(old.source.path)[: 4 * 48000], samples(new.source.path)[: 4 * 48000])


def test_on_a_new_track_only_the_range_and_its_handles_are_written(studio):
    studio.save_tags(snap_to_bars="no", crossfade_seconds="0.1")
    write_song(studio, 120.0, 48000, 2, "PCM_24")
    studio.select(60.0, 62.0)
    studio.daemon.hold = True
    studio.save_tags(snap_to_bars="no", crossfade_seconds="0.1", variations="2")
    studio.action(TRACK)
    studio.wait_sent(1)
    studio.daemon.hold = False
    studio.finish()
    assert len(studio.project.tracks) == 2
    item = studio.project.tracks[1].items[0]
    assert (item.start, item.end, len(item.takes)) == (pytest.approx(59.9), pytest.approx(62.1), 2)
    assert item.values["D_FADEINLEN"] == pytest.approx(0.1)
    assert soundfile.info(item.takes[0].source.path).duration == pytest.approx(22.0, abs=0.01)
    source = samples(studio.project.tracks[0].items[0].takes[0].source.path)
    assert np.array_equal(heard(item, item.takes[0], studio, 55.0, 59.89), source[55 * 48000 : round(59.89 * 48000)])
    studio.check()


def test_remix_and_extend_of_a_part_send_only_that_part(studio):
    studio.save_tags(snap_to_bars="no")
    item = write_song(studio, 60.0, 48000, 2, "PCM_24")
    item.takes[0].values["D_STARTOFFS"] = 30.0
    item.values.update(D_POSITION=10.0, D_LENGTH=6.0)
    item.selected = True
    studio.project.mark("trim")
    studio.daemon.hold = True
    studio.fake.answers = ["house|techno"]
    studio.action("Remix selected items")
    studio.select(16.0, 18.0)
    studio.action("Extend item after to time selection")
    studio.wait_sent(2)
    remix, extend = studio.daemon.requests.values()
    source = samples(studio.project.items()[0].takes[0].source.path)
    for made in (remix, extend):
        assert np.array_equal(samples(made["audio"]), source[30 * 48000 : 36 * 48000])
    studio.daemon.hold = False
    studio.until(lambda: len(studio.project.items()[0].takes) == 3)
    item = studio.project.items()[0]
    assert (item.start, item.end) == (10.0, 18.0)
    assert [t.values["D_STARTOFFS"] for t in item.takes] == [30.0, 0.0, 0.0]
    assert np.array_equal(samples(item.takes[2].source.path)[: 6 * 48000], source[30 * 48000 : 36 * 48000])
    assert list((studio.home / "captures").iterdir()) == []
    studio.check()


def test_a_take_that_would_be_huge_goes_to_a_new_track_and_says_why(studio):
    studio.save_tags(snap_to_bars="no")
    item = studio.song(seconds=1.0)
    path = studio.folder / "four hours.wav"
    soundfile.write(str(path), np.zeros((96000, 2)), 96000, subtype="PCM_24")
    grown = 4 * 3600 * 96000 * 6  # a sparse file: 8.3 GB that take no room
    data = bytearray(path.read_bytes()[:100])
    at = data.index(b"data")
    riff64 = b"RF64" + b"\xff" * 4 + b"WAVEds64" + (28).to_bytes(4, "little") + (grown + 80).to_bytes(8, "little")
    riff64 += grown.to_bytes(8, "little") + (4 * 3600 * 96000).to_bytes(8, "little") + b"\0" * 4
    head = riff64 + bytes(data[12:at]) + b"data" + b"\xff" * 4
    path.write_bytes(head)
    with path.open("r+b") as stream:
        stream.truncate(len(head) + grown)
    item.takes[0].source.path = str(path)
    item.values["D_LENGTH"] = 4 * 3600.0
    studio.project.mark("record")
    studio.select(7200.0, 7204.0)
    regenerate(studio)
    assert "larger than 2 GB" in studio.fake.help_text and len(studio.project.tracks) == 2
    assert studio.project.tracks[1].items[0].start == pytest.approx(7199.97)


def test_files_are_gone_when_placing_fails_and_jobs_show_tries_again(studio):
    studio.save_tags(snap_to_bars="no")
    studio.song()
    studio.select(8.0, 12.0)
    real = type(studio.fake).PCM_Source_CreateFromFile
    studio.fake.PCM_Source_CreateFromFile = lambda path: 0
    studio.action(TAKE)
    studio.until(lambda: studio.fake.tooltips != [])
    assert "cannot open" in studio.fake.tooltips[-1]
    assert sorted(p.name for p in studio.folder.glob("*acestep*")) == []
    studio.fake.PCM_Source_CreateFromFile = lambda path: real(studio.fake, path)
    studio.fake.answers = [1]
    studio.action("Jobs - show")
    studio.until(lambda: len(studio.project.items()[0].takes) == 2)
    studio.check()


def test_an_unsaved_project_uses_the_default_media_path(studio):
    studio.save_tags(snap_to_bars="no")
    studio.song()
    studio.project.path = ""
    studio.project.folder = str(studio.folder / "REAPER Media")
    studio.select(8.0, 12.0)
    regenerate(studio)
    assert studio.project.items()[0].takes[1].source.path.startswith(str(studio.folder / "REAPER Media"))
