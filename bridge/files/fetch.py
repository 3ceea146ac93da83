"""Audio from a URL into the store, where the user allowed that. Knows HTTP and addresses, no job.

A name is resolved first, the addresses are checked, and the connection goes to the checked address: a name that
resolves to something else a moment later changes nothing. Each redirect is checked as the first URL was. Size and time
are limited, proxies of the environment are not used, and what came is audio if it can be opened as audio, whatever
the server calls it.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge.files.store import AudioStore, suffix_of
from bridge.protocol.errors import RequestFailed, refused
from engine.atomic import sync
from engine.errors import InvalidRequest

OFF, PUBLIC, ANY = CHOICES = ("off", "public", "any")
VARIABLE = "ACESTEP_AUDIO_URLS"
_CHUNK_BYTES = 1 << 18
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class UrlRules:
    """What may be fetched: `allowed` is off, public (addresses of the open internet) or any; limits for each file."""

    allowed: str = OFF
    max_bytes: int = 1 << 30
    seconds: float = 50.0
    redirects: int = 5


@dataclass(frozen=True)
class CheckedUrl:
    """A checked URL: where to connect, and what to ask for."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


def allowed_urls(environment: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """What ACESTEP_AUDIO_URLS says; off where it says nothing. Raises InvalidRequest."""
    given = environment.get(VARIABLE, "").strip().lower() or OFF
    if given not in CHOICES:
        raise InvalidRequest(
            VARIABLE, repr(given), "one of " + ", ".join(CHOICES), "Set it to one of these, or unset it."
        )
    return given


def fetch(url: str, store: AudioStore, rules: UrlRules, resolve: Resolve | None = None) -> tuple[str, Path]:
    """Load the audio behind a URL into the store: its SHA-256 and file. Raises InvalidField; OSError of the disk."""
    if rules.allowed == OFF:
        remedy = f"Download it and name the file, or allow URLs: acestep-bridge serve --audio-urls public ({VARIABLE})."
        raise _refused("a URL, which this daemon does not fetch", remedy)
    limit = time.monotonic() + rules.seconds
    for _ in range(rules.redirects + 1):
        target = check_url(url, rules, resolve or _resolve)
        with _answer(target, limit) as reply:
            if reply.status not in _REDIRECTS:
                return _store(reply, target, store, rules, limit)
            url = _next_url(url, reply.headers.get("Location"))
    raise _refused(f"more than {rules.redirects} redirects", "Name the address of the file itself.")


def check_url(url: str, rules: UrlRules, resolve: Resolve) -> CheckedUrl:
    """A URL's target with every address checked. Raises InvalidField."""
    target, addresses = _resolved(url, resolve, "audio")
    for address in addresses:
        if rules.allowed != ANY and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            remedy = "Name a public address, or allow this one: acestep-bridge serve --audio-urls any."
            raise _refused(f"{target.host}, whose address {address} is private", remedy)
    return target


def target_of(url: str, field: str, resolve: Resolve | None = None) -> CheckedUrl:
    """Where a URL leads, by its first address; the caller says whether that is allowed. Raises InvalidField."""
    return _resolved(url, resolve or _resolve, field)[0]


def _resolved(url: str, resolve: Resolve, field: str) -> tuple[CheckedUrl, list[str]]:
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError, UnicodeError) as error:
        raise _refused(f"the URL {url[:80]!r}", "Write http://... or https://... with a host.", field) from error
    if not host or parts.username is not None:
        remedy = "Give a URL with a host and without user name or password."
        raise _refused(f"the URL {url[:80]!r}", remedy, field)
    try:
        addresses = resolve(host, port)
    except OSError as error:
        remedy = "Check the name and the network."
        raise _refused(f"{host}, which cannot be found ({error})", remedy, field) from error
    query = f"?{parts.query}" if parts.query else ""
    path = urllib.parse.quote((parts.path or "/") + query, safe="/%:@!$&'()*+,;=~?")
    return CheckedUrl(parts.scheme, host, port, addresses[0], path), addresses


def send_to(target: CheckedUrl, body: bytes, headers: dict[str, str], seconds: float) -> int:
    """POST to a checked target; the answer's status code. Redirects are not followed. Raises RequestFailed."""
    sent_headers = {"User-Agent": "acestep-bridge", **headers}
    with _answer(target, time.monotonic() + seconds, "POST", body, sent_headers) as reply:
        return reply.status


