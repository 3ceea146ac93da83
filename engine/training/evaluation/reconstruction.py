"""Reconstruction: true clips, held notes and silence through the autoencoder and the vocoder.

In the column of true clips stands the vocoder alone, on the true log-mel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

import engine
from engine.checkpoints.networks import Networks
from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.constants import SAMPLES_PER_FRAME
from engine.training.evaluation.material import Values, true_clip
from engine.training.music.arrange import Wish
from engine.training.music.theory import frequency
from engine.training.music.voices import KINDS, make_voice

DB = 20.0 / np.log(10.0)
HEARD_DB = 60.0
HELD = ("pad", "lead", "keys", "bass")


def codec(model: engine.Model, seed: int) -> Values:
    """The figures of one seed: a clip of four seconds, a held note and a clip that falls silent."""
    loaded = model.networks
    assert isinstance(loaded, Networks)
    networks = loaded.autoencoder
    with torch.inference_mode():
        return _errors(networks, seed) | _held_note(networks, seed) | _silence(networks, seed)


def _errors(networks: Any, seed: int) -> Values:
    audio = _whole_frames(torch.from_numpy(true_clip(seed, Wish(), 4.0).audio))
    mel = networks.vocoder.encode(audio)
    heard = mel > mel.max() - HEARD_DB / DB
    decoded = networks.vocoder.encode(networks.decode(networks.encode(audio[None]))[0])
    alone = networks.vocoder.encode(networks.vocoder.decode(mel))
    errors = [DB * (other - mel).abs() for other in (decoded, alone)]
    return {
        "codec_db": (float(errors[0][heard].mean()), float(errors[1][heard].mean())),
        "codec_all_db": (float(errors[0].mean()), float(errors[1].mean())),
    }


def _held_note(networks: Any, seed: int) -> Values:
    """Three seconds of one held note without vibrato or chorus, 110 to 1000 Hz."""
    rng = np.random.default_rng([seed, 6])
    name = HELD[seed % len(HELD)]
    kinds = list(KINDS[name].values())
    kind = replace(kinds[rng.integers(len(kinds))], vibrato=(0.0, 0.0), detune=(0.0, 0.0), decay=(0.0, 0.0))
    midi = int(rng.integers(45, 84))
    sound = 0.25 * make_voice(rng, kind, 1.0).note(midi, 3.0)
    audio = _whole_frames(torch.from_numpy(sound.astype(np.float32)))
    decoded = networks.decode(networks.encode(audio[None]))[0, 0].numpy()[20000:100000]
    alone = networks.vocoder.decode(networks.vocoder.encode(audio))[0].numpy()[20000:100000]
    hertz = frequency(midi)
    cents = [abs(pitch_error(x, hertz, RATE)) for x in (decoded, alone)]
    return {
        "held_cents": (cents[0], cents[1]),
        "held_in_tune": (float(cents[0] < 5.0), float(cents[1] < 5.0)),
        "held_ripple": (_ripple(decoded), _ripple(alone)),
    }


def _ripple(audio: np.ndarray) -> float:
    """Deviation in dB of the level over windows of 50 ms: warble of a note that should be steady."""
    windows = audio[: len(audio) // 2205 * 2205].reshape(-1, 2205)
    return float(np.std(10 * np.log10((windows**2).mean(axis=1) + 1e-12)))


def _silence(networks: Any, seed: int) -> Values:
    audio = torch.from_numpy(true_clip(seed, Wish(), 2.0).audio)
    audio = _whole_frames(torch.cat([audio, torch.zeros(2, 2 * RATE)], dim=1))
    decoded = networks.decode(networks.encode(audio[None]))[0, :, int(2.3 * RATE) :]
    return {"silence_db": (float(10 * torch.log10(decoded.square().mean() + 1e-16)), None)}


def _whole_frames(audio: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(audio, (0, -audio.shape[-1] % SAMPLES_PER_FRAME))


def tone_error(networks: Any, hertz: float, seconds: float = 3.0) -> float:
    """Cents by which a steady sine comes back wrong from the codec."""
    t = torch.arange(int(seconds * RATE)) / RATE
    audio = (0.3 * torch.sin(2 * np.pi * hertz * t)).expand(1, 2, -1)
    with torch.inference_mode():
        back = networks.decode(networks.encode(audio))[0, 0].numpy()
    return pitch_error(back[20000:-20000], hertz, RATE)


def pitch_error(audio: np.ndarray, hertz: float, rate: int) -> float:
    """Cents between the strongest frequency within a semitone of `hertz` and `hertz`."""
    size = 1 << 20
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    low, high = int(hertz * 0.944 / rate * size), int(hertz * 1.06 / rate * size)
    return float(1200 * np.log2((low + int(spectrum[low:high].argmax())) * rate / size / hertz))
