"""Everything that reads what others wrote, fed anything: `python -m tests.fuzz [TARGET...] [--minutes M]`.

Each target is fed for that long (0.05 minutes each unless told otherwise), its kept inputs first; with `short` all of
them for a second each, in one process. With atheris
(`pip install atheris`; libFuzzer) coverage leads the way, else Hypothesis changes the kept inputs by chance. An error
that is none of the documented ones, more than 10 s or more than 2 GB end a target: the input is kept as
tests/fuzz/corpus/TARGET/finding-*, where the suite replays it. `--keep` adds what reached new code to that folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.target import CORPUS
from tests.support.paths import ROOT

WORK = ROOT / ".fuzz"  # what coverage has led to, on this machine
PEERS = ("zmtp", "scripts_line", "messages", "contents", "osc", "http_input")
NAMES = (*PEERS, "audio", "rpp", "lua", "checkpoint", "kept_file")
SHORT = "short"
SECONDS_OF_ONE, MOST_MEGABYTES, MOST_BYTES = 10, 2048, 1 << 16
KEPT_BYTES, KEPT_FILES = 1024, 12


def main(arguments: list[str] | None = None) -> int:
    """Every target, or those named; 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], SHORT, *NAMES], metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--minutes", type=float, default=0.05, help="a target")
    parser.add_argument("--keep", action="store_true", help="add inputs that reached new code to the corpus")
    given = parser.parse_args(arguments)
    if given.targets == [SHORT]:
        return subprocess.run([sys.executable, "-m", "tests.fuzz.one", SHORT], cwd=ROOT).returncode
    found = [name for name in given.targets or NAMES if not _run(name, 60 * given.minutes, given.keep)]
    print(f"Found something: {', '.join(found)}." if found else "Nothing was found.", flush=True)
    return 1 if found else 0


def _run(name: str, seconds: float, keep: bool) -> bool:
    """One target in a process of its own; whether nothing was found."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        before = _findings(name)
        words = [sys.executable, "-m", "tests.fuzz.one", name, str(seconds), folder]
        log = Path(folder, "log")
        with log.open("wb") as stream:
            status = subprocess.run(words, cwd=ROOT, stdout=stream, stderr=stream).returncode
        text = log.read_text("utf-8", "replace")
        for path in (*Path(folder).glob("timeout-*"), *Path(folder).glob("oom-*"), *Path(folder).glob("crash-*")):
            kept = CORPUS / name / f"finding-{path.name.partition('-')[2][:12]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(path.read_bytes())
    fine = status == 0 and _findings(name) == before
    print(f"{name:13}{'ok' if fine else 'FOUND'}  {time.monotonic() - begun:6.0f} s  {_figures(text)}", flush=True)
    if not fine:
        print(text[-3000:], flush=True)
    if keep:
        keep_new(name)
    return fine


def _findings(name: str) -> set[str]:
    return {path.name for path in (CORPUS / name).glob("finding-*")}


def _figures(text: str) -> str:
    """The last line that tells how many inputs were tried."""
    lines = [line for line in text.splitlines() if line.startswith(("Done ", "#"))]
    return " ".join(lines[-1].split()) if lines else ""


def keep_new(name: str) -> None:
    """Take over small inputs of this machine's runs, each of which reached new code when it was found."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    small = [path for path in (WORK / name).glob("*") if path.stat().st_size <= KEPT_BYTES]
    small.sort(key=lambda path: path.stat().st_size)
    room = max(0, KEPT_FILES - sum(1 for _ in folder.glob("input-*")))
    for path in small[:: max(1, len(small) // max(1, room))][:room]:
        (folder / f"input-{path.name[:12]}").write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
