"""fal's own JavaScript clients, unmodified: @fal-ai/client, @fal-ai/serverless-client, @fal-ai/server-proxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.support.gateway import node_modules, wave_bytes
from tests.support.paths import ROOT
from tests.support.patience import HANG_SECONDS

WHY_NOT = "" if shutil.which("node") and node_modules() else "node or fal's clients are absent: see .ci/run"
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture(scope="module")
def told(gateway, tmp_path_factory):
    """What the clients saw, by scenario; tests/support/fal_peers.mjs does them one after the other."""
    wave = tmp_path_factory.mktemp("js") / "source.wav"
    wave.write_bytes(wave_bytes())
    words = ["node", str(ROOT / "tests" / "support" / "fal_peers.mjs"), gateway.url, gateway.key, str(wave)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=HANG_SECONDS, env=dict(os.environ))
    assert done.returncode == 0, done.stderr + gateway.log()
    return json.loads(done.stdout.splitlines()[-1])


def is_output(data) -> bool:
    audio = data["audio"]
    return audio["content_type"] == "audio/wav" and audio["file_size"] > 44 and {"seed", "tags", "lyrics"} <= set(data)


def test_the_documentations_example_runs(told, gateway):
    made = told["documented"]
    assert is_output(made["data"]) and made["requestId"]
    assert made["data"]["tags"] == "lofi, hiphop, drum and bass, trap, chill"
    assert made["updates"][-1] == "COMPLETED"
    audio = gateway.call("GET", made["data"]["audio"]["url"], key="")
    assert audio.body[:4] == b"RIFF" and len(audio.body) == made["data"]["audio"]["file_size"]


def test_a_streamed_status_holds_each_log_line_once(told):
    assert is_output(told["streamed"]["data"])
    assert told["streamed"]["updates"][-1] == "COMPLETED"
    assert told["streamed"]["logs"] == list(dict.fromkeys(told["streamed"]["logs"])) != []


def test_all_endpoints_give_an_output(told):
    assert all(is_output(told[name]) for name in ("run", "remix", "outpaint"))
    assert told["run"]["tags"] == "a calm waltz"
    assert told["outpaint"]["audio"]["samples"] == 2 * told["remix"]["audio"]["samples"]


def test_the_queue_is_followed_step_by_step(told):
    submitted = told["queue"]["submitted"]
    assert submitted["status"] == "IN_QUEUE" and submitted["queue_position"] == 0
    assert told["queue"]["first"]["status"] in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    assert is_output(told["queue"]["result"]["data"])
    assert told["queue"]["result"]["requestId"] == submitted["request_id"]


def test_a_cancelled_call_is_completed_with_an_error(told):
    status = told["cancelled"]["status"]
    assert (status["status"], status["error_type"]) == ("COMPLETED", "client_cancelled")
    assert told["cancelled"]["result"]["status"] == 499
    assert told["cancelled"]["again"]["body"] == {"status": "ALREADY_COMPLETED"}


def test_errors_arrive_as_the_clients_own(told):
    assert told["invalid"]["isValidation"] and told["invalid"]["fields"] == 1
    assert told["invalid"]["body"]["detail"][0]["type"] == "greater_than_equal"
    assert told["missing"]["body"]["detail"][0]["loc"] == ["body", "audio_url"]
    assert told["unknown"]["status"] == 404 and told["wrongKey"]["status"] == 401


def test_files_are_uploaded_whole_and_in_parts(told):
    storage = told["storage"]
    assert (storage["type"], storage["range"], storage["first"]) == ("audio/wav", 206, "RIFF")
    assert storage["size"] == len(wave_bytes())
    assert told["multipart"]["size"] == len(wave_bytes()) + 91 * 1024 * 1024


def test_a_call_that_is_not_started_in_time_fails_for_good(told):
    assert told["startTimeout"]["status"] == 504 and told["startTimeout"]["timeoutType"] == "user"


def test_every_way_of_configuration_works(told):
    assert all(is_output(told[name]) for name in ("middleware", "proxied"))
    assert is_output(told["old"]["done"])
