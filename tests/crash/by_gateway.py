"""A run in which the HTTP gateway is killed, in writes and at any moment: a call that it took is done, and once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import subprocess
import threading
import time
from typing import Any

from tests.crash.ending import expected_sine
from tests.crash.plan import Life
from tests.crash.run import Run
from tests.support.disk import on_disk
from tests.support.gateway import GatewayProcess

LOST = (OSError, http.client.HTTPException, json.JSONDecodeError, AssertionError)


class GatewayRun(Run):
    """A plan whose lives are those of the gateway; the daemon is left in peace."""

    def _carry_out(self) -> None:
        daemon = self._start(None)
        self._client_when_ready().close()
        asking = threading.Thread(target=self._call)
        self.calls: dict[str, int] = {}  # seed by the call's id
        self._gateway = GatewayProcess(self.home)
        self._port = 0
        try:
            self._begin_gateway(None)
            self._port = self._gateway.port
            asking.start()
            self._gateway.stop(kill=True)
            for life in self.plan.lives:
                self._live_gateway(life)
            self._begin_gateway(None)
            asking.join()
            for request_id, seed in self.calls.items():
                self._check(request_id, seed)
        finally:
            self.asking.stop.set()
            self._gateway.stop()
            daemon.terminate()
            daemon.wait(20.0)
        self.outcome.acknowledged = len(self.calls)
        if len(self.calls) < len(self.plan.asks):
            self.outcome.faults.append(f"{len(self.calls)} calls taken of {len(self.plan.asks)}")

    def _begin_gateway(self, life: Life | None) -> None:
        self._gateway.environment = on_disk(self.home, life.end if life else None)
        self._gateway.start(self._port)

    def _live_gateway(self, life: Life) -> None:
        with contextlib.suppress(AssertionError):  # it may end itself in its start
            self._begin_gateway(life)
        assert self._gateway.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._gateway.process.wait(life.seconds)
        self._gateway.stop(kill=True)
        self.outcome.kills += 1

    def _call(self) -> None:
        for ask in self.plan.asks:
            time.sleep(ask.pause)
            body = {"tags": ask.request["tags"], "duration": 0.5, "seed": ask.request["seed"]}
            while not self.asking.stop.is_set():
                with contextlib.suppress(*LOST):
                    self.calls[self._gateway.submit(body)["request_id"]] = ask.request["seed"]
                    break
                time.sleep(0.05)

    def _check(self, request_id: str, seed: int) -> None:
        limit, path = time.monotonic() + 60.0, f"/queue/fal-ai/ace-step/requests/{request_id}"
        while (state := self._gateway.call("GET", f"{path}/status").json).get("status") != "COMPLETED":
            if time.monotonic() > limit:
                return self.outcome.faults.append(f"call {request_id}: {state}")
            time.sleep(0.02)
        reply: Any = self._gateway.call("GET", path)
        audio = self._gateway.call("GET", reply.json["audio"]["url"]) if reply.status == 200 else reply
        if hashlib.sha256(audio.body).hexdigest() != expected_sine(seed, 0.5):
            self.outcome.faults.append(f"call {request_id}: {reply.status} {reply.body[:200]!r}, other audio")
