"""Our side of a job of Ardour's: the audio put together, the daemon asked, the end written for Ardour to find."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from bridge.ardour.carry_out import carry_out
from bridge.ardour.playlist_source import source_samples
from bridge.ardour.spool import ArdourOrder, Piece, Spool
from engine.errors import InvalidRequest
from tests.support.daemons import Daemon
from tests.support.renderers import NOISE

RATE = 48_000


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    path = tmp_path / "loop.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, (RATE, 2)).astype(np.float32)
    soundfile.write(path, noise, RATE, subtype="FLOAT")
    return path


def order(pieces: list[list[Piece]], length: int, **more: object) -> ArdourOrder:
    values = {"task": "inpaint", "start": length // 4, "stop": length // 2, "fields": {"tags": "steps=2"}, **more}
    return ArdourOrder(version=1, id="1-a", name="Drums/1", sample_rate=RATE, length=length, pieces=pieces, **values)


def spool_with(tmp_path: Path, what: ArdourOrder) -> Spool:
    spool = Spool(tmp_path / "1-a.request")
    spool.request.write_bytes(msgspec.json.encode(what))
    return spool


def ending(spool: Spool) -> dict[str, str]:
    lines = spool.file(".result").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def file_piece(loop: Path, channel: int, first: int, count: int) -> Piece:
    return Piece(kind="file", path=str(loop), channel=channel, first=first, count=count)


def test_pieces_are_put_together_in_order(loop: Path, tmp_path: Path) -> None:
    """Parts of a file, silence and samples of no file, each channel for itself."""
    samples = tmp_path / "1-a.f32"
    np.arange(5, dtype="<f4").tofile(samples)
    left = [file_piece(loop, 0, 7, 10), Piece(kind="silence", count=4), Piece(kind="samples", count=2)]
    right = [Piece(kind="samples", count=3), file_piece(loop, 1, 0, 13)]
    found = source_samples(order([left, right], 16), samples)
    read = soundfile.read(loop, dtype="float32")[0]
    assert (found[:, 0] == np.r_[read[7:17, 0], np.zeros(4), [0, 1]].astype(np.float32)).all()
    assert (found[:, 1] == np.r_[[2, 3, 4], read[:13, 1]].astype(np.float32)).all()


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (Piece(kind="file", path="gone.wav", count=8), "gone.wav"),
        (Piece(kind="samples", count=8), "got .* 0 samples, expected 8"),
        (Piece(kind="silence", count=7), "7 samples, expected 8"),
    ],
)
def test_a_piece_that_is_not_there_is_named(piece: Piece, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=message):
        source_samples(order([[piece]], 8), tmp_path / "none.f32")


def test_a_file_that_is_too_short_or_of_another_rate_is_named(loop: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="48000 samples, expected 48010"):
        source_samples(order([[file_piece(loop, 0, 40_000, 8_010)]], 8_010), tmp_path / "none.f32")
    other = msgspec.structs.replace(order([[file_piece(loop, 0, 0, 8)]], 8), sample_rate=44_100)
    with pytest.raises(InvalidRequest, match="48000 Hz"):
        source_samples(other, tmp_path / "none.f32")


@pytest.mark.parametrize("text", [b"", b"{}", b'{"version": 2}', b"\xff"])
def test_a_damaged_request_ends_with_a_sentence(text: bytes, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "1-a.request")
    spool.request.write_bytes(text)
    carry_out(spool, tmp_path / "home")
    assert ending(spool)["state"] == "failed" and "ardour install" in ending(spool)["message"]


def test_bad_settings_end_with_the_field(loop: Path, tmp_path: Path) -> None:
    """Nothing is started for them."""
    spool = spool_with(tmp_path, order([[file_piece(loop, 0, 0, RATE)]], RATE, fields={"tags": 3}))
    carry_out(spool, tmp_path / "home")
    assert ending(spool)["state"] == "failed" and "ACE-Step: Settings" in ending(spool)["message"]
    assert not (tmp_path / "home").exists()


def test_the_daemon_renders_and_cancels(loop: Path, tmp_path: Path) -> None:
    """A result with its file and place; then a job that is cancelled; a second helper leaves a job alone."""
    daemon = Daemon(tmp_path / "home", renderer=NOISE)
    daemon.start()
    try:
        pieces = [[file_piece(loop, channel, 0, RATE)] for channel in (0, 1)]
        spool = spool_with(tmp_path, order(pieces, RATE))
        carry_out(spool, daemon.home)
        found = ending(spool)
        assert found["state"] == "done" and int(found["offset"]) >= 0
        assert found["file"].startswith("Drums_1 ACE-Step ")
        assert soundfile.info(tmp_path / found["file"]).samplerate == RATE
        assert not spool.file(".source.wav").exists()

        slow = msgspec.structs.replace(order(pieces, RATE, fields={"tags": "steps=900 step_seconds=0.1"}), id="2-b")
        spool.request.write_bytes(msgspec.json.encode(slow))
        for ending_of_first in (".result", ".progress"):
            spool.file(ending_of_first).unlink()
        helper = threading.Thread(target=carry_out, args=(spool, daemon.home))
        helper.start()
        while "%" not in (spool.file(".progress").read_text() if spool.file(".progress").exists() else ""):
            time.sleep(0.02)
        carry_out(spool, daemon.home)  # returns at once: it is carried out already
        assert not spool.file(".result").exists()
        spool.file(".cancel").touch()
        helper.join()
        assert ending(spool) == {"state": "cancelled"}
    finally:
        daemon.stop()
