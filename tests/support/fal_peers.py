"""fal's own Python client, unmodified, pointed at a gateway by one call. One JSON document on standard output.

python fal_peers.py HOME WAVE LARGE
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import fal_client as fal

from bridge.gateway.fal import use_gateway

APP = "fal-ai/ace-step"
SLOW = {"tags": "steps=200 step_seconds=0.1", "duration": 1}


def failure(call: Any, *words: Any, **named: Any) -> list[Any]:
    """What a call raises: its type, its message, and for an answer its status."""
    try:
        call(*words, **named)
    except Exception as error:
        return [type(error).__name__, str(error), getattr(error, "status_code", None)]
    return []


def subscribed(wave: Path) -> dict[str, Any]:
    updates: list[Any] = []
    address = fal.upload(wave.read_bytes(), "audio/wav", "../../etc/pass wd.wav")
    source = {"audio_url": address, "tags": "lofi", "start_time": 0.2, "end_time": 0.7}
    made = fal.subscribe(f"{APP}/audio-inpaint", source, with_logs=True, on_queue_update=updates.append)
    last = updates[-1]
    return {"address": address, "made": made, "last": [type(last).__name__, last.metrics, last.logs]}


def handled(wave: Path) -> dict[str, Any]:
    source = {"audio_url": fal.encode_file(str(wave)), "tags": "x"}
    handle = fal.submit(f"{APP}/audio-outpaint", source, priority="low")
    made = handle.get()
    long = fal.submit(APP, SLOW)
    long.cancel()
    return {
        "made": made,
        "status": type(fal.status(APP, handle.request_id)).__name__,
        "cancelled": failure(long.get),
        "invalid": failure(fal.run, APP, {"tags": "x", "duration": 9999}),
        "late": failure(fal.subscribe, APP, SLOW, client_timeout=1.2),
    }


async def awaited(wave: Path) -> dict[str, Any]:
    client = fal.AsyncClient()
    address = await client.upload(wave.read_bytes(), "audio/wav", "a.wav")
    words = {"audio_url": address, "original_tags": "x", "tags": "y"}
    made = await client.subscribe(f"{APP}/audio-to-audio", words, with_logs=True)
    handle = await client.submit(f"{APP}/prompt-to-audio", {"prompt": "a waltz", "duration": 1})
    states = [type(state).__name__ async for state in handle.iter_events(with_logs=True)]
    return {"remix": made, "states": states, "waltz": await handle.get()}


def main(home: Path, wave: Path, large: Path) -> None:
    told: dict[str, Any] = {"url": use_gateway(home=home)}
    told["run"] = fal.run(APP, {"tags": "x", "duration": 1})
    told |= {"subscribed": subscribed(wave), "handled": handled(wave), "large": fal.upload_file(str(large))}
    told["awaited"] = asyncio.run(awaited(wave))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:]))
