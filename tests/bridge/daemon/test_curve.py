"""Other machines: CURVE, allowed clients only, each with its key, paths bound to allowed roots, results as bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import zmq

from bridge.client import Client, Timeouts
from bridge.daemon.doors.bind_address import WrongAddress, split_address
from bridge.daemon.doors.curve_door import narrowed
from bridge.files import AudioStore
from bridge.protocol import errors, keys
from bridge.protocol.frames import new_header, pack, unpack
from bridge.protocol.home import Endpoints, read_connection
from tests.support.daemons import Daemon, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.remote import Remote

QUOTA = 8_000_000  # bytes


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Remote, Daemon]]:
    made = Remote(tmp_path_factory.mktemp("curve"))
    options = ("--bind", made.address, "--allow-root", str(made.root), "--client-quota-gb", f"{QUOTA / 1e9}")
    with running(made.server, *options) as daemon:
        yield made, daemon


def test_a_job_from_another_machine(remote: tuple[Remote, Daemon]) -> None:
    with remote[0].client() as client:
        assert client.hello().home == client.hello().software == ""
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


def second_client(far: Remote, name: str, *rights: str) -> Client:
    """Another machine that may come in."""
    home = far.laptop.parent / name
    home.mkdir()
    keys.allow(far.server, name, keys.own_pair(home).public, rights)
    endpoints = Endpoints(far.address, f"tcp://127.0.0.1:{far.port + 1}")
    keys.write_link(home / "server.json", keys.link(far.server, name, endpoints))
    return Client.connect(home, home / "server.json", Timeouts(connect=60.0, reply=HANG_SECONDS))


def test_clients_hear_of_their_own_jobs_only(remote: tuple[Remote, Daemon]) -> None:
    """Everybody's events went to everybody, also to a client that was revoked."""
    connection = read_connection(remote[0].link)
    pair = keys.own_pair(remote[0].laptop)
    context = zmq.Context()
    with context.socket(zmq.SUB) as heard, remote[1].client() as local, remote[0].client() as laptop:
        heard.curve_serverkey = connection.server_public.encode()
        heard.curve_publickey, heard.curve_secretkey = pair.public.encode(), pair.secret.encode()
        heard.linger = 0
        heard.subscribe(b"")
        heard.connect(connection.endpoints.events)
        topics: set[str] = set()
        while not topics:  # until the subscription has arrived
            laptop.submit(text()).wait(HANG_SECONDS)
            if heard.poll(200):
                topics.add(heard.recv_multipart()[0].decode())
        with second_client(remote[0], "desk") as desk:
            others = [local.submit(text()), desk.submit(text())]
            for other in others:
                other.wait(HANG_SECONDS)
        last = laptop.submit(text())
        last.wait(HANG_SECONDS)
        while f"job.{last.job_id}" not in topics:
            assert heard.poll(HANG_SECONDS * 1000)
            topics.add(heard.recv_multipart()[0].decode())
        assert not topics & {f"job.{other.job_id}" for other in others}
        local.set_controls({"tags": "house"})
        while "controls" not in topics:
            assert heard.poll(HANG_SECONDS * 1000)
            topics.add(heard.recv_multipart()[0].decode())
    context.term()


def test_counts_and_audio_of_others_are_not_told(remote: tuple[Remote, Daemon], tmp_path: Path) -> None:
    with remote[1].client() as local, second_client(remote[0], "tablet") as tablet:
        holder = local.submit(text("steps=1000000 step_seconds=0.01"))
        local.submit(text())
        assert tablet.hello().queued == 0 and tablet.metrics().jobs == {} and tablet.metrics().audio_files == 0
        mine = tablet.submit(text())
        assert tablet.hello().queued == 1 and tablet.metrics().jobs == {"queued": 1}
        holder.cancel()
        mine.wait(HANG_SECONDS)
        theirs = local.submit(text(seed=99, duration=5.0)).result().sha256
        fields = {"task": "inpaint", "tags": "steps=1", "start_time": 0.1, "end_time": 0.3}
        with pytest.raises(errors.UnknownThing):
            tablet.submit({**fields, "audio": f"sha256:{theirs}"})
        soundfile.write(tmp_path / "own.wav", np.zeros(8000), 8000)
        for audio in (tablet.upload(tmp_path / "own.wav").reference, f"sha256:{mine.result().sha256}"):
            assert tablet.submit({**fields, "audio": audio}).wait(HANG_SECONDS).state == "completed"


