"""fal's own Python client, unmodified, synchronous and asynchronous: pointed here by one call, or by environment."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.support.gateway import APP, gateway_running, wave_bytes
from tests.support.paths import ROOT
from tests.support.patience import HANG_SECONDS

pytestmark = pytest.mark.skipif(importlib.util.find_spec("fal_client") is None, reason="fal-client is not installed")
LARGE_BYTES = 101 << 20


@pytest.fixture(scope="module")
def told(gateway, tmp_path_factory):
    """What the client saw, by scenario; tests/support/fal_peers.py does them one after the other."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "source.wav").write_bytes(wave_bytes())
    with open(folder / "large.wav", "wb") as file:
        file.write(wave_bytes())
        file.truncate(LARGE_BYTES)
    script = ROOT / "tests" / "support" / "fal_peers.py"
    words = [sys.executable, script, gateway.home, folder / "source.wav", folder / "large.wav"]
    environment = {**os.environ, "FAL_KEY": "of somebody else", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=HANG_SECONDS, env=environment
    )
    assert done.returncode == 0, done.stderr + gateway.log()
    return json.loads(done.stdout)


def test_it_subscribes_runs_and_uploads(told, gateway):
    assert told["url"] == gateway.url and told["run"]["audio"]["content_type"] == "audio/wav"
    subscribed = told["subscribed"]
    assert "/etc" not in subscribed["address"]
    assert gateway.call("GET", subscribed["address"], key="").body == wave_bytes()
    assert subscribed["made"]["audio"]["file_size"] == len(wave_bytes())
    kind, metrics, logs = subscribed["last"]
    assert kind == "Completed" and metrics["inference_time"] > 0 and logs


def test_handles_data_uris_cancelling_and_errors(told):
    handled = told["handled"]
    assert handled["made"]["audio"]["url"].startswith("http://127.0.0.1") and handled["status"] == "Completed"
    assert handled["cancelled"][0] == "FalClientHTTPError" and handled["cancelled"][2] == 499
    assert handled["invalid"][2] == 422 and "duration" in handled["invalid"][1]
    assert handled["late"][0] == "FalClientTimeoutError"


def test_a_large_file_goes_in_parts(told, gateway):
    some = gateway.call("GET", told["large"], key="", Range=f"bytes={LARGE_BYTES - 1}-{LARGE_BYTES - 1}")
    assert some.status == 206 and some.headers["Content-Range"].endswith(f"/{LARGE_BYTES}")


def test_the_asynchronous_client_follows_too(told):
    awaited = told["awaited"]
    assert awaited["remix"]["tags"] == "y" and awaited["states"][-1] == "Completed"
    assert awaited["waltz"]["tags"] == "a waltz"


def test_the_environment_alone_does_over_tls(home, gateway):
    """No line of code: the hosts in FAL_RUN_HOST and FAL_QUEUE_RUN_HOST, the authority in SSL_CERT_FILE."""
    gateway.stop()
    try:
        with gateway_running(home, "--tls") as over_tls:
            where = over_tls.url.removeprefix("https://")
            told = {"FAL_KEY": over_tls.key, "FAL_RUN_HOST": f"{where}/run", "FAL_QUEUE_RUN_HOST": f"{where}/queue"}
            told["SSL_CERT_FILE"] = str(home / "gateway" / "tls" / "bundle.pem")
            code = f"import fal_client; print(fal_client.subscribe('{APP}', {{'tags': 'x', 'duration': 1}})['seed'])"
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, **told},
                capture_output=True,
                text=True,
                timeout=HANG_SECONDS,
            )
            assert done.returncode == 0 and int(done.stdout) >= 0, done.stderr
    finally:
        gateway.start()
