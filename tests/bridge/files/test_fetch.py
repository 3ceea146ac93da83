"""Audio by URL, from a real HTTP server on this machine: what is allowed, checked, limited and stored."""

from __future__ import annotations

import io
import ipaddress
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.files import Attached, AudioStore, fetch, locate
from bridge.files.fetch import UrlRules, allowed_urls, is_public
from bridge.protocol.errors import InvalidField
from engine.errors import InvalidRequest

ANY = UrlRules("any", seconds=120.0)


def wave() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full((4000, 2), 0.25), 44100, format="WAV", subtype="PCM_16")
    return file.getvalue()


WAVE = wave()


class Files(BaseHTTPRequestHandler):
    """A song under several kinds of behaviour. The server collects what it was asked."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        where = f"http://127.0.0.1:{self.server.server_address[1]}"
        name = self.path.split("?")[0].strip("/")
        plain = {"song": WAVE, "my%20song": WAVE, "page": b"<html>no music</html>", "empty": b""}
        if name in plain:
            self.say(200, plain[name], {"Content-Type": "text/html", "Content-Length": str(len(plain[name]))})
        elif name == "moved":
            self.say(302, b"", {"Location": "/song"})
        elif name == "loop":
            self.say(302, b"", {"Location": "/loop"})
        elif name == "inside":
            self.say(302, b"", {"Location": where.replace("127.0.0.1", "127.0.0.2") + "/song"})
        elif name == "to-file":
            self.say(302, b"", {"Location": "file:///etc/passwd"})
        elif name == "cut":
            self.say(200, WAVE[:5000], {"Content-Length": str(len(WAVE))})
        elif name == "endless":
            self.say(200, WAVE + bytes(3_000_000), {})
        elif name == "huge":
            self.say(200, WAVE, {"Content-Length": str(1 << 40)})
        elif name == "slow":
            self.say(200, WAVE[:100], {"Content-Length": str(len(WAVE))})
            self.drip(b"\0")
        elif name == "slow-headers":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            self.drip(b"X-Waiting: yes\r\n")
        else:
            self.say(404, b"", {})

    def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client has heard enough

    def drip(self, piece: bytes) -> None:
        try:
            for _ in range(60):
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(0.05)
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    made.asked = []  # type: ignore[attr-defined]
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    server.asked.clear()  # type: ignore[attr-defined]
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def store(tmp_path: Path) -> AudioStore:
    made = AudioStore(tmp_path / "audio")
    made.make_folders()
    return made


def refused(url: str, store: AudioStore, rules: UrlRules, **more: object) -> str:
    """The error's words; nothing may be left in the store."""
    with pytest.raises((InvalidField, InvalidRequest)) as caught:
        fetch.fetch(url, store, rules, **more)
    assert caught.value.field == "audio" and caught.value.remedy
    assert store.size() == (0, 0) and not list(store.making.iterdir())
    return str(caught.value)


@pytest.mark.parametrize("path", ["/song", "/my song", "/song?take=2&x=a b#t=3", "/moved"])
def test_a_song_is_fetched_whatever_the_server_calls_it(store: AudioStore, url: str, path: str) -> None:
    source = locate(url + path, store, Attached(), None, ANY)
    assert source.path.read_bytes() == WAVE and source.path.suffix == ".wav"
    assert source.sha256 == source.path.stem


def test_urls_are_off_unless_allowed(store: AudioStore, url: str, server: ThreadingHTTPServer) -> None:
    assert "serve --audio-urls public" in refused(f"{url}/song", store, UrlRules())
    assert server.asked == []  # type: ignore[attr-defined]


def test_private_addresses_need_a_word_of_their_own(store: AudioStore, url: str, server: ThreadingHTTPServer) -> None:
    for host in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
        assert "private" in refused(f"{host}/song", store, UrlRules("public"))
    assert server.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.1.2.3", False),
        ("192.168.1.9", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("64:ff9b::10.0.0.1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_every_address_of_a_name_is_checked(store: AudioStore) -> None:
    both = lambda host, port: ["93.184.215.14", "10.0.0.1"]  # noqa: E731
    assert "10.0.0.1" in refused("http://music.example/song", store, UrlRules("public"), resolve=both)


def test_the_connection_goes_to_the_checked_address(
    store: AudioStore, url: str, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address after the check (DNS rebinding) gains nothing: it is asked once."""
    monkeypatch.setattr(fetch, "is_public", lambda address: str(address) == "127.0.0.1")
    answers = iter(["127.0.0.1", "127.0.0.2"])
    named = url.replace("127.0.0.1", "rebinding.example")
    _, path = fetch.fetch(f"{named}/song", store, UrlRules("public"), lambda host, port: [next(answers)])
    assert path.read_bytes() == WAVE
    assert server.asked == [("/song", named.removeprefix("http://"))]  # type: ignore[attr-defined]


def test_each_redirect_is_checked_again(
    store: AudioStore, url: str, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "is_public", lambda address: str(address) == "127.0.0.1")
    assert "127.0.0.2 is private" in refused(f"{url}/inside", store, UrlRules("public"))
    assert "file:" in refused(f"{url}/to-file", store, UrlRules("public"))
    assert [path for path, _ in server.asked] == ["/inside", "/to-file"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/loop", "more than 5 redirects"),
        ("/missing", "answer 404"),
        ("/page", "not audio"),
        ("/empty", "empty"),
        ("/cut", "5000 bytes of"),
        ("/endless", "more than 2 MB"),
        ("/huge", "more than 2 MB"),
    ],
)
def test_what_is_no_whole_song_is_refused(store: AudioStore, url: str, path: str, words: str) -> None:
    assert words in refused(url + path, store, UrlRules("any", max_bytes=2_000_000, seconds=120.0))


@pytest.mark.parametrize("path", ["/slow", "/slow-headers"])
def test_a_server_that_drips_is_cut_off(store: AudioStore, url: str, path: str) -> None:
    assert "in time" in refused(url + path, store, UrlRules("any", seconds=0.4))


@pytest.mark.parametrize(
    "wrong", ["http://", "http://user:secret@127.0.0.1/a", "http://127.0.0.1:99999/a", "http://127.0.0.1:1/a"]
)
def test_urls_that_lead_nowhere(store: AudioStore, wrong: str) -> None:
    refused(wrong, store, ANY)


def test_the_setting_comes_from_the_environment() -> None:
    assert allowed_urls({}) == "off"
    assert allowed_urls({"ACESTEP_AUDIO_URLS": "Public"}) == "public"
    with pytest.raises(InvalidRequest, match="off, public, any"):
        allowed_urls({"ACESTEP_AUDIO_URLS": "yes"})
