"""`python -m tests.support.fal_with_nano`: fal's own clients, unmodified, on all five endpoints with nano itself.

The suite runs the clients on a renderer that makes noise at once. Python: synchronous (subscribe) and asynchronous
(submit, events, result); JavaScript, where node and the client are there: subscribe by polling and by streaming,
with a `Blob` as the source. Each result is fetched and must be audio of the length that was asked for.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import soundfile

from bridge.client import Client, ensure_daemon
from bridge.gateway.fal import use_gateway
from tests.support.gateway import APP, GatewayProcess, node_modules, wave_bytes

SECONDS = 4.0
STEPS = {"number_of_steps": 3, "seed": 7}
INPUTS: dict[str, tuple[dict[str, Any], float]] = {
    APP: ({"tags": "house, 124 bpm", "duration": SECONDS}, SECONDS),
    f"{APP}/prompt-to-audio": ({"prompt": "a calm pad", "duration": SECONDS}, SECONDS),
    f"{APP}/audio-to-audio": ({"original_tags": "sine", "tags": "jazz", "audio_url": ""}, SECONDS),
    f"{APP}/audio-inpaint": ({"tags": "house", "start_time": 1, "end_time": 2, "audio_url": ""}, SECONDS),
    f"{APP}/audio-outpaint": ({"tags": "house", "extend_after_duration": 2, "audio_url": ""}, SECONDS + 2),
}
NODE = """
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
const { fal } = createRequire(process.env.ACESTEP_NODE_PEERS + '/package.json')('@fal-ai/client')
const [url, key, inputs, wave] = JSON.parse(process.argv[2])
fal.config({ credentials: key, proxyUrl: { url: url + '/api/fal/proxy', when: 'always' } })
const made = {}
for (const [endpoint, input] of Object.entries(inputs)) {
  for (const mode of ['polling', 'streaming']) {
    const file = new Blob([readFileSync(wave)], { type: 'audio/wav' })
    const whole = 'audio_url' in input ? { ...input, audio_url: file } : input
    const { data } = await fal.subscribe(endpoint, { input: whole, mode, logs: true })
    made[endpoint + ' ' + mode] = data.audio.url
  }
}
console.log(JSON.stringify(made))
process.exit(0)
"""


def main() -> int:
    """One line a client and endpoint; 1 where one of them did not give what it should."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        ensure_daemon(home, ("--model", "nano"))[0].close()
        gateway = GatewayProcess(home)
        gateway.start()
        try:
            use_gateway(gateway.url, gateway.key)
            wrong = sum(check(gateway, client, made) for client, made in everything(gateway, Path(name)))
        finally:
            gateway.stop()
            with Client.connect(home) as daemon:
                daemon.shutdown()
    return int(wrong > 0)


def everything(gateway: GatewayProcess, folder: Path) -> list[tuple[str, dict[str, str]]]:
    """What each client made: endpoint to the address of the audio."""
    found = [("fal_client", with_python()), ("fal_client, asynchronous", asyncio.run(with_async_python()))]
    if shutil.which("node") and node_modules():
        return [*found, ("@fal-ai/client", with_node(gateway, folder))]
    print("@fal-ai/client: skipped, node or the client is not here (ACESTEP_NODE_PEERS)")
    return found


def with_python() -> dict[str, str]:
    import fal_client as fal

    address = fal.upload(wave_bytes(SECONDS), "audio/wav", "source.wav")
    return {name: fal.subscribe(name, given(values, address))["audio"]["url"] for name, (values, _) in INPUTS.items()}


async def with_async_python() -> dict[str, str]:
    import fal_client as fal

    client, made = fal.AsyncClient(), {}
    address = await client.upload(wave_bytes(SECONDS), "audio/wav", "source.wav")
    for name, (values, _) in INPUTS.items():
        handle = await client.submit(name, given(values, address))
        async for _ in handle.iter_events(with_logs=True):
            pass
        made[name] = (await handle.get())["audio"]["url"]
    return made


def with_node(gateway: GatewayProcess, folder: Path) -> dict[str, str]:
    wave = folder / "source.wav"
    wave.write_bytes(wave_bytes(SECONDS))
    script = folder / "clients.mjs"
    script.write_text(NODE)
    inputs = {name: values | STEPS for name, (values, _) in INPUTS.items()}
    words = ["node", str(script), json.dumps([gateway.url, gateway.key, inputs, str(wave)])]
    done = subprocess.run(words, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr + gateway.log()
    made: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return made


def given(values: dict[str, Any], address: str) -> dict[str, Any]:
    return values | STEPS | ({"audio_url": address} if "audio_url" in values else {})


def check(gateway: GatewayProcess, client: str, made: dict[str, str]) -> int:
    """How many results are not what they should be."""
    wrong = 0
    for name, url in made.items():
        seconds = soundfile.info(io.BytesIO(gateway.call("GET", url, key="").body)).duration
        ok = abs(seconds - INPUTS[name.split()[0]][1]) < 0.2
        wrong += not ok
        print(f"{'ok' if ok else 'WRONG'} {client}: {name}, {seconds:.2f} s", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
