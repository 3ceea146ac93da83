"""The content-addressed store, and what a request may say of its audio."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from pathlib import Path

import pytest

from bridge.files import Attached, AudioStore, locate
from bridge.files.roots import check_loras
from bridge.protocol.errors import InvalidField, RequestFailed, UnknownThing, content_of
from engine.requests import TextToAudio

DATA = b"RIFF" + bytes(100)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> AudioStore:
    made = AudioStore(tmp_path / "audio")
    made.make_folders()
    return made


def test_equal_bytes_are_stored_once(store: AudioStore) -> None:
    assert store.put(DATA, ".wav") == store.put(DATA, ".wav")
    assert store.size() == (1, len(DATA))
    assert store.find(DIGEST).read_bytes() == DATA  # type: ignore[union-attr]


def test_adopting_moves_a_made_file(store: AudioStore) -> None:
    made = store.new_path(".wav")
    made.write_bytes(DATA)
    digest, path = store.adopt(made)
    assert (digest, path.read_bytes(), made.exists()) == (DIGEST, DATA, False)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, "*" * 64, ""])
def test_only_hashes_are_looked_for(store: AudioStore, name: str) -> None:
    assert store.find(name) is None


def test_a_full_disk_leaves_nothing_and_has_its_own_code(store: AudioStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        store.put(DATA, ".wav")
    assert content_of(caught.value).code == "disk_full"
    assert store.size() == (0, 0) and not list(store.making.iterdir())


def test_cleaning_keeps_what_is_used_or_young(store: AudioStore) -> None:
    _, old = store.put(DATA, ".wav")
    _, used = store.put(b"used", ".wav")
    for path in (old, used):
        os.utime(path, (1, 1))
    store.put(b"young", ".wav")
    assert store.clean(lambda digest: digest == used.stem, 3600) == 1
    assert not old.exists() and used.exists() and store.size()[0] == 2


def test_every_form_of_audio(store: AudioStore, tmp_path: Path) -> None:
    file = tmp_path / "björn 音.wav"
    file.write_bytes(DATA)
    attached = Attached([DATA], [DIGEST])
    assert locate(str(file), store, attached, None).path == file
    assert locate("buffer:0", store, attached, None).sha256 == DIGEST
    assert locate(f"sha256:{DIGEST}", store, attached, None).path.read_bytes() == DATA
    uri = "data:audio/wav;base64," + base64.b64encode(DATA).decode()
    assert locate(uri, store, attached, None).sha256 == DIGEST


@pytest.mark.parametrize(
    "audio",
    [
        "buffer:1",
        "buffer:-1",
        "data:audio/wav,abc",
        "data:;base64,%%%",
        "data:;base64,",
        "song.wav",
        "http://x/y.wav",
        "/a\0b",
        7,
        "",
    ],
)
def test_wrong_forms_name_the_field(store: AudioStore, audio: object) -> None:
    with pytest.raises(InvalidField) as caught:
        locate(audio, store, Attached([DATA], [DIGEST]), None)
    assert caught.value.field == "audio" and caught.value.remedy


def test_an_unknown_hash_is_unknown_audio(store: AudioStore) -> None:
    with pytest.raises(UnknownThing):
        locate("sha256:" + "0" * 64, store, Attached(), None)


def test_other_machines_see_only_allowed_roots(store: AudioStore, tmp_path: Path) -> None:
    inside, outside = tmp_path / "music", tmp_path / "private"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.wav").write_bytes(DATA)
    assert locate(str(inside / "a.wav"), store, Attached(), [inside]).path == inside / "a.wav"
    link = inside / "link.wav"
    link.symlink_to(outside / "a.wav")
    for path in (outside / "a.wav", inside / ".." / "private" / "a.wav", link):
        with pytest.raises(RequestFailed) as caught:
            locate(str(path), store, Attached(), [inside])
        assert caught.value.code == "forbidden_path"


def test_other_machines_name_loras_under_the_roots_only(tmp_path: Path) -> None:
    inside = tmp_path / "loras"
    inside.mkdir()
    check_loras(TextToAudio(tags="x", lora=[str(inside / "a"), "owner/name"]), [inside])
    check_loras(TextToAudio(tags="x"), [])
    with pytest.raises(RequestFailed) as caught:
        check_loras(TextToAudio(tags="x", lora=["owner/name", str(tmp_path / "private")]), [inside])
    assert (caught.value.code, caught.value.field) == ("forbidden_path", "lora")
