"""What a full model would cost and give on this machine, in words. Knows figures, downloads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.system.processor_rates import ProcessorRates
from engine.checkpoints import registry


@dataclass(frozen=True)
class Work:
    """Operations a second of audio (region and context): of products with weights, and of the codec in float32."""

    products: float
    codec: float


V1, TURBO = "ace-step-v1", "ace-step-1.5"
WORKS = {
    V1: Work(2 * 3.5e9 * 2.5 * 27 * 44100 / 4096, 0.0),  # 27 steps of two passes, some of three; the codec is little
    TURBO: Work(2 * 1.575e9 * 8 * 12.5, 2.4e11),  # 8 steps of one pass; encoding and decoding, counted
}
REACHED = 0.75  # of the rate of a large product: four layers of real width reached 77 % with bfloat16 on one processor
CPU_FLOPS_A_CORE = 25e9
PUBLISHED_SPEED = {"cuda": 34.0, "mps": 2.3}  # v1, seconds of audio a second: RTX 4090, M2 Max (the release's README)


def recommended(device: str) -> str:
    """The full model for this kind of device: the one that needs 8 steps and no guidance where there is no GPU."""
    return V1 if device.split(":")[0] in PUBLISHED_SPEED else TURBO


def expected_seconds(
    device: str, cores: int, audio_seconds: float, rates: ProcessorRates | None = None, model: str = V1
) -> float:
    """Roughly how long a full model works on so much audio (region and context), once it is loaded."""
    kind = device.split(":")[0]
    if kind in PUBLISHED_SPEED:
        return audio_seconds / PUBLISHED_SPEED[kind]
    work, guess = WORKS[model], CPU_FLOPS_A_CORE * max(cores, 1)
    whole = rates.float32 if rates else guess
    halves = max(whole, rates.bfloat16) if rates and model == TURBO else whole  # v1 stays in float32
    return audio_seconds * (work.products / halves + work.codec / whole) / (REACHED if rates else 1.0)


def offer(device: str, cores: int, audio_seconds: float, rates: ProcessorRates | None = None) -> list[str]:
    """The full model for this machine with size, memory, licence and expected time here."""
    name = recommended(device)
    entry = next(entry for entry in registry.entries() if entry.name == name)
    size = f"about {entry.size_bytes / 1e9:.1f} GB to download, {entry.memory_bytes / 1e9:.1f} GB of memory"
    how = f"it is here: add --model {name}" if entry.installed else f"acestep-bridge models pull {name}"
    seconds = expected_seconds(device, cores, audio_seconds, rates, name)
    return [
        f"The full model: {entry.description}.",
        f"    {size}, licence {entry.licence}.",
        f"    The same region would take {duration_words(seconds)} here ({basis(device, rates)}).",
        f"    {how}",
    ]


def basis(device: str, rates: ProcessorRates | None = None) -> str:
    """Where `expected_seconds` comes from."""
    kind = device.split(":")[0]
    published = {"cuda": "at the speed published for an RTX 4090", "mps": "at the speed published for an M2 Max"}
    if rates is None:
        return published.get(kind, "a rough estimate without a GPU")
    return published.get(kind, f"from products measured here: {rates.text}")


def duration_words(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} seconds"
    return f"about {round(seconds / 60)} minutes ({round(seconds)} seconds)"
