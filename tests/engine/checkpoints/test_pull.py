"""Pulling a model from a real HTTP server that speaks the hub's protocol: cut off, resumed, checked."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import urllib.error
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from engine.checkpoints import pull as pulling
from engine.checkpoints import registry
from engine.checkpoints.ace_step_15.load import load_networks as load_15
from engine.checkpoints.hub import Repository, reason_of, unreachable
from engine.checkpoints.load import load_networks
from engine.errors import CheckpointError
from tests.support.golden15_runs import OURS
from tests.support.hub_server import Hub, serving
from tests.support.layouts15 import make_original
from tests.support.networks_material import TINY

VOCABULARY = b'{"model": {"vocab": {}}}'
WEIGHTS = "ace_step_transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def hub() -> Iterator[Hub]:
    entry = next(e for e in registry.entries() if e.name == "ace-step-v1")
    with serving(Hub(entry.repository or "", entry.revision or "", TINY, {"/vocab.json": VOCABULARY})) as server:
        yield server


def sources(hub: Hub) -> pulling.Sources:
    return pulling.Sources(hub.url, f"{hub.url}/vocab.json", hashlib.sha256(VOCABULARY).hexdigest())


def test_pull_gives_a_model_that_loads(hub: Hub, tmp_path: Path) -> None:
    reports: list[pulling.PullProgress] = []
    folder = pulling.pull("ace-step-v1", tmp_path, reports.append, sources(hub))
    assert folder == tmp_path / "models" / "ace-step-v1"
    assert load_networks(folder).lyric_vocab == folder / "lyric_vocab.json"
    assert reports[-1].done_bytes == reports[-1].total_bytes == sum(len(c) for c in hub.files.values())
    assert pulling.verify_folder(folder, sources(hub).vocabulary_sha256) == []
    assert registry.resolve("ace-step-v1", tmp_path).installed


def test_cut_off_and_resumed(hub: Hub, tmp_path: Path) -> None:
    """The line breaks in the middle of the weights; the next pull asks for the rest only."""
    half = len(hub.files[WEIGHTS]) // 2
    hub.cut[WEIGHTS] = half
    with pytest.raises(CheckpointError, match="models pull ace-step-v1` goes on from there"):
        pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    hub.broken, hub.ranges = False, []
    folder = pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    assert (WEIGHTS, f"bytes={half}-") in hub.ranges
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_line_that_breaks_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.cut[WEIGHTS], hub.breaks = 1000, False
    folder = pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    assert (WEIGHTS, "bytes=1000-") in hub.ranges
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_server_without_ranges_starts_anew(hub: Hub, tmp_path: Path) -> None:
    hub.cut[WEIGHTS], hub.breaks, hub.knows_ranges = 1000, False, False
    folder = pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_what_is_whole_is_not_loaded_again(hub: Hub, tmp_path: Path) -> None:
    pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    hub.ranges = []
    pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    assert hub.ranges == []
    assert not list(tmp_path.rglob("*.part"))


def test_verify_names_what_is_damaged(hub: Hub, tmp_path: Path) -> None:
    folder = pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    (folder / "music_vocoder" / "config.json").unlink()
    config = folder / "umt5-base" / "config.json"
    config.write_bytes(config.read_bytes().replace(b"32", b"33", 1))
    problems = "\n".join(pulling.verify("ace-step-v1", tmp_path))
    assert f"{WEIGHTS} has hash" in problems
    assert "music_vocoder/config.json is missing" in problems
    assert "umt5-base/config.json has hash" in problems
    assert "lyric vocabulary" in problems  # this one is not the released one


def test_a_wrong_vocabulary_is_refused(hub: Hub, tmp_path: Path) -> None:
    wrong = pulling.Sources(hub.url, f"{hub.url}/vocab.json")
    with pytest.raises(CheckpointError, match=r"SHA-256.*c2a66ea48c47"):
        pulling.pull("ace-step-v1", tmp_path, None, wrong)
    assert not (tmp_path / "models" / "ace-step-v1" / "lyric_vocab.json").exists()


def test_the_disk_is_asked_first(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=1_000_000))
    with pytest.raises(CheckpointError, match=r"0\.0 GB free, 0\.2 GB needed.*ACESTEP_BRIDGE_HOME"):
        pulling.pull("ace-step-v1", tmp_path, None, sources(hub))
    assert hub.ranges == []


def test_no_network_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    hub.broken = True
    with pytest.raises(CheckpointError, match="Without a network, copy the folder"):
        pulling.pull("ace-step-v1", tmp_path, None, sources(hub))


def test_names_without_a_repository_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nano is part of the package; its files are in .*nano"):
        pulling.pull("nano", tmp_path)
    with pytest.raises(CheckpointError, match=r"got 'gpt', expected one of ace-step-v1"):
        pulling.pull("gpt", tmp_path)


def _failed(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("https://hub.invalid/api?x=1", status, "Request ID: Root=1-68", Message(), None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_failed(404), "no such repository, revision or file. Check the spelling"),
        (_failed(403), "Accept the licence on its page"),
        (_failed(429), "Wait some minutes"),
        (_failed(503), "out of order (status 503)"),
        (urllib.error.URLError("[Errno -2] Name or service not known"), "no connection to the hub. Check the network"),
        (TimeoutError(), "no connection to the hub. Check the network"),
        (OfflineModeIsEnabled("Cannot reach https://hub.invalid: offline mode"), "HF_HUB_OFFLINE is set. Unset it"),
    ],
)
def test_why_the_hub_gave_nothing_is_said_in_our_words(error: Exception, said: str) -> None:
    text = reason_of(error)
    assert said in text
    assert not re.search("https?:|Request ID|Errno", text)


def test_a_full_disk_is_no_fault_of_the_network(tmp_path: Path) -> None:
    repository = Repository("a/b", "main", tmp_path, "acestep-bridge models pull b")
    text = str(unreachable(repository, OSError(errno.ENOSPC, "No space left on device")))
    assert text == f"{tmp_path}: the disk is full. Make room; `acestep-bridge models pull b` goes on then."


@pytest.fixture
def hub15(tmp_path: Path) -> Iterator[Hub]:
    """The main repository of ACE-Step 1.5, with Python files and a language model that nobody asked for."""
    folder = make_original(OURS / "tiny_checkpoint" / "turbo", tmp_path / "made")
    main = tmp_path / "main"
    shutil.copytree(folder, main / "acestep-v15-turbo", ignore=shutil.ignore_patterns("vae", "Qwen3*"))
    for shared in ("vae", "Qwen3-Embedding-0.6B"):
        shutil.move(folder / shared, main / shared)
    (main / "acestep-5Hz-lm-1.7B").mkdir()
    (main / "acestep-5Hz-lm-1.7B" / "model.safetensors").write_bytes(b"large")
    with serving(Hub("ACE-Step/Ace-Step1.5", "0123abcd" * 5, main, {})) as server:
        yield server


def test_pull_of_ace_step_15(hub15: Hub, tmp_path: Path) -> None:
    """Text encoder and autoencoder once for all models; no Python, no language model; the commit of the first pull."""
    home, reports = tmp_path / "home", []
    folder = pulling.pull("ace-step-1.5", home, reports.append, pulling.Sources(hub15.url))
    models = home / "models"
    assert folder == models / "ace-step-1.5" and registry.resolve("ace-step-1.5", home).installed
    assert load_15(folder).config.is_turbo
    assert reports[-1].done_bytes == reports[-1].total_bytes
    names = {path.name for path in models.rglob("*") if path.is_file()}
    assert not any(name.endswith(".py") for name in names)
    assert not list(models.rglob("*5Hz*"))
    assert pulling.verify("ace-step-1.5", home) == []
    (models / "ace-step-1.5-shared" / "vae" / "config.json").write_text("{}")
    assert "ace-step-1.5-shared: vae/config.json has 2 bytes" in pulling.verify("ace-step-1.5", home)[0]
    with pytest.raises(CheckpointError, match="base: not found"):
        registry.resolve("ace-step-1.5-base", home)


def test_a_pull_goes_on_at_the_commit_where_it_began(hub15: Hub, tmp_path: Path) -> None:
    home, weights = tmp_path / "home", "acestep-v15-turbo/model.safetensors"
    hub15.cut[weights] = 1000
    with pytest.raises(CheckpointError, match=r"models pull ace-step-1\.5` goes on from there"):
        pulling.pull("ace-step-1.5", home, None, pulling.Sources(hub15.url))
    hub15.broken, hub15.asked = False, "moved"  # the repository's main branch is another commit now
    folder = pulling.pull("ace-step-1.5", home, None, pulling.Sources(hub15.url))
    assert (folder / weights).read_bytes() == hub15.files[weights]