def test_a_client_has_room_for_so_much_audio_until_its_jobs_go(remote: tuple[Remote, Daemon], tmp_path: Path) -> None:
    rng, frames = np.random.default_rng(7), (650_000, 650_000, 650_000, 150_000, 2_100_000)
    files = [tmp_path / f"{number}.wav" for number in range(len(frames))]
    for path, length in zip(files, frames, strict=True):  # 2.6 MB, 2.6 MB, 2.6 MB, 0.6 MB, 8.4 MB
        soundfile.write(path, rng.uniform(-0.5, 0.5, (length, 2)), 44100)
    fields = {"task": "inpaint", "tags": "steps=1", "start_time": 1, "end_time": 2}
    with second_client(remote[0], "hoarder") as client:
        jobs = [client.submit({**fields, "audio": path}) for path in files[:3]]
        more = files[3].read_bytes()
        store, digest = AudioStore(remote[0].server / "audio"), hashlib.sha256(more).hexdigest()
        data = "data:audio/wav;base64," + base64.b64encode(more).decode()
        for ask in (lambda: client.upload(more), lambda: client.submit({**fields, "audio": data})):
            with pytest.raises(
                errors.RequestFailed, match=r"0.6 MB more than the 0.0078 GB .* at most 0.008 GB"
            ) as full:
                ask()
            assert full.value.code == "quota_exceeded" and "--client-quota-gb" in (full.value.remedy or "")
            assert store.find(digest) is None
        assert {job.wait(HANG_SECONDS).state for job in jobs} == {"completed"}  # results do not count
        assert client.submit({**fields, "audio": files[1]}).wait(HANG_SECONDS).state == "completed"
        client.delete(jobs[0].job_id)
        assert client.submit({**fields, "audio": data}).wait(HANG_SECONDS).state == "completed"
    with remote[1].client() as local:
        assert local.upload(files[4]).size > QUOTA  # the user of the machine has the disk


def test_a_client_does_what_its_rights_say(remote: tuple[Remote, Daemon]) -> None:
    with remote[0].client() as laptop, second_client(remote[0], "studio", "unload", "controls") as studio:
        for ask in (laptop.unload, lambda: laptop.set_controls({"tags": "x"}), studio.shutdown):
            with pytest.raises(errors.RequestFailed) as caught:
                ask()
            assert caught.value.code == "not_allowed"
        studio.unload()
        studio.set_controls({"tags": "x"})


@pytest.mark.parametrize("name", ["/etc/passwd", "/", "~", "~root", "../x", "nothing", "/no/such/folder"])
def test_a_client_learns_nothing_of_the_files_by_models_it_names(remote: tuple[Remote, Daemon], name: str) -> None:
    with remote[0].client() as laptop:
        for ask in (lambda: laptop.submit(text(model=name)), lambda: laptop.load(name)):
            with pytest.raises(errors.RequestFailed) as caught:
                ask()
            assert caught.value.code in ("unknown_model", "forbidden_path")
            assert ("exist" in caught.value.error.message) is False


def test_one_client_with_thousands_of_requests_does_not_hold_up_another(remote: tuple[Remote, Daemon]) -> None:
    connection = read_connection(remote[0].link)
    pair = keys.own_pair(remote[0].laptop)
    context = zmq.Context()
    with context.socket(zmq.DEALER) as greedy, second_client(remote[0], "polite") as polite:
        greedy.curve_serverkey = connection.server_public.encode()
        greedy.curve_publickey, greedy.curve_secretkey = pair.public.encode(), pair.secret.encode()
        greedy.linger = 0
        greedy.connect(connection.endpoints.commands)
        for _ in range(300):
            greedy.send_multipart(pack(connection.key, new_header("list"), {"limit": 500}))
        polite.hello()
        for _ in range(300):
            assert greedy.poll(HANG_SECONDS * 1000)
            assert "jobs" in unpack(connection.key, greedy.recv_multipart()).content
    context.term()


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
    second_client(far, "phone").close()
    phone = far.laptop.parent / "phone"
    with Client.connect(phone, phone / "server.json", Timeouts(connect=10.0, reply=1.5)) as client:
        assert client.hello().server == "acestep-bridge"
        keys.revoke(far.server, "phone")
        with pytest.raises(errors.DaemonLost):
            client.hello()


@pytest.mark.parametrize("address", ["ipc:///tmp/x", "tcp://*", "192.168.1.5:1", "tcp://1.2.3.4:99999", "tcp://:1"])
def test_addresses_are_checked(address: str) -> None:
    with pytest.raises(WrongAddress, match="expected an address such as"):
        split_address(address)


def test_subscriptions_are_narrowed_to_what_a_client_may_hear() -> None:
    assert narrowed(b"", "ab12") == [b"job.ab12-", b"controls"]
    assert narrowed(b"job.", "ab12") == [b"job.ab12-"]
    assert narrowed(b"job.ab12-20261128T", "ab12") == [b"job.ab12-20261128T"]
    assert narrowed(b"job.cd34-20261128T", "ab12") == [] and narrowed(b"cont", "ab12") == [b"controls"]
