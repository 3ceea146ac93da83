"""Targets that are files of others: audio, project files, checkpoints, connection files and what the product keeps."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bridge.ardour import ui_scripts
from bridge.ardour.lua_text import BadLua, read, write
from bridge.ardour.spool import Spool
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.serving import read_running
from bridge.installing.refusal import InstallRefused
from bridge.jobs import repair  # noqa: F401  (what reads recipes for `jobs repair`)
from bridge.midi.bindings import BadMap, MidiMap
from bridge.osc.controls.presets import BadPreset, Presets
from bridge.osc.feedback.registration import RegisteredFile
from bridge.osc.takes.kept_takes import KeptTakes
from bridge.osc.takes.takes import Takes
from bridge.protocol import keys
from bridge.protocol.errors import BridgeError
from bridge.protocol.home import Connection, Endpoints, connection_path, keep_connection, read_connection
from bridge.protocol.linked import linked_path, read_link_file, read_linked
from bridge.reaper import ini_text
from bridge.rpp.errors import ProjectRefused
from bridge.rpp.project_file import Project
from engine.audio import files
from engine.audio.metadata import read_carried, read_recipe
from engine.checkpoints.ace_step_15.lora import read_lora as read_lora_15
from engine.checkpoints.ace_step_15.places import is_ace_step_15, read_header, shapes_of
from engine.checkpoints.folder import read_config, read_tokenizer
from engine.checkpoints.hub import MANIFEST, read_manifest
from engine.checkpoints.lora import read_lora
from engine.checkpoints.networks import Part, make_autoencoder, make_transformer
from engine.checkpoints.networks import Target as NetworkTarget
from engine.checkpoints.sentencepiece import tokenizer_from_sentencepiece
from engine.checkpoints.single_file import split_weights
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError, InvalidRequest
from tests.fuzz.target import Target
from tests.support import container_bytes as containers
from tests.support import rpp_samples
from tests.support.paths import TINY

_FOLDER = Path(tempfile.mkdtemp(prefix="acestep-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_READ = 4096  # samples that are read of a file


def _file(name: str, data: bytes) -> Path:
    path = _FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@contextlib.contextmanager
def _without_programs() -> Any:
    """ffmpeg is not what is looked at."""
    before, os.environ["PATH"] = os.environ.get("PATH", ""), ""
    try:
        yield
    finally:
        os.environ["PATH"] = before


def audio(data: bytes) -> None:
    """A file that may be audio: looked at, its start, its end and its recipe read."""
    path = _file("a.wav", data)
    read_carried(path)
    recipe = read_recipe(path)
    assert recipe is None or isinstance(recipe, dict)
    with _without_programs():
        info = files.probe(path)
        files.read_exact(info, 0, min(_READ, info.frames), range(min(2, info.channels)))
        files.read_exact(info, max(0, info.frames - 10), info.frames, range(min(2, info.channels)))


def _sounds() -> list[bytes]:
    sound = containers.sound(120)
    whole = (sound * 32767).astype("<i2").tobytes()
    made = [
        containers.wav(whole), containers.rf64(whole, len(whole)), containers.w64(whole, len(whole)),
        containers.aiff(whole, 120), containers.au(whole, len(whole)), containers.caf(whole, len(whole)),
        containers.id3() + containers.ape_tag(),
    ]  # fmt: skip
    return made + [containers.encoded(sound, form) for form in ("FLAC", "OGG", "MP3")]


def project(data: bytes) -> None:
    """A REAPER project: read, every item looked at, written as it was; keys of an ini file."""
    path = _file("a.RPP", data)
    found = Project.load(path)
    assert found.data == data
    for track in found.tracks:
        found.items(track)
    text = data.decode("utf-8", "surrogateescape")
    assert ini_text.get_key(ini_text.set_keys(text, {"oscfuzz": "1"}), "oscfuzz") == "1"


def _projects() -> list[bytes]:
    return [value.encode() for name, value in vars(rpp_samples).items() if name.isupper() and isinstance(value, str)]


def lua(data: bytes) -> None:
    """Ardour's list of scripts, and the order that its scripts write."""
    with contextlib.suppress(BadLua):
        for name, value in read(data).items():
            assert read(write(name, value)) == {name: value}
    with contextlib.suppress(InstallRefused):
        ui_scripts.slots_of(data)
        ui_scripts.slots_of(ui_scripts.without_scripts(data))
    with contextlib.suppress(InvalidRequest):
        spool = Spool(_file("a.request", data))
        spool.order().request(spool.request)


def _lua_texts() -> list[bytes]:
    order: dict[str, Any] = {
        "version": 1, "id": "a", "task": "inpaint", "name": "x", "sample_rate": 48000, "length": 4,
        "start": 1, "stop": 2, "pieces": [[{"kind": "silence", "count": 4}]], "fields": {"tags": "a"},
    }  # fmt: skip
    script = b'ardour { ["type"] = "EditorAction", name = "ACE-Step: a" }\nfunction factory () return print end'
    made = ui_scripts.with_scripts(None, [script], script, 8)[0]
    return [json.dumps(order).encode(), b'a={[1]="x\\10",b={}}\nc["d"]=-1.5\n', made]


def checkpoint(data: bytes) -> None:
    """The files of a checkpoint, by the first byte: weights, a LoRA, config.json, a tokenizer."""
    _CHECKPOINT_FILES[(data[0] if data else 0) % len(_CHECKPOINT_FILES)](data[1:])


