"""`python -m tests.pd_recipe`: the Pure Data recipe of docs/osc.md in Pure Data itself, at a controller of our own.

A patch is made of the recipe's lines, run without a window, and bangs each of them; the controller hears the values,
and what it sends back comes out of `[oscparse]` in Pd. Skipped with a reason, and exit code 0, where Pd is missing.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.osc import MemoryDaemon, running, until
from tests.support.paths import DOCS
from tests.support.printed import printed_by

LINE = re.compile(r"^\[(?P<values>[^(]*)\( -> \[oscformat (?P<names>[a-z_ ]+)\]$", re.MULTILINE)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def recipe() -> list[tuple[str, str]]:
    """(values, names) of each line of the page."""
    text = (DOCS / "osc.md").read_text("utf-8")
    block = re.search(r"^```pd\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    return [(match["values"], match["names"]) for match in LINE.finditer(block[1])]


def patch(lines: list[tuple[str, str]], port: int, own_port: int) -> str:
    """A patch: on load it connects, then bangs each message 100 ms after the one before."""
    objects = ["#X obj 10 10 netsend -u -b;", "#X obj 10 40 loadbang;", f"#X msg 10 70 connect 127.0.0.1 {port};",
               f"#X obj 10 100 netreceive -u -b {own_port};", "#X obj 10 130 oscparse;", "#X obj 10 160 print heard;",
               "#X obj 10 190 list prepend send;", "#X obj 10 220 list trim;"]  # fmt: skip
    wires = [(1, 0, 2, 0), (2, 0, 0, 0), (3, 0, 4, 0), (4, 0, 5, 0), (6, 0, 7, 0), (7, 0, 0, 0)]
    for number, (values, names) in enumerate(lines):
        first = len(objects)
        told = str(own_port) if names == "acestep register" else values
        objects += [f"#X obj 200 10 delay {100 * (number + 1)};", f"#X msg 200 40 {told};",
                    f"#X obj 200 70 oscformat {names};"]  # fmt: skip
        wires += [(1, 0, first, 0), (first, 0, first + 1, 0), (first + 1, 0, first + 2, 0), (first + 2, 0, 6, 0)]
    joined = "\n".join([*objects, *(f"#X connect {' '.join(map(str, wire))};" for wire in wires)])
    return f"#N canvas 0 0 600 400 12;\n{joined}\n"


async def play(folder: Path, lines: list[tuple[str, str]]) -> list[str]:
    """What Pd printed; raises AssertionError where a value did not reach the controller."""
    source = folder / "loop.wav"
    source.write_bytes(b"RIFF")
    daemon = MemoryDaemon(folder, {"source": str(source), "tags": "house"})
    async with running(daemon, folder) as controller:
        (folder / "recipe.pd").write_text(patch(lines, controller.port, free_port()))
        words = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-open", str(folder / "recipe.pd")]
        process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stderr is not None
        async with printed_by(process, process.stderr) as printed:
            await until(lambda: daemon.requests and any("variance 0.4" in line for line in printed), 30)
            assert controller.controls.values["variance"] == 0.4
            assert controller.controls.values["region/bars"] == [5, 4]
            assert daemon.requests[0]["task"] == "inpaint"
    return printed


def main() -> int:
    if shutil.which("pd") is None:
        print("skipped: no pd here (Debian: apt-get install puredata-core)")
        return 0
    lines = recipe()
    with tempfile.TemporaryDirectory() as folder:
        printed = asyncio.run(play(Path(folder), lines))
    heard = [line for line in printed if line.startswith("heard:")]
    print(f"ok: {len(lines)} lines of the recipe sent by Pd and taken, {len(heard)} messages of ours heard in Pd")
    return 0


if __name__ == "__main__":
    sys.exit(main())
