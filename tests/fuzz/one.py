"""One target in this process: `python -m tests.fuzz.one TARGET SECONDS FOLDER`. Ends with 0 if nothing was found."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import sys
import time
from pathlib import Path

from tests.fuzz.__main__ import MOST_BYTES, MOST_MEGABYTES, SECONDS_OF_ONE, SHORT, WORK
from tests.fuzz.target import Target
from tests.support.paths import ROOT

sys.path.insert(0, str(ROOT / "reaper_scripts"))
OURS = ["bridge", "engine", "acestep_reaper", "pythonosc", "rpp"]


def targets() -> dict[str, Target]:
    """Every target by its name."""
    from tests.fuzz.file_targets import FILE_TARGETS
    from tests.fuzz.wire_targets import WIRE_TARGETS

    return {target.name: target for target in (*WIRE_TARGETS, *FILE_TARGETS)}


def main(name: str, how: str = "1", folder: str = "") -> int:
    """Fuzz one target, or each for a second; 0 if nothing was found."""
    if name == SHORT:
        for target in targets().values():
            print(f"{target.name:13}", end=" ", flush=True)
            _by_hypothesis(target, float(how))
        return 0
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        return _by_hypothesis(targets()[name], float(how))
    with atheris.instrument_imports(include=OURS):
        target = targets()[name]
    _by_atheris(atheris, target, float(how), folder)
    return 0


def _by_atheris(atheris: object, target: Target, seconds: float, folder: str) -> None:
    """libFuzzer ends the process: with 0 if nothing was found."""
    seeds, work = Path(folder, "seeds"), WORK / target.name
    for made in (seeds, work, target.folder):
        made.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (seeds / hashlib.sha1(data).hexdigest()).write_bytes(data)
    words = Path(folder, "words")
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words))
    options = [
        f"-timeout={SECONDS_OF_ONE}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-max_len={MOST_BYTES}",
        f"-dict={words}",
    ]
    options += [f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    options += [f"-max_total_time={max(1, round(seconds))}", str(work), str(target.folder), str(seeds)]
    atheris.Setup([sys.argv[0], *options], functools.partial(_checked, target))  # type: ignore[attr-defined]
    atheris.Fuzz()  # type: ignore[attr-defined]


def _checked(target: Target, data: bytes) -> None:
    """Feed it; what must not come out is kept with its input."""
    try:
        target.check(data)
    except Exception:
        target.folder.mkdir(parents=True, exist_ok=True)
        (target.folder / f"finding-{hashlib.sha1(data).hexdigest()[:12]}").write_bytes(data)
        raise


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _by_hypothesis(target: Target, seconds: float) -> int:
    """Inputs changed by chance until the time is over; what fails is kept."""
    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.changed import changed

    until, tried = time.monotonic() + seconds, 0

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(changed(target))
    def run(data: bytes) -> None:
        nonlocal tried
        tried += 1
        if time.monotonic() < until:
            _checked(target, data)

    while time.monotonic() < until:
        run()
    print(f"Done {tried} inputs", flush=True)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(*sys.argv[1:4]))
