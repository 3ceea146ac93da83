"""A small server that speaks as much of the Hugging Face hub's protocol as a download needs, and can cut a file off."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class Hub:
    """The files of one repository at one revision. `cut` maps a path to the bytes after which the line breaks once."""

    def __init__(self, repository: str, revision: str, folder: Path, extra: dict[str, bytes]) -> None:
        self.repository, self.revision = repository, revision
        self.files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        self.extra = extra
        self.asked = "main"  # the name under which the revision is known
        self.cut: dict[str, int] = {}
        self.broken = False
        self.breaks = True  # whether the server stays away after a cut
        self.knows_ranges = True
        self.ranges: list[tuple[str, str | None]] = []
        self.url = ""

    def tree(self) -> bytes:
        entries = []
        for path, content in self.files.items():
            digest = hashlib.sha256(content).hexdigest()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": blob}
            if path.endswith(".safetensors"):
                entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        return json.dumps(entries).encode()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            path = unquote(self.path.split("?")[0])
            prefix = f"/{hub.repository}/resolve/{hub.revision}/"
            if hub.broken:
                self.send_error(403)
            elif path == f"/api/models/{hub.repository}/tree/{hub.revision}":
                self.reply(hub.tree(), with_body)
            elif path == f"/api/models/{hub.repository}/revision/{hub.asked}":
                info = {"id": hub.repository, "sha": hub.revision, "tags": ["license:apache-2.0"], "siblings": []}
                self.reply(json.dumps(info).encode(), with_body)
            elif path.startswith(prefix) and path.removeprefix(prefix) in hub.files:
                self.file(path.removeprefix(prefix), with_body)
            elif path in hub.extra:
                self.reply(hub.extra[path], with_body)
            else:
                self.send_error(404)

        def reply(self, body: bytes, with_body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def file(self, name: str, with_body: bool) -> None:
            content, wanted = hub.files[name], self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and hub.knows_ranges else 0
            if with_body:
                hub.ranges.append((name, wanted))
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", hub.revision)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if with_body:
                self.send_content(name, content[start:])

        def send_content(self, name: str, content: bytes) -> None:
            end = hub.cut.pop(name, None)
            self.wfile.write(content[:end])
            if end is not None:
                hub.broken = hub.breaks
                self.wfile.flush()
                self.close_connection = True

    return Handler
