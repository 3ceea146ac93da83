"""Other machines: CURVE, allowed clients only, each with its key, paths bound to allowed roots, results as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import zmq

from bridge.client import Client, Timeouts
from bridge.daemon.bind_address import WrongAddress, split_address
from bridge.protocol import errors, keys
from bridge.protocol.home import Endpoints
from tests.support.daemons import Daemon, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.remote import Remote


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Remote, Daemon]]:
    made = Remote(tmp_path_factory.mktemp("curve"))
    with running(made.server, "--bind", made.address, "--allow-root", str(made.root)) as daemon:
        yield made, daemon


def test_a_job_from_another_machine(remote: tuple[Remote, Daemon]) -> None:
    with remote[0].client() as client:
        assert client.hello().home == ""
        job = client.submit(text(seed=5))
        assert [e.state for e in job.events()][-1] == "completed"
        result = job.result()
        assert result.path is None and result.data.startswith(b"RIFF") and result.seed == 5


def test_audio_travels_and_paths_of_the_server_are_bound(remote: tuple[Remote, Daemon], tmp_path: Path) -> None:
    mine, outside, inside = tmp_path / "mine.wav", tmp_path / "other.wav", remote[0].root / "song.wav"
    for path in (mine, outside, inside):
        soundfile.write(path, np.zeros(80000), 8000)
    request = {"task": "inpaint", "tags": "steps=2", "start_time": 2, "end_time": 4}
    with remote[0].client() as client:
        assert client.submit({**request, "audio": mine}).wait(HANG_SECONDS).state == "completed"
        direct = client._client.transport.request
        for path, fine in ((inside, True), (outside, False)):
            ask = direct("submit", {"request": {**request, "audio": str(path)}})
            if fine:
                assert client._thread.run(ask).content["state"] == "queued"
                continue
            with pytest.raises(errors.InvalidField) as caught:
                client._thread.run(ask)
            assert caught.value.code == "forbidden_path"


def test_the_same_audio_travels_once(remote: tuple[Remote, Daemon], tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    soundfile.write(tmp_path / "mine.wav", rng.uniform(-0.5, 0.5, 80000), 8000)
    sent: list[int] = []
    with remote[0].client() as client:
        real = client._client.transport.request

        async def request(op: str, content: object, buffers: Sequence[bytes] = (), seconds: float | None = None):
            sent.extend([len(buffer) for buffer in buffers])
            return await real(op, content, buffers, seconds)

        client._client.transport.request = request
        for tags in ("steps=1", "steps=2"):
            fields = {"task": "inpaint", "tags": tags, "start_time": 2, "end_time": 4}
            assert client.submit({**fields, "audio": tmp_path / "mine.wav"}).wait(HANG_SECONDS).state == "completed"
        with pytest.raises(errors.UnknownThing, match="Upload the audio again"):
            client.submit({**fields, "audio": "sha256:" + "0" * 64})
    assert sent == [(tmp_path / "mine.wav").stat().st_size]


def test_clients_see_their_own_jobs_only(remote: tuple[Remote, Daemon]) -> None:
    with remote[1].client() as local, remote[0].client() as laptop:
        job = local.submit(text())
        assert job.job_id not in [j.job_id for j in laptop.jobs().jobs]
        with pytest.raises(errors.UnknownThing):
            laptop.cancel(job.job_id)
        with pytest.raises(errors.RequestFailed):
            laptop.shutdown()
        theirs = laptop.submit(text())
        assert theirs.job_id in [j.job_id for j in local.jobs().jobs]


def test_a_stranger_and_plain_text_get_no_answer(remote: tuple[Remote, Daemon], tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with pytest.raises(errors.DaemonNotRunning):
        Client.connect(stranger, remote[0].link, Timeouts(connect=1.0))
    context = zmq.Context()
    with context.socket(zmq.DEALER) as plain:
        plain.linger = 0
        plain.connect(remote[0].address)
        plain.send(b"hello")
        assert not plain.poll(500)
    context.term()


def test_a_revoked_client_gets_no_answer_any_more(remote: tuple[Remote, Daemon]) -> None:
    far, _ = remote
    phone = far.laptop.parent / "phone"
    phone.mkdir()
    keys.allow(far.server, "phone", keys.own_pair(phone).public)
    link = phone / "server.json"
    endpoints = Endpoints(far.address, f"tcp://127.0.0.1:{far.port + 1}")
    keys.write_link(link, keys.link(far.server, "phone", endpoints))
    with Client.connect(phone, link, Timeouts(connect=10.0, reply=1.5)) as client:
        assert client.hello().server == "acestep-bridge"
        keys.revoke(far.server, "phone")
        with pytest.raises(errors.DaemonLost):
            client.hello()


@pytest.mark.parametrize("address", ["ipc:///tmp/x", "tcp://*", "192.168.1.5:1", "tcp://1.2.3.4:99999", "tcp://:1"])
def test_addresses_are_checked(address: str) -> None:
    with pytest.raises(WrongAddress, match="expected an address such as"):
        split_address(address)
