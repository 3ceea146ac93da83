"""This machine's daemon lets another one render: two daemons, CURVE between them, everything local as always."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
import zmq
from typer.testing import CliRunner, Result

from bridge.cli.app import app
from bridge.cli.commands import link_command
from bridge.client import elsewhere
from bridge.client.link_state import link_state
from bridge.engine_process.remote import remote_renderer
from bridge.engine_process.wire import DEFAULT_RENDERER, RenderJob
from bridge.files.store import AudioStore
from bridge.protocol import errors, keys
from bridge.protocol.home import Connection, Endpoints
from bridge.protocol.linked import Linked, linked_path, read_linked, write_linked
from tests.support.cable import ProxyCable
from tests.support.daemons import Daemon, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.remote import LINKED_MODEL, Pair, Remote, free_port, linked_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with linked_pair(Remote(tmp_path_factory.mktemp("linked"))) as pair:
        yield pair


def test_a_job_is_rendered_there_and_its_files_lie_here(pair: Pair) -> None:
    with pair.near.client() as client:
        assert client.hello().model == LINKED_MODEL
        job = client.submit(text("steps=5", variations=2, seed=5))
        seen = [status.stage for status in job.progress()]
        result = job.result()
        assert "denoise" in seen
        assert [entry.seed for entry in result.entries] == [5, 6]
        for entry in result.entries:
            assert entry.audio.path is not None
            path = Path(entry.audio.path)
            assert path.is_relative_to(pair.near.home) and soundfile.info(path).samplerate == 8000
        assert "gpubox" in (client.hello().engine.device or "")
    with pair.far.client() as there:
        (owned,) = there.jobs().jobs
        assert there.result(owned.job_id).sha256 == result.sha256


def test_audio_travels_there(pair: Pair, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, np.full((96000, 2), 0.25), 48000)
    with pair.near.client() as client:
        request = {"task": "inpaint", "audio": str(song), "tags": "x", "start_time": 0.5, "end_time": 1.0}
        assert client.submit(request).wait(HANG_SECONDS).state == "completed"
        with pytest.raises(errors.InvalidField, match="start_time"):
            client.submit({**request, "start_time": 5.0, "end_time": 6.0})


def test_models_are_those_of_the_other_machine(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with pair.near.client() as client, pair.far.client() as there:
        reply = client.models()
        assert [m.name for m in reply.models] == [m.name for m in there.models().models]
        assert {m.machine for m in reply.models} == {"gpubox"} and reply.default == LINKED_MODEL.name
    shown = command(pair.near.home, monkeypatch, "models", "list").stdout.splitlines()
    assert shown[0] == "On the machine at gpubox, which renders for this computer:" and shown[1].startswith("nano: ")
    assert any("does not render while it is linked" in line for line in shown)


def test_a_job_goes_on_after_the_line_was_lost_and_is_rendered_once(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections end in the middle, and the line is silent for a while; `python -m tests.network` has packets lost."""
    home, link = tmp_path / "home", read_linked(pair.near.home)
    assert link is not None
    shutil.copytree(pair.near.home / "curve", home / "curve")
    shown, port = free_port(), int(link.endpoints.commands.rpartition(":")[2])
    with contextlib.closing(ProxyCable(shown, port)) as cable, pair.far.client() as there:
        ends = Endpoints(f"tcp://127.0.0.1:{shown}", f"tcp://127.0.0.1:{shown + 1}")
        write_linked(home, msgspec.structs.replace(link, endpoints=ends))
        store = AudioStore(home / "audio")
        store.make_folders()
        before, renderer = there.jobs().total, remote_renderer(store, "auto")
        told: list[str] = []

        def on_step(stage: str, step: int, steps: int) -> None:
            if stage == "denoise" and not {"dropped"} & set(told):
                told.append("dropped")
                cable.drop()

        renderer.load(LINKED_MODEL.name, on_step)
        job = RenderJob(job_id="cut", request=text("steps=20 step_seconds=0.02"), model=LINKED_MODEL.name)
        done = renderer.render(job, on_step, lambda level, words: told.append(words), threading.Event())
        assert "dropped" in told and there.jobs().total == before + 1
        assert done.results[0].audio.sha256 == there.result(there.jobs().jobs[0].job_id).sha256


def test_cancel_stops_it_there(pair: Pair) -> None:
    with pair.near.client() as client, pair.far.client() as there:
        job = client.submit(text("steps=1000000 step_seconds=0.02"))
        for status in job.progress():
            if status.step > 2:
                job.cancel()
                break
        assert job.wait(HANG_SECONDS).state == "cancelled"
        limit = time.monotonic() + HANG_SECONDS
        while there.jobs().jobs[0].state != "cancelled" and time.monotonic() < limit:
            time.sleep(0.05)
        assert there.jobs().jobs[0].state == "cancelled"


def test_an_error_there_is_told_here(pair: Pair) -> None:
    with pair.near.client() as client:
        with pytest.raises(errors.JobFailed, match="9 GB needed"):
            client.submit(text("fail")).result()
        with pytest.raises(errors.RequestFailed, match="no-such-model"):
            client.submit(text(model="no-such-model")).result()


def test_an_unreachable_machine_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote(tmp_path)
    remote.let_render()
    near = Daemon(remote.laptop, "--model", "", renderer=DEFAULT_RENDERER)
    try:
        near.start()
        monkeypatch.setattr(elsewhere, "SECONDS", 0.5)
        shown = command(remote.laptop, monkeypatch, "models", "list", "--json")
        (entry,) = json.loads(shown.stdout)["linked"]["models"]
        assert not entry["available"] and "Start it there" in entry["remedy"]
        with (
            near.client() as client,
            pytest.raises(errors.RequestFailed, match=r"daemon does not run.* link --remove"),
        ):
            client.submit(text()).result()
    finally:
        near.stop()


