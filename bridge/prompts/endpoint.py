"""Asks an OpenAI-compatible endpoint (Ollama, llama.cpp, LM Studio) for tags and lyrics. Knows no queue and no engine.

Nothing is sent anywhere unless the user names an endpoint: ACESTEP_PROMPT_URL (such as http://127.0.0.1:11434/v1),
ACESTEP_PROMPT_MODEL, and ACESTEP_PROMPT_KEY where it wants one.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.requests import PromptToAudio, Request, TextToAudio
from engine.tasks.prompt_to_audio import text_request
from engine.tasks.prompt_words import Written

MAX_ANSWER_BYTES = 1 << 20
MAX_TAGS, MAX_LYRICS = 500, 6000
SYSTEM = (
    "You write input for a music model. Answer with one JSON object and nothing else: "
    '{"tags": "comma-separated genre, mood, instruments, tempo in bpm, key", "lyrics": "words to sing"}. '
    "Lyrics have structure tags [verse], [chorus], [bridge] on lines of their own. "
    'For an instrumental, lyrics is "[inst]".'
)


class PromptError(Exception):
    """The endpoint did not answer, or not with tags. The message says what to do."""


@dataclass(frozen=True)
class Endpoint:
    """Where the language model answers: the base URL that ends in /v1, a model's name, a key if it wants one."""

    url: str
    model: str = "default"
    key: str = ""
    timeout_seconds: float = 120.0


def endpoint_from_environment(environment: Mapping[str, str]) -> Endpoint | None:
    """The endpoint that the user named, or None."""
    url = environment.get("ACESTEP_PROMPT_URL", "").strip()
    if not url:
        return None
    model = environment.get("ACESTEP_PROMPT_MODEL", "").strip() or "default"
    return Endpoint(url, model, environment.get("ACESTEP_PROMPT_KEY", ""))


def write_with_endpoint(endpoint: Endpoint, prompt: str, instrumental: bool) -> Written:
    """Tags and lyrics for a prompt. Raises PromptError."""
    wish = prompt + ("\nAn instrumental: nobody sings." if instrumental else "")
    answer = _answer(endpoint, _ask(endpoint, wish))
    tags, lyrics = _text(answer.get("tags")), _text(answer.get("lyrics"))
    if not tags:
        raise PromptError(f"{endpoint.url}: got {_short(answer)}, expected an object with tags. {_REMEDY}")
    lyrics = "[inst]" if instrumental or not lyrics else lyrics
    return Written(tags[:MAX_TAGS], lyrics[:MAX_LYRICS], (f"Tags chosen by {endpoint.model}: {tags[:MAX_TAGS]}.",))


def written_out(request: Request, environment: Mapping[str, str]) -> tuple[Request, tuple[str, ...]]:
    """What is rendered for a request, and what to tell the user: most requests are as they are."""
    write = WRITERS.get(type(request))
    return (request, ()) if write is None else write(request, environment)


def _text_to_audio(request: PromptToAudio, environment: Mapping[str, str]) -> tuple[TextToAudio, tuple[str, ...]]:
    """By the user's endpoint where there is one; where that fails, and without one, by known words of the prompt."""
    endpoint = endpoint_from_environment(environment)
    if endpoint is None:
        return text_request(request)
    try:
        written = write_with_endpoint(endpoint, request.prompt, request.instrumental is True)
    except PromptError as error:
        made, warnings = text_request(request)
        return made, (f"The language model was not used. {error}", *warnings)
    return text_request(request, written)


WRITERS: dict[type[Request], Callable[[Any, Mapping[str, str]], tuple[Request, tuple[str, ...]]]] = {
    PromptToAudio: _text_to_audio
}


_REMEDY = "Try another model, or text-to-audio with tags and lyrics of your own."


def _ask(endpoint: Endpoint, wish: str) -> dict[str, Any]:
    if not endpoint.url.startswith(("http://", "https://")):
        raise PromptError(f"{endpoint.url!r}: expected a URL such as http://127.0.0.1:11434/v1.")
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": wish}]
    body = json.dumps({"model": endpoint.model, "messages": messages, "stream": False}).encode()
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    )
    url = endpoint.url.rstrip("/") + "/chat/completions"
    try:
        request = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(request, timeout=endpoint.timeout_seconds) as reply:
            data = reply.read(MAX_ANSWER_BYTES + 1)
    except urllib.error.HTTPError as error:
        detail = error.read(300).decode("utf-8", "replace")
        raise PromptError(f"{url} refused: {error.code} {error.reason}. {detail}") from error
    except TimeoutError as error:
        raise PromptError(
            f"{url} did not answer within {endpoint.timeout_seconds:g} s. Is the model loaded?"
        ) from error
    except (OSError, ValueError) as error:
        raise PromptError(f"{url} cannot be reached: {error}. Is it running?") from error
    if len(data) > MAX_ANSWER_BYTES:
        raise PromptError(f"{url} answered with more than {MAX_ANSWER_BYTES} bytes. {_REMEDY}")
    return _object(endpoint, data)


def _object(endpoint: Endpoint, data: bytes | str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{endpoint.url}: got {_short(data)}, expected JSON. {_REMEDY}") from error
    if not isinstance(value, dict):
        raise PromptError(f"{endpoint.url}: got {_short(value)}, expected a JSON object. {_REMEDY}")
    return value


def _answer(endpoint: Endpoint, reply: dict[str, Any]) -> dict[str, Any]:
    """The object in the model's message; models like to wrap it in a code fence or in friendly words."""
    try:
        text = reply["choices"][0]["message"]["content"]
        start, end = text.index("{"), text.rindex("}") + 1
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PromptError(
            f"{endpoint.url}: got {_short(reply)}, expected tags and lyrics as JSON. {_REMEDY}"
        ) from error
    return _object(endpoint, text[start:end])


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    return value.strip() if isinstance(value, str) else ""


def _short(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return repr(text if len(text) <= 120 else text[:117] + "...")
