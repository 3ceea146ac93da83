"""Prompts written out by a language model behind a real HTTP server in this process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bridge.prompts import Endpoint, PromptError, endpoint_from_environment, write_with_endpoint, written_out
from engine.requests import PromptToAudio
from engine.tasks.prompt_to_audio import text_request

SONG = {"tags": "pop, 100 bpm, piano", "lyrics": "[verse]\nRain again"}


@contextmanager
def served(
    answer: Any, status: int = 200, seconds: float = 0.0, timeout: float = 120.0
) -> Iterator[tuple[Endpoint, list[dict[str, Any]]]]:
    """An endpoint that gives one answer; what it was asked is collected."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            time.sleep(seconds)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except ConnectionError:
                pass  # the client gave up: that is the test

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "tiny", "secret", timeout_seconds=timeout), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chat(content: str) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content}}]}


@pytest.mark.parametrize(
    "content",
    [json.dumps(SONG), f"Sure! Here you are:\n```json\n{json.dumps(SONG)}\n```", json.dumps({**SONG, "mood": "x"})],
)
def test_tags_and_lyrics_come_from_the_model(content):
    with served(chat(content)) as (endpoint, asked):
        written = write_with_endpoint(endpoint, "a song about rain", instrumental=False)
    assert (written.tags, written.lyrics) == (SONG["tags"], SONG["lyrics"])
    assert SONG["tags"] in written.warnings[0]
    assert asked[0]["path"] == "/v1/chat/completions"
    assert asked[0]["key"] == "Bearer secret"
    assert asked[0]["messages"][-1]["content"] == "a song about rain"


def test_an_instrumental_is_not_sung_whatever_the_model_writes():
    with served(chat(json.dumps(SONG))) as (endpoint, _):
        assert write_with_endpoint(endpoint, "rain", instrumental=True).lyrics == "[inst]"


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (b"<html>", 200, "expected JSON"),
        ([1], 200, "expected a JSON object"),
        ({"choices": []}, 200, "expected tags and lyrics"),
        (chat("I cannot help with that."), 200, "expected tags and lyrics"),
        (chat('{"lyrics": "la"}'), 200, "expected an object with tags"),
        (chat("{broken}"), 200, "expected JSON"),
        ({"error": "model not found"}, 404, "404"),
        ({"error": "busy"}, 503, "503"),
        (b"x" * (1 << 21), 200, "more than"),
    ],
)
def test_bad_answers_are_said(answer, status, message):
    with served(answer, status) as (endpoint, _), pytest.raises(PromptError, match=message):
        write_with_endpoint(endpoint, "rain", instrumental=False)


def test_a_slow_endpoint_times_out():
    with (
        served(chat(json.dumps(SONG)), seconds=1.0, timeout=0.5) as (endpoint, _),
        pytest.raises(PromptError, match=r"within 0\.5 s"),
    ):
        write_with_endpoint(endpoint, "rain", instrumental=False)


def test_an_absent_endpoint_is_said():
    with pytest.raises(PromptError, match="cannot be reached"):
        write_with_endpoint(Endpoint("http://127.0.0.1:9/v1", timeout_seconds=2), "rain", instrumental=False)
    with pytest.raises(PromptError, match="expected a URL"):
        write_with_endpoint(Endpoint("file:///etc/passwd"), "rain", instrumental=False)


def test_no_endpoint_unless_the_user_names_one():
    assert endpoint_from_environment({}) is None
    named = endpoint_from_environment({"ACESTEP_PROMPT_URL": "http://127.0.0.1:11434/v1", "ACESTEP_PROMPT_MODEL": "m"})
    assert named == Endpoint("http://127.0.0.1:11434/v1", "m")


def test_a_prompt_becomes_a_text_request_with_its_settings():
    prompt = PromptToAudio(prompt="dreamy techno, 130 bpm", duration=12, seed=5, variations=2)
    request, said = text_request(prompt)
    assert (request.tags, request.lyrics) == ("techno, dreamy, 130 bpm", "[inst]")
    assert (request.duration, request.seed, request.variations) == (12, 5, 2)
    assert any("instrumental" in line for line in said)


def test_a_named_endpoint_writes_the_request_and_its_failure_falls_back_to_known_words():
    prompt = PromptToAudio(prompt="techno about rain", seed=3)
    with served(chat(json.dumps(SONG))) as (endpoint, _):
        request, said = written_out(prompt, {"ACESTEP_PROMPT_URL": endpoint.url})
        assert (request.tags, request.lyrics, request.seed) == (SONG["tags"], SONG["lyrics"], 3)
        assert SONG["tags"] in said[0]
    with served({"error": "busy"}, 503) as (endpoint, _):
        request, said = written_out(prompt, {"ACESTEP_PROMPT_URL": endpoint.url})
        assert request.tags == "techno"
        assert "503" in said[0]
    assert written_out(prompt, {})[0].tags == "techno"
