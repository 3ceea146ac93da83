"""`python -m tests.examples`: runs the examples of README and docs, with the tiny checkpoint in place of a full model.

Commands run in the order of the pages, in one folder with a song, a project and a LoRA; what a page shows as output is
compared. Python examples run with nano, which they name. What is not run is listed with the reason.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import soundfile
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.client import Client
from bridge.system import player
from bridge.system.platform import here
from tests.support.cli_material import make_source, running_daemon
from tests.support.page_examples import Example, commands, python_blocks
from tests.support.paths import ROOT, TINY
from tests.support.rpp_files import item, song

NOT_RUN = {
    "serve": "runs until it is ended",
    "osc": "runs until it is ended",
    "gateway": "runs until it is ended",
    "studio": "opens a browser",
    "service": "changes this user's session",
    "reaper": "changes REAPER's folder",
    "ardour": "changes Ardour's folder",
    "midi": "waits for a device",
    "link": "needs another machine; tests/bridge/engine_process/test_linked.py has two",
    "keys": "the same",
    "models": "downloads gigabytes",
    "doctor": "its exit code tells of this machine",
    "--install-completion": "changes the shell's settings",
}
NEEDS_HUB = "owner/name"
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MORE = {"demo": ["--set", "number_of_steps=4"], "again": ["--model", str(TINY)]}  # a recipe has its model's name only
SECONDS = 12.0


def main() -> int:
    """Run all; the number of examples that failed is the exit status."""
    with _folder() as folder, running_daemon(folder / "home") as home:
        os.environ["ACESTEP_BRIDGE_HOME"] = str(home)
        wrong = [text for example in commands() if example.whole and (text := _ran(example, folder, home))]
        wrong += [text for page, source in python_blocks() if (text := _ran_python(page, source, folder))]
    print("\n".join(["", *wrong, f"{len(wrong)} example(s) failed." if wrong else "Every example works."]))
    return min(len(wrong), 100)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """What the examples name, in a folder in which they run."""
    with tempfile.TemporaryDirectory(prefix="acestep-examples-") as name:
        folder = Path(name)
        make_source(folder / "song.wav", seconds=SECONDS)
        song(folder, item(length=SECONDS, file="song.wav"), lines=("SELECTION 8 10",))
        shutil.copytree(ROOT / "tests" / "golden" / "tiny_lora", folder / "my-lora")
        presets = folder / "home" / "effects"
        presets.mkdir(parents=True)
        (presets / "warm.json").write_text('[{"name": "LowShelfFilter", "parameters": {"gain_db": 3.0}}]', "utf-8")
        (weights,) = (folder / "my-lora").glob("*.safetensors")
        shutil.copyfile(weights, folder / "other.safetensors")
        before = Path.cwd()
        os.chdir(folder)
        player.find_player = lambda *_: player.Player(("true",), lambda _: 0)  # type: ignore[assignment]
        try:
            yield folder
        finally:
            os.chdir(before)


def _ran(example: Example, folder: Path, home: Path) -> str:
    """Run a command; what is wrong, or nothing."""
    reason = NOT_RUN.get(example.words[0]) or ("asks the hub" if NEEDS_HUB in " ".join(example.words) else None)
    if reason:
        print(f"  --  {example.text}  ({reason})")
        return ""
    began = time.monotonic()
    words = [_newest_job(home) if word == "JOB" else word for word in example.words]
    done = CliRunner().invoke(app, [*words, *MORE.get(words[0], [])])
    problem = "" if done.exit_code == 0 else f"exit code {done.exit_code}: {done.stderr.strip()[-300:]}"
    problem = problem or _problem(example, words, done)
    print(f"{'ok' if not problem else 'BAD':>4}  {example.text}  ({time.monotonic() - began:.1f} s)", flush=True)
    return f"{example.text}\n    {problem}" if problem else ""


def _problem(example: Example, words: list[str], done) -> str:
    if example.output is not None and not doctest.OutputChecker().check_output(example.output, done.stdout, OUTPUT):
        return f"the page shows\n{example.output}    it printed\n{done.stdout}"
    out = words[words.index("-o") + 1] if "-o" in words else None
    if out == "-":
        return "" if done.stdout_bytes[:4] == b"RIFF" else "no WAV on standard output"
    if out is None or "--dry-run" in words:
        return ""
    if not Path(out).is_file():
        return f"{out} was not written"
    if out.endswith(".wav") and soundfile.info(out).frames == 0:
        return f"{out} is empty"
    return ""


def _newest_job(home: Path) -> str:
    with Client.connect(home) as client:
        return client.jobs("completed", 1).jobs[0].job_id


def _ran_python(page: str, source: str, folder: Path) -> str:
    """Run a Python example of the README in a process of its own, those behind it with what it made."""
    if page != "README.md":
        print(f"  --  {page}: Python  (needs what the page sets up; its names are checked by tests/test_examples.py)")
        return ""
    blocks = [block for other, block in python_blocks() if other == page]
    if source != blocks[-1]:
        return ""  # it is run with the last one
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(here().home)}
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], env=environment, capture_output=True, text=True)
    print(f"{'ok' if done.returncode == 0 else 'BAD':>4}  {page}: Python")
    return f"{page}: Python\n    {done.stderr.strip()[-600:]}" if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
