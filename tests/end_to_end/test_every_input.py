"""Each cell of the tables in docs/requests.md: task by form of input by file format, and task by output format.

From what a request says of its audio (`locate`, as the daemon does it) through the check before the queue to a render
of the tiny checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

import engine
from bridge.daemon.validate import check_source
from bridge.files import Attached, AudioStore, SourceFile, locate
from bridge.files.fetch import UrlRules
from engine.requests import fields_table, from_dict
from tests.support.cli_material import TINY
from tests.support.input_cells import ALL_TASKS, FORMS, INPUTS, OUTPUTS, SOURCE_TASKS, inputs_table, outputs_table
from tests.support.paths import DOCS

RATE, SECONDS = 16000, 0.6
DOCS = DOCS / "requests.md"
OWN = {
    "text-to-audio": {"tags": "x", "duration": 0.5},
    "prompt-to-audio": {"prompt": "slow house", "duration": 0.5},
    "retake": {"tags": "x", "duration": 0.5},
    "inpaint": {"tags": "x", "start_time": 0.2, "end_time": 0.4, "context_seconds": 0.1},
    "outpaint": {"tags": "x", "extend_after_duration": 0.2, "context_seconds": 0.2},
    "audio-to-audio": {"tags": "x", "original_tags": "y"},
}
LENGTHS = {"inpaint": 1.0, "outpaint": 1.0 + 0.2 / SECONDS, "audio-to-audio": 1.0}


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load(TINY, device="cpu")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Callable[[Path], SourceFile]]]:
    """For each form: a file handed in so."""
    folder = tmp_path_factory.mktemp("forms")
    store = AudioStore(folder / "store")
    store.make_folders()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory="/"))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found = partial(locate, store=store, attached=Attached(), roots=None, urls=UrlRules("any"))

    def as_bytes(path: Path) -> SourceFile:
        data = path.read_bytes()
        return found("buffer:0", attached=Attached([data], [hashlib.sha256(data).hexdigest()]))

    def as_result(path: Path) -> SourceFile:
        made = store.new_path(path.suffix)
        made.write_bytes(path.read_bytes())
        return found(f"sha256:{store.adopt(made)[0]}")

    yield {
        "path": lambda path: found(str(path)),
        "bytes": as_bytes,
        "data": lambda path: found("data:audio/x;base64," + base64.b64encode(path.read_bytes()).decode()),
        "upload": lambda path: found(f"sha256:{store.put(path.read_bytes(), path.suffix)[0]}"),
        "result": as_result,
        "url": lambda path: found(f"http://127.0.0.1:{server.server_port}{path}"),
    }
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same music in every format."""
    folder = tmp_path_factory.mktemp("sources")
    time = np.arange(round(SECONDS * RATE)) / RATE
    music = np.stack([0.3 * np.sin(2 * np.pi * f * time) for f in (220.0, 331.0)], axis=1)
    paths = {}
    for name, (container, subtype) in INPUTS.items():
        paths[name] = folder / f"{name.replace(' ', '-')}.{container.lower()}"
        soundfile.write(paths[name], music, RATE, format=container, subtype=subtype)
    return paths


def request(task: str, **fields: object) -> engine.Request:
    return from_dict({"task": task, "number_of_steps": 1, "seed": 1, **OWN[task], **fields})


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", SOURCE_TASKS)
def test_input(
    task: str,
    form: str,
    name: str,
    model: engine.Model,
    forms: dict[str, Callable[[Path], SourceFile]],
    sources: dict[str, Path],
) -> None:
    given = forms[form](sources[name])
    assert given.path.read_bytes() == sources[name].read_bytes()
    wanted = request(task, audio=str(given.path))
    check_source(wanted, given.path)
    made = model.render(wanted)
    frames = soundfile.info(sources[name]).frames
    lossy = name in ("mp3", "ogg")
    assert made.sample_rate == RATE and (lossy or made.audio.shape == (2, round(LENGTHS[task] * frames)))
    assert np.isfinite(made.audio).all() and np.abs(made.audio).max() > 0.01


@pytest.mark.parametrize("task", ALL_TASKS)
def test_outputs(task: str, model: engine.Model, sources: dict[str, Path], tmp_path: Path) -> None:
    """One render of a task, written in each format, at 48 kHz where the source is not."""
    audio = {"audio": str(sources["wav 24"])} if task in SOURCE_TASKS else {}
    for name, (fields, found) in OUTPUTS.items():
        made = model.render(request(task, **audio, **fields))
        path = made.write(tmp_path / f"{task}.{fields['format']}")
        info = soundfile.info(path)
        assert (info.format, info.subtype) == found, name
        assert info.samplerate == made.sample_rate == (RATE if audio else 48000)
        assert abs(info.frames - made.audio.shape[1]) < 3000 if found[0] in ("MP3", "OGG") else True
        assert found[0] in ("MP3", "OGG") or info.frames == made.audio.shape[1]


def test_the_docs_show_these_tables() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for table in (inputs_table(), outputs_table(), fields_table()):
        assert table in text, "run `python docs/make_requests.py`"
