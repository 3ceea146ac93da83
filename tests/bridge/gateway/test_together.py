"""The head of an answer and its body are written at once; a head whose body takes longer is not kept back."""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.gateway.patience import TogetherTransport


class Written:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True


def test_head_and_body_go_out_as_one_write_in_order():
    async def answers() -> list[list[bytes]]:
        seen = []
        for steps in ([b"HTTP/1.1 200", b"body", b"more"], [b"HTTP/1.1 204"], [b"HTTP/1.1 200", None, b"body"]):
            transport: Any = Written()
            together = TogetherTransport(transport, asyncio.get_running_loop())
            for step in steps:
                if step is None:
                    await asyncio.sleep(0.05)
                else:
                    together.write(step)
            together.close()
            assert transport.closed
            seen.append(transport.writes)
        return seen

    whole, head_alone, slow = asyncio.run(answers())
    assert whole == [b"HTTP/1.1 200body", b"more"]
    assert head_alone == [b"HTTP/1.1 204"] and slow == [b"HTTP/1.1 200", b"body"]
