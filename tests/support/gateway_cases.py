"""Cases made by chance from the gateway's own OpenAPI document, by schemathesis: no answer may be a 5xx
but the 504 of a job that was not started in the time that its caller allowed.

    python -m tests.support.gateway_cases [--cases 5000] [--seed 1]

schemathesis is a program of an environment of its own, on PATH or named in ACESTEP_SCHEMATHESIS: its pytest plugin
disturbs other tests where it is installed beside them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.daemons import running
from tests.support.gateway import GatewayProcess, gateway_running
from tests.support.renderers import BRIEF

CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance,ignored_auth"

SETTINGS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "504"]  # 504: a start in time was asked for and missed, as the public API says it
"""


def program() -> str | None:
    """Where schemathesis is; None where it is not."""
    return os.environ.get("ACESTEP_SCHEMATHESIS") or shutil.which("schemathesis")


def run_cases(gateway: GatewayProcess, examples: int, folder: Path, seed: int = 1) -> tuple[int, int, str]:
    """Exit code, number of cases, and what was said, for this many examples an operation."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    words = [str(program()), "run", f"{gateway.url}/openapi.json", "--phases", "examples,fuzzing", "-w", "4"]
    words += ["-H", f"Authorization: Key {gateway.key}", "-c", CHECKS, "-n", str(examples), "--seed", str(seed)]
    words += ["--request-timeout", "30", "--suppress-health-check", "all", "--no-color"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    text = done.stdout + done.stderr
    found = re.search(r"(\d+) generated", text)
    return done.returncode, int(found[1]) if found else 0, text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1, help="of the first part; each part has the next")
    given = parser.parse_args()
    wanted = given.cases
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with running(home, renderer=BRIEF), gateway_running(home) as gateway:
            count, seed = 0, given.seed - 1
            while count < wanted:  # in parts: schemathesis keeps what it has seen in memory
                seed += 1
                code, more, text = run_cases(gateway, 80, Path(folder), seed)
                count += more
                print(f"{count} cases, seed {seed}, exit code {code}", flush=True)
                if code != 0:
                    print(text[-6000:])
                    return code
            return 0


if __name__ == "__main__":
    sys.exit(main())
