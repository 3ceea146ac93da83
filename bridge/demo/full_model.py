"""What the full model would cost and give on this machine, in words. Knows figures, downloads nothing."""

from __future__ import annotations

from engine.checkpoints import registry

FULL_MODEL = "ace-step-v1"
PARAMETERS = 3.5e9
STEPS = 27
PASSES = 2.5  # conditional and unconditional, some of them twice
TOKENS_A_SECOND = 44100 / 4096
CPU_FLOPS_A_CORE = 25e9
PUBLISHED_SPEED = {"cuda": 34.0, "mps": 2.3}  # seconds of audio a second: RTX 4090, M2 Max (the release's README)


def expected_seconds(device: str, cores: int, audio_seconds: float) -> float:
    """Roughly how long the full model works on so much audio (region and context), once it is loaded."""
    kind = device.split(":")[0]
    if kind in PUBLISHED_SPEED:
        return audio_seconds / PUBLISHED_SPEED[kind]
    operations = 2 * PARAMETERS * PASSES * STEPS * TOKENS_A_SECOND * audio_seconds
    return operations / (CPU_FLOPS_A_CORE * max(cores, 1))


def offer(device: str, cores: int, audio_seconds: float) -> list[str]:
    """The full model with size, memory, licence and expected time here."""
    entry = next(entry for entry in registry.entries() if entry.name == FULL_MODEL)
    size = f"about {entry.size_bytes / 1e9:.1f} GB to download, {entry.memory_bytes / 1e9:.1f} GB of memory"
    how = "it is here: add --model ace-step-v1" if entry.installed else f"acestep-bridge models pull {FULL_MODEL}"
    return [
        f"The full model: {entry.description}.",
        f"    {size}, licence {entry.licence}.",
        f"    The same region would take {duration_words(expected_seconds(device, cores, audio_seconds))} here "
        f"({basis(device)}).",
        f"    {how}",
    ]


def basis(device: str) -> str:
    """Where `expected_seconds` comes from."""
    kind = device.split(":")[0]
    published = {"cuda": "at the speed published for an RTX 4090", "mps": "at the speed published for an M2 Max"}
    return published.get(kind, "a rough estimate without a GPU")


def duration_words(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} seconds"
    return f"about {round(seconds / 60)} minutes ({round(seconds)} seconds)"