def is_public(address: Address) -> bool:
    """Whether an address is of the open internet, and so is the IPv4 address that an IPv6 one may wrap."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(inner is not None and not is_public(inner) for inner in wrapped):
            return False
    return address.is_global and not address.is_multicast


def _resolve(host: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class _Plain(http.client.HTTPConnection):
    """Connects to the checked address; the name is only said."""

    def __init__(self, target: CheckedUrl, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=seconds)
        self._address = target.address

    def connect(self) -> None:
        self.sock = self.line = socket.create_connection((self._address, self.port), self.timeout)


class _Encrypted(http.client.HTTPSConnection):
    """The same over TLS: the certificate must be the name's."""

    def __init__(self, target: CheckedUrl, seconds: float) -> None:
        self._own = ssl.create_default_context()
        super().__init__(target.host, target.port, timeout=seconds, context=self._own)
        self._address = target.address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self.line = self._own.wrap_socket(plain, server_hostname=self.host)


@contextmanager
def _answer(
    target: CheckedUrl,
    limit: float,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """The server's answer, headers read. At the time limit the line is cut, however slowly bytes drip."""
    seconds = max(0.01, limit - time.monotonic())
    connection = (_Encrypted if target.scheme == "https" else _Plain)(target, seconds)
    clock = threading.Timer(seconds, _cut, (connection,))
    clock.daemon = True
    clock.start()
    reply = None
    try:
        usual = {"Accept-Encoding": "identity", "User-Agent": "acestep-bridge"}
        connection.request(method, target.path, body, headers or usual)
        reply = connection.getresponse()
        yield reply
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # of the disk
        late = time.monotonic() >= limit - 0.001
        reason = "did not give it in time" if late else f"does not answer ({error or type(error).__name__})"
        raise _refused(f"{target.host}, which {reason}", "Download it yourself and name the file.") from error
    finally:
        clock.cancel()
        if reply is not None:
            reply.close()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    line: socket.socket | None = getattr(connection, "line", None)  # the answer takes `sock` away
    if line is not None:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _next_url(url: str, location: str | None) -> str:
    if not location:
        raise _refused("a redirect to nowhere", "Name the address of the file itself.")
    following = urllib.parse.urljoin(url, location)
    if url.startswith("https:") and not following.startswith("https:"):
        raise _refused("a redirect from https to http", "Name the address of the file itself.")
    return following


def _store(
    reply: http.client.HTTPResponse, target: CheckedUrl, store: AudioStore, rules: UrlRules, limit: float
) -> tuple[str, Path]:
    from engine.audio.files import probe

    if reply.status != 200:
        raise _refused(f"{target.host}'s answer {reply.status} {reply.reason}", "Check the URL in a browser.")
    if time.monotonic() >= limit:
        raise TimeoutError
    path = store.new_path(".download")
    try:
        size = _write(reply, path, target, rules, limit)
        if reply.length not in (None, 0):
            raise _refused(f"{size} bytes of {size + (reply.length or 0)}", "The line broke: try again.")
        with open(path, "rb") as file:
            named = path.with_suffix(suffix_of(file.read(64)))
        path = path.rename(named)
        probe(path)
        return store.adopt(path)
    except InvalidRequest as error:
        got = error.got.replace(path.name, f"what came from {target.host}")
        raise InvalidRequest(error.field, got, error.expected, error.remedy) from error
    finally:
        path.unlink(missing_ok=True)


def _write(reply: http.client.HTTPResponse, path: Path, target: CheckedUrl, rules: UrlRules, limit: float) -> int:
    """Write what comes, synced; gives the bytes."""
    size = 0
    too_much = f"a file of more than {rules.max_bytes / 1e6:.0f} MB from {target.host}"
    with open(path, "xb") as file:
        if (reply.length or 0) > rules.max_bytes:
            raise _refused(too_much, "Download it yourself and name the file.")
        while chunk := reply.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > rules.max_bytes:
                raise _refused(too_much, "Download it yourself and name the file.")
            file.write(chunk)
        if time.monotonic() >= limit:
            raise TimeoutError
        file.flush()
        sync(file.fileno())
    return size


def _refused(got: str, remedy: str, field: str = "audio") -> RequestFailed:
    expected = "audio that may be fetched" if field == "audio" else "a URL that may be called"
    return refused("invalid_request", field, got, expected, remedy)