def _weights(data: bytes) -> None:
    path = _file("a/a.safetensors", data)
    for look in (_tensors, read_header, shapes_of, read_lora, read_lora_15, is_ace_step_15):
        with contextlib.suppress(CheckpointError):
            look(path)  # type: ignore[operator]


def _tensors(path: Path) -> None:
    file = TensorFile(path)
    file.shapes(), file.metadata(), split_weights(file)


def _config(data: bytes) -> None:
    import torch

    target = NetworkTarget(dtype=torch.float32, device=torch.device("cpu"))
    part = Part(read_config(_file("a/config.json", data)), {}, "a")
    with contextlib.suppress(CheckpointError):
        make_transformer(part, target)
    make_autoencoder(part, part, target)


def _tokenizer(data: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        tokenizer_from_sentencepiece(data, "a")
    read_tokenizer(_file("a/tokenizer.json", data))


_CHECKPOINT_FILES: tuple[Callable[[bytes], None], ...] = (_weights, _config, _tokenizer)


def _safetensors(**tensors: tuple[int, ...]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"a": "b"}}
    at = 0
    for name, shape in tensors.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def _checkpoints() -> list[bytes]:
    lora = {"base_model.model.a.lora_A.weight": (2, 3), "base_model.model.a.lora_B.weight": (3, 2)}
    return [
        *(b"\1" + path.read_bytes() for path in sorted(TINY.glob("*/config.json"))),
        b"\0" + _safetensors(a=(2, 2)),
        b"\0" + _safetensors(**lora),
        b'\2{"version":"1.0","model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.0]]}}',
        b"\2\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a\x0a\x0a\x01a\x15\0\0\x80\xbf",
    ]


def kept_file(data: bytes) -> None:
    """The files that the product keeps and a person may edit, or another machine made: connection, keys, presets."""
    home = _FOLDER / "home"
    path = _file("home/connection.json", data)
    curve = home / "curve" / "clients"
    curve.mkdir(parents=True, exist_ok=True)
    presets, others = home / "presets" / "a.json", (home / "midi.json", home / MANIFEST)
    for name in (linked_path(home), curve / "a.public", curve / "a.rights", presets, *others):
        _file(str(name.relative_to(_FOLDER)), data)
    for read_it in _READERS:
        with contextlib.suppress(BridgeError, BadPreset, BadMap):
            read_it(home)
    (curve.parent / "own.secret").unlink(missing_ok=True)
    keep_connection(home, Connection(endpoints=Endpoints("a", "b"), key="c"))
    assert read_connection(path).key == "c"


def _pairs(home: Path) -> None:
    (home / "curve" / "own.secret").write_bytes((home / "midi.json").read_bytes())
    keys.own_pair(home)


def _running(home: Path) -> None:
    settings = GatewaySettings(home=home)
    _file(str(settings.running_path.relative_to(_FOLDER)), (home / "midi.json").read_bytes())
    read_running(settings)


_READERS: tuple[Callable[[Path], object], ...] = (
    lambda home: read_connection(connection_path(home)),
    lambda home: read_link_file(connection_path(home)),
    read_linked,
    keys.allowed,
    lambda home: keys.rights(home, "a"),
    _pairs,
    _running,
    lambda home: Presets(home / "presets").recall("a"),
    lambda home: MidiMap(home / "midi.json").reload(),
    lambda home: RegisteredFile(home / "midi.json").load(),
    lambda home: KeptTakes(home / "midi.json", Takes(), dict).load(),
    read_manifest,
)


def _kept_files() -> list[bytes]:
    connection: dict[str, Any] = {
        "version": 1,
        "endpoints": {"commands": "tcp://127.0.0.1:1", "events": "x"},
        "key": "a",
    }
    link = {**connection, "server_public": "x" * 40, "client": "laptop", "events_key": "b"}
    linked = {**link, "name": "a", "model": {"name": "nano"}, "own_public": "y"}
    binding = {"source": {"kind": "cc", "channel": 1, "number": 2}, "address": "/acestep/variance"}
    takes = {"jobs": {"a": {}}, "paths": [], "path": "", "original": "", "sources": []}
    values = [connection, link, linked, {"bindings": [binding]}, takes, {"saved": 9e9, "surfaces": [["a", 1]]}]
    return [*(json.dumps(value).encode() for value in values), b"x" * 40, b"unload controls"]


_CHUNKS = (b"RIFF", b"data", b"fmt ", b"LIST", b"bext", b"iXML", b"OggS", b"fLaC", b"ID3", b"TAG", b"\xff" * 4)
_PROJECT = (b"<ITEM\n", b">\n", b"TAKE", b"SOFFS ", b"PT ", b"NAME ", b"nan", b"1e400")
_LUA = (b"[1]=", b"={", b'"\\', b"base64")
_TENSORS = (b'"shape":', b'"dtype":"F32"', b'"data_offsets":', b"null", b"-1", b"1e999", b"[]", b".lora_A.weight")
_KEPT = (b"null", b'"version":', b'"key":', b"\\ud800", b"\xff")
FILE_TARGETS = (
    Target("audio", audio, (InvalidRequest,), _sounds, _CHUNKS),
    Target("rpp", project, (ProjectRefused,), _projects, _PROJECT),
    Target("lua", lua, (), _lua_texts, _LUA),
    Target("checkpoint", checkpoint, (CheckpointError,), _checkpoints, _TENSORS),
    Target("kept_file", kept_file, (), _kept_files, _KEPT),
)