def test_a_damaged_file_says_how_to_take_it_away(tmp_path: Path) -> None:
    assert read_linked(tmp_path) is None
    linked_path(tmp_path).write_text("{")
    with pytest.raises(errors.KeyFileError, match="link --remove"):
        read_linked(tmp_path)


def command(home: Path, monkeypatch: pytest.MonkeyPatch, *words: object) -> Result:
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_commands_link_two_machines_and_take_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far, near, port = tmp_path / "far", tmp_path / "near", free_port()
    for home in (far, near):
        home.mkdir()
    steps = command(near, monkeypatch, "link").stdout
    public = command(near, monkeypatch, "keys", "new").stdout.strip()
    assert public in steps
    assert command(far, monkeypatch, "keys", "allow", "laptop", public).exit_code == 0
    nowhere = command(far, monkeypatch, "link", "laptop")
    assert nowhere.exit_code == 2 and "serve --bind" in nowhere.output
    link = tmp_path / "laptop.link.json"
    with running(far, "--bind", f"tcp://127.0.0.1:{port}"):
        assert command(far, monkeypatch, "link", "laptop", "-o", link).exit_code == 0
        assert link.stat().st_mode & 0o077 == 0
        used = command(near, monkeypatch, "link", "--use", link)
        assert used.exit_code == 0 and "The machine at 127.0.0.1 renders for this computer" in used.stdout
        stands = command(near, monkeypatch, "link")
        assert stands.exit_code == 0 and "knows as laptop: it answers" in stands.stdout
        assert command(far, monkeypatch, "keys", "revoke", "laptop").exit_code == 0
        revoked = command(near, monkeypatch, "link")
        assert revoked.exit_code == 3 and "its key as 'laptop' was revoked there" in revoked.stdout
        assert f"keys allow laptop '{public}'" in revoked.stdout
        assert json.loads(command(near, monkeypatch, "link", "--json").stdout)["state"] == "revoked"
        other = keys.own_pair(tmp_path / "other").public
        assert command(far, monkeypatch, "keys", "allow", "laptop", other).exit_code == 0
        assert json.loads(command(near, monkeypatch, "link", "--json").stdout)["state"] == "revoked"
        assert command(far, monkeypatch, "keys", "allow", "laptop", public).exit_code == 0
        assert command(near, monkeypatch, "link").exit_code == 0
        assert command(far, monkeypatch, "keys", "allow", "laptop", other).exit_code == 0
        replaced = command(near, monkeypatch, "link")
        assert replaced.exit_code == 3 and "another key is allowed as 'laptop' there now" in replaced.stdout
        assert command(far, monkeypatch, "keys", "allow", "laptop", public).exit_code == 0
        assert command(near, monkeypatch, "link", "--remove").exit_code == 0
        assert not linked_path(near).exists()
        monkeypatch.setattr(link_command, "CONNECT_SECONDS", 1.0)
        stranger = command(tmp_path / "stranger", monkeypatch, "link", "--use", link)
        assert stranger.exit_code != 0 and "written for another computer's key" in stranger.output
    stopped = command(near, monkeypatch, "link", "--use", link)
    assert stopped.exit_code == 2 and "its daemon does not run" in stopped.output
    assert command(near, monkeypatch, "link", "--use", far / "install.json").exit_code != 0


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({"server_public": zmq.curve_keypair()[0].decode()}, "other_daemon"),
        ({"key": "0" * 64}, "other_client"),
        ({"own_public": "another"}, "answers"),
        ({"endpoints": Endpoints("tcp://no-such-machine.invalid:9", "tcp://x:10")}, "not_found"),
    ],
)
def test_how_a_link_stands_is_asked(pair: Pair, tmp_path: Path, change: dict[str, object], standing: str) -> None:
    """It said that all is well with the other daemon stopped, and blamed the wrong machine."""
    linked = read_linked(pair.near.home)
    assert linked is not None
    file = tmp_path / "link.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(linked, **change)))
    state = link_state(pair.near.home, file, 1.0)
    assert state.standing == standing and (state.hello is not None or (state.text and state.remedy))


def test_why_a_key_is_refused_as_far_as_files_of_either_side_tell(pair: Pair, tmp_path: Path) -> None:
    linked = read_linked(pair.near.home)
    assert linked is not None
    home, file = tmp_path / "home", tmp_path / "link.json"
    home.mkdir()
    own = keys.own_pair(home).public
    for own_public, client_public, standing in (
        ("the old one", "", "new_key"),
        (own, "", "replaced"),
        (own, own, "replaced"),
        (own, linked.client_public, "other_key"),
    ):
        changed = msgspec.structs.replace(linked, own_public=own_public, client_public=client_public)
        file.write_bytes(msgspec.json.encode(changed))
        assert link_state(home, file, 2.0).standing == standing
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(_bare(linked), client_public="")))
    assert link_state(home, file, 2.0).standing == "not_allowed"


def _bare(linked: Linked) -> Connection:
    return Connection(**{name: getattr(linked, name) for name in Connection.__struct_fields__})


def test_what_listens_and_is_no_daemon_is_named(pair: Pair, tmp_path: Path) -> None:
    linked = read_linked(pair.near.home)
    assert linked is not None
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        file = tmp_path / "link.json"
        endpoints = Endpoints(f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port}")
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(linked, endpoints=endpoints)))
        assert link_state(pair.near.home, file, 0.4).standing == "no_daemon"
