"""`python -m tests.sc_recipe`: the SuperCollider recipe of docs/osc.md in sclang itself, at a controller of our own.

Every line of the page is run as it stands, with the file and the port of this run put in. The controller hears the
values, a job begins, and its result reaches the recipe's own OSCdef: the buffer that it reads is stood in for by a line
that says the path, since no audio server runs. Skipped with a reason, and exit code 0, where sclang is missing.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.osc import MemoryDaemon, running, until
from tests.support.paths import DOCS
from tests.support.printed import printed_by

SECONDS = 90.0  # sclang compiles its library first
READ = re.compile(r"Buffer\.read\(s, msg\[1\]\.asString, action: \{ \|b\| ~take = b \}\)")


def recipe() -> list[str]:
    """The lines of the page."""
    text = (DOCS / "osc.md").read_text("utf-8")
    block = re.search(r"^```supercollider\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].splitlines()


def program(lines: list[str], port: int, source: Path) -> str:
    """The recipe with this run's port and file; it says which file its OSCdef was given."""
    text = "\n".join(lines)
    assert '"/home/me/loop.wav"' in text and "9725" in text and READ.search(text)
    told = READ.sub('("take: " ++ msg[1].asString).postln', text)
    told = told.replace("9725", str(port)).replace("/home/me/loop.wav", str(source))
    words = 'OSCdef(\\words, { |msg| ("status: " ++ msg[1].asString).postln }, "/acestep/status");'
    return f'{words}\n{told}\n"recipe done".postln;\n'


async def play(folder: Path, lines: list[str]) -> list[str]:
    """What sclang printed; raises AssertionError where a value did not reach the controller."""
    source = folder / "loop.wav"
    source.write_bytes(b"RIFF")
    daemon = MemoryDaemon(folder)
    async with running(daemon, folder) as controller:
        script = folder / "recipe.scd"
        script.write_text(program(lines, controller.port, source))
        environment = os.environ | {
            "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
        }  # fmt: skip
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = await asyncio.create_subprocess_exec("sclang", str(script), env=environment, **pipes)
        assert process.stdout is not None
        async with printed_by(process, process.stdout) as printed:
            await until(lambda: daemon.requests or any("ERROR" in line for line in printed), SECONDS)
            assert not [line for line in printed if "ERROR" in line], printed
            (request,) = daemon.requests
            expected = {"task": "inpaint", "audio": str(source), "start_time": 0.0, "end_time": 4.0}
            assert expected | {"tags": "house, 124 bpm, drums"} == request
            daemon.advance("job1", state="completed")
            await until(lambda: f"take: {folder / 'job1.wav'}" in printed, SECONDS)
            await until(lambda: "status: inpaint: done" in printed, SECONDS)
    return printed


def main() -> int:
    if shutil.which("sclang") is None:
        print("skipped: no sclang here (Debian: apt-get install --no-install-recommends supercollider-language)")
        return 0
    lines = recipe()
    with tempfile.TemporaryDirectory() as folder:
        printed = asyncio.run(play(Path(folder), lines))
    heard = [line for line in printed if line.startswith(("take:", "status:"))]
    print(f"ok: {len(lines)} lines of the recipe run by sclang and taken, {len(heard)} messages of ours heard in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
