"""Webhooks: where they may go, how they are signed, and when they are tried again. Knows calls' ids, no job.

Targets are this machine and hosts that the user named; the connection goes to the address that was checked, and
redirects are not followed. Each attempt is signed afresh, since receivers check its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Sequence

import msgspec

from bridge.files.fetch import CheckedUrl, send_to, target_of
from bridge.gateway.inputs import BadInput, problem
from bridge.gateway.ledger import DeliveryRow, Ledger
from bridge.gateway.secret_files import USER_ID, Secrets
from bridge.protocol.errors import BridgeError

ATTEMPT_SECONDS = 15.0
REMEDY = "Name this machine, or let the gateway call that host: acestep-bridge gateway --webhook-host HOST."


def check_target(url: str, hosts: Sequence[str]) -> CheckedUrl:
    """The checked target of a webhook: loopback, or a named host. Raises RequestFailed."""
    target = target_of(url, "fal_webhook")
    named = target.host in {host.lower() for host in hosts}
    if not named and not ipaddress.ip_address(target.address.partition("%")[0]).is_loopback:
        text = f"fal_webhook: got {target.host}, expected this machine or a host that was named. {REMEDY}"
        raise BadInput([problem(["query", "fal_webhook"], text, "value_error", input=url[:200])])
    return target


def check_webhook(url: str, hosts: Sequence[str]) -> None:
    """Raises BadInput for a webhook that will not be called."""
    try:
        check_target(url, hosts)
    except BridgeError as error:
        raise BadInput([problem(["query", "fal_webhook"], str(error), "url_parsing", input=url[:200])]) from error


class Postman:
    """Delivers what the ledger holds as pending, one task a webhook, and writes down how it went."""

    def __init__(self, ledger: Ledger, secrets: Secrets, hosts: Sequence[str], plan: Sequence[float]) -> None:
        self._ledger, self._secrets, self._hosts, self._plan = ledger, secrets, hosts, plan
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Go on with what was on its way; after a restart each is tried at once."""
        for row in self._ledger.deliveries("pending"):
            self._begin(msgspec.structs.replace(row, next_attempt=0.0))

    def deliver(self, row: DeliveryRow) -> None:
        """Keep a new webhook and send it."""
        self._ledger.keep(row)
        self._begin(row)

    def _begin(self, row: DeliveryRow) -> None:
        task = asyncio.create_task(self._deliver(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End the tasks; the ledger keeps what is pending."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, row: DeliveryRow) -> None:
        while row.state == "pending":
            await asyncio.sleep(max(0.0, row.next_attempt - time.time()))
            answer = await self._attempt(row)
            row = self._after(row, answer)
            self._ledger.keep(row)

    async def _attempt(self, row: DeliveryRow) -> str:
        """The answer's status code, or why there is none."""
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Fal-Webhook-Request-Id": row.request_id,
            "X-Fal-Webhook-User-Id": USER_ID,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": self._secrets.signature(row.request_id, timestamp, row.body),
        }
        try:
            return str(await asyncio.to_thread(self._post, row, headers))
        except (BridgeError, BadInput, OSError) as error:
            return str(error)[:200]

    def _post(self, row: DeliveryRow, headers: dict[str, str]) -> int:
        target = check_target(row.url, self._hosts)
        return send_to(target, row.body, headers, ATTEMPT_SECONDS)

    def _after(self, row: DeliveryRow, answer: str) -> DeliveryRow:
        """The row after an attempt: 2xx is delivered; else the next time of the plan, or given up."""
        attempts = row.attempts + 1
        delivery = msgspec.structs.replace(row, attempts=attempts, last_answer=answer)
        if answer.isdigit() and 200 <= int(answer) < 300:
            return msgspec.structs.replace(delivery, state="delivered")
        if attempts > len(self._plan):
            return msgspec.structs.replace(delivery, state="given_up")
        return msgspec.structs.replace(delivery, next_attempt=time.time() + self._plan[attempts - 1])


def webhook_body(request_id: str, code: int, payload: object) -> bytes:
    """The JSON of a webhook for an output or an error body, ASCII only."""
    import json

    failed = code != 200
    body = {
        "request_id": request_id,
        "gateway_request_id": request_id,
        "status": "ERROR" if failed else "OK",
        "error": f"Invalid status code: {code}" if failed else None,
        "payload": payload,
    }
    with contextlib.suppress(ValueError):
        return json.dumps(body, allow_nan=False).encode("ascii")
    return json.dumps(body | {"payload": None, "payload_error": "The output is no JSON."}).encode("ascii")
