"""A daemon whose timing the tests decide: real sockets and frames, real checks of requests, noise for music.

`hold` keeps jobs running until it is cleared; `fail` makes the next ones fail. The end-to-end test
uses the real daemon; this one is for what a real one cannot be made to do at the right moment.
"""

from __future__ import annotations

import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile
import zmq

from bridge.protocol import frames
from bridge.protocol.home import Connection, Endpoints, make_home, write_connection
from engine.errors import InvalidRequest
from engine.requests.json_objects import from_dict
from tests.support import renderers

KEY = "5a" * 32
VERSION = version("acestep-bridge")


class StandInDaemon:
    """Serves in a thread from `start` to `stop`; `jobs` holds every job by id."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.seen: list[str] = []
        self.controls: dict[str, Any] = {}
        self.hold = False
        self.serving = False
        self.fail = ""
        self.version = VERSION
        self._by_request_id: dict[str, str] = {}
        self._pending: list[tuple[bytes, frames.Message]] = []

    def start(self) -> StandInDaemon:
        """Listens on a new port and writes the connection file."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._pending = []
        make_home(self.home)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 100)  # PING is answered in every test
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 5000)
        self._socket.setsockopt(zmq.LINGER, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"
        connection = Connection(version=1, endpoints=Endpoints(endpoint, endpoint), key=KEY, pid=1, started=time.time())
        write_connection(self.home, connection)
        self._thread.start()
        self.serving = True
        return self

    def stop(self) -> None:
        """As kill -9: the connection file stays."""
        self.serving = False
        self._stop.set()
        self._thread.join(5)
        self._socket.close()
        self._context.term()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(20):
                identity, *rest = self._socket.recv_multipart()
                self._handle(identity, frames.unpack(KEY, rest))
            if not self.hold:
                for job_id in list(self.jobs):
                    self._finish(job_id)
            waiting, self._pending = self._pending, []
            for identity, message in waiting:
                self._wait(identity, message)

    def _reply(self, identity: bytes, message: frames.Message, content: dict[str, Any], op: str = "") -> None:
        header = frames.new_header(op or message.header.op, message.header.id)
        self._socket.send_multipart([identity, *frames.pack(KEY, header, content)])

    def _handle(self, identity: bytes, message: frames.Message) -> None:
        self.seen.append(message.header.op)
        operation = getattr(self, "_" + message.header.op)
        operation(identity, message)

    def _submit(self, identity: bytes, message: frames.Message) -> None:
        content = message.content
        known = self._by_request_id.get(content["request_id"])
        if known:
            self._reply(identity, message, self.jobs[known])
            return
        try:
            from_dict(content["request"])
        except InvalidRequest as error:
            text = {"code": "invalid_request", "message": str(error)}
            self._reply(identity, message, text, "error")
            return
        job_id = f"job-{len(self.jobs) + 1}"
        self._by_request_id[content["request_id"]] = job_id
        self.requests[job_id] = content["request"]
        self.jobs[job_id] = {
            "job_id": job_id, "task": content["request"]["task"], "state": "running", "sequence": 1, "stage": "denoise",
            "step": 3, "steps": 27, "remaining_seconds": 2.0, "client_data": content["client_data"], "error": None,
        }  # fmt: skip
        self._reply(identity, message, self.jobs[job_id])

    def _hello(self, identity: bytes, message: frames.Message) -> None:
        self._reply(identity, message, {"server": "stand-in", "package_version": self.version, "protocol_version": 1})

    def _controls(self, identity: bytes, message: frames.Message) -> None:
        self.controls.update(message.content.get("values", {}))
        self._reply(identity, message, {"values": self.controls, "sequence": 1})

    def _status(self, identity: bytes, message: frames.Message) -> None:
        self._reply(identity, message, self.jobs[message.content["job_id"]])

    def _list(self, identity: bytes, message: frames.Message) -> None:
        self._reply(identity, message, {"jobs": list(self.jobs.values())[::-1], "total": len(self.jobs)})

    def _wait(self, identity: bytes, message: frames.Message) -> None:
        job = self.jobs[message.content["job_id"]]
        if job["state"] == "running" and job["sequence"] <= message.content["after_sequence"]:
            self._pending.append((identity, message))
        else:
            self._reply(identity, message, job)

    def _logs(self, identity: bytes, message: frames.Message) -> None:
        lines = [{"number": 1, "time": 0.0, "level": "error", "text": f"log of {message.content['job_id']}"}]
        self._reply(identity, message, {"lines": lines, "next": 1})

    def _cancel(self, identity: bytes, message: frames.Message) -> None:
        job = self.jobs[message.content["job_id"]]
        if job["state"] == "running":
            job.update(state="cancelled", sequence=job["sequence"] + 1)
        self._reply(identity, message, job)

    def _result(self, identity: bytes, message: frames.Message) -> None:
        job_id = message.content["job_id"]
        entries = [self._entry(job_id, v) for v in range(self.requests[job_id].get("variations", 1))]
        self._reply(identity, message, {"job_id": job_id, "results": entries, "timings": {}, "warnings": []})

    def _finish(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job["state"] != "running":
            return
        state = "failed" if self.fail else "completed"
        error = {"code": "internal", "message": self.fail} if self.fail else None
        job.update(state=state, sequence=job["sequence"] + 1, error=error)

    def _entry(self, job_id: str, variation: int) -> dict[str, Any]:
        request = self.requests[job_id]
        path, offset = renderers.render(request, len(self.seen) + variation, self.home / "audio")
        rate = soundfile.info(str(path)).samplerate
        audio = {"path": str(path), "file_name": path.name, "sample_rate": rate}
        made = {**{k: v for k, v in request.items() if k != "audio"}, "seed": 7 + variation}
        return {
            "variation": variation, "candidate": 0, "chosen": True, "seed": 7 + variation,
            "tags": request.get("tags", ""), "report": {"offset": offset}, "audio": audio,
            "model": {"name": "noise", "description": "noise"},
            "recipe": {"recipe": 1, "model": {"name": "noise"}, "request": made},
        }  # fmt: skip
