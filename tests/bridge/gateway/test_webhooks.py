"""Webhooks: received by a server of the test's own, verified by the published key, through a restart in the middle."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.daemons import running
from tests.support.gateway import APP, gateway_running
from tests.support.renderers import NOISE

cryptography = pytest.importorskip("cryptography")


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what is posted; answers with `answers`, one after the other, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.came = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?a=b%20c"

    def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.got) >= count, 30)
            return list(self.got)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.came:
            self.server.got.append((dict(self.headers), body))
            code = self.server.answers.pop(0) if self.server.answers else 200
            self.server.came.notify_all()
        self.send_response(code)
        if code == 302:
            self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def verify(headers: dict[str, str], body: bytes, key_set: dict) -> str:
    """The request id of a webhook whose signature is right and fresh. Raises InvalidSignature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    given = {name.lower(): value for name, value in headers.items()}
    names = ("request-id", "user-id", "timestamp")
    parts = [given[f"x-fal-webhook-{name}"] for name in names]
    assert abs(time.time() - int(parts[2])) < 300
    told = "\n".join([*parts, hashlib.sha256(body).hexdigest()]).encode()
    (key,) = key_set["keys"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    public.verify(bytes.fromhex(given["x-fal-webhook-signature"]), told)
    return parts[0]


def test_a_webhook_is_delivered_signed_and_outlives_restarts(tmp_path):
    """The first attempt meets a 500; the gateway is killed; the next one brings it. And one whose job waited longer."""
    home = tmp_path / "home"
    with receiving() as receiver, running(home, renderer=NOISE), gateway_running(home) as gateway:
        receiver.answers = [500]
        query = f"?fal_webhook={receiver.url.replace('&', '%26')}"
        first = gateway.submit({"tags": "x", "duration": 1}, query=query)
        keys = gateway.call("GET", "/.well-known/jwks.json", key="").json
        (headers, body), *_ = receiver.wait_for(1)
        assert verify(headers, body, keys) == first["request_id"]
        slow = gateway.submit({"tags": "steps=20 step_seconds=0.05", "duration": 1}, query=query)
        time.sleep(0.2)
        gateway.stop(kill=True)
        gateway.start()
        assert gateway.call("GET", "/.well-known/jwks.json", key="").json == keys
        got = receiver.wait_for(3)
        ids = [verify(headers, body, keys) for headers, body in got]
        assert sorted(ids) == sorted([first["request_id"]] * 2 + [slow["request_id"]])
        told = json.loads(got[0][1])
        assert (told["status"], told["error"], told["payload"]["audio"]["content_type"]) == ("OK", None, "audio/wav")
        assert got[0][1] == next(body for (_, body), name in zip(got[1:], ids[1:], strict=True) if name == ids[0])


def test_a_failed_job_is_told_too(gateway):
    with receiving() as receiver:
        gateway.submit({"tags": "fail", "duration": 1}, query=f"?fal_webhook={receiver.url}")
        ((_, body),) = receiver.wait_for(1)
        told = json.loads(body)
    assert (told["status"], told["error"]) == ("ERROR", "Invalid status code: 500")
    assert told["payload"]["detail"][0]["type"] == "internal_server_error"


def test_a_redirect_is_not_followed(gateway):
    with receiving() as receiver:
        receiver.answers = [302]
        call = gateway.submit({"tags": "x", "duration": 1}, query=f"?fal_webhook={receiver.url}")
        gateway.finished(call)
        receiver.wait_for(1)
        time.sleep(0.3)
        assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://0.0.0.0:1/",
        "http://user:secret@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "no url",
        "http://127.0.0.1:99999/",
    ],
)
def test_other_targets_are_refused_before_anything_is_queued(gateway, url):
    answer = gateway.call("POST", f"/queue/{APP}?fal_webhook={url.replace(' ', '%20')}", {"tags": "x", "duration": 1})
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["query", "fal_webhook"]


def test_the_plan_gives_ten_retries_within_two_hours():
    from bridge.gateway.gateway_settings import RETRY_SECONDS

    assert len(RETRY_SECONDS) == 10 and sum(RETRY_SECONDS) + 11 * 15 <= 7200
