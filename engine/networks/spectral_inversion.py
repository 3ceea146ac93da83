"""Log-mel to magnitudes by non-negative least squares, phases by fast Griffin-Lim; a small network helps in low bins.

Knows no latents and no files. A small upsampling network locks sustained tones to multiples of the hop rate; spectral
inversion keeps their pitch. Phases start from the peaks' frequencies (Beauregard et al., 2015, single pass spectrogram
inversion) and are refined by Griffin-Lim with momentum (Perraudin et al., 2013). Deterministic: nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.networks.log_mel import MAGNITUDE_EPS, LogMel
from engine.networks.partials import Partials, PartialsConfig, likeliest_places

IGNORED = frozenset({"_class_name", "_diffusers_version", "_name_or_path"})
DEFAULTS: dict[str, float] = {
    "sampling_rate": 44100,
    "n_fft": 2048,
    "hop_length": 512,
    "n_mels": 128,
    "f_min": 40,
    "f_max": 16000,
    "iterations": 16,
    "momentum": 0.7,
    "least_squares_steps": 24,
}
GATE_NATS = 1.0
KNEE, CEILING = 0.8, 0.95  # resampling overshoots what is limited; the rest up to 1 is for that
PEAK_WIDTH = 7
OFFSET_HOPS = 4


class SpectralInversionVocoder(nn.Module):
    """`encode` makes log-mels, `decode` makes audio. `config` is `music_vocoder/config.json`; every key is optional."""

    QUIET = 1e-4

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        given = {name: value for name, value in config.items() if name not in IGNORED}
        partials = given.pop("partials", None)
        unknown = sorted(set(given) - set(DEFAULTS))
        if unknown:
            raise CheckpointError(
                f"music_vocoder/config.json: got unknown keys {unknown}, expected some of {sorted(DEFAULTS)}. "
                "Remove them, or use a newer version of this program."
            )
        values = {**DEFAULTS, **given}
        self.sample_rate = int(values["sampling_rate"])
        self.hop_length = int(values["hop_length"])
        self.n_fft = int(values["n_fft"])
        self.iterations = int(values["iterations"])
        self.momentum = float(values["momentum"])
        self.least_squares_steps = int(values["least_squares_steps"])
        self.mel_transform = LogMel(
            self.sample_rate,
            self.n_fft,
            self.hop_length,
            int(values["n_mels"]),
            float(values["f_min"]),
            float(values["f_max"]),
        )
        bank = self.mel_transform.mel_scale.get_buffer("fb")
        self.heard_bins = int(bank.any(dim=1).nonzero().max()) + 1  # no band reaches above f_max
        self.partials = Partials(PartialsConfig.from_dict(partials)) if partials else None
        self.receptive_frames = 16 + (self.partials.receptive_frames if self.partials is not None else 0)
        self._check_geometry()

    def _check_geometry(self) -> None:
        if self.n_fft % self.hop_length or self.n_fft // self.hop_length < 2:
            raise CheckpointError(
                f"music_vocoder/config.json: got n_fft {self.n_fft} and hop_length {self.hop_length}, expected n_fft "
                "to be a multiple of hop_length, at least twice. Use the released 2048 and 512."
            )

    def encode(self, audio: Tensor) -> Tensor:
        """audio (B, n) at `sample_rate`, n a multiple of `hop_length` -> log-mel float32 (B, 128, n / hop_length)."""
        return self.mel_transform(audio)

    @torch.no_grad()
    def decode(self, log_mel: Tensor) -> Tensor:
        """log-mel (B, 128, F) -> audio float32 (B, F * hop_length)."""
        magnitudes = self.magnitudes(log_mel.float())  # (B, bins, F)
        places = peak_places(magnitudes.transpose(1, 2)).transpose(1, 2)
        if self.partials is not None:
            magnitudes, places = self._with_partials(log_mel.float(), magnitudes, places)
        side = (self.n_fft - self.hop_length) // 2
        made = self._griffin_lim(magnitudes.transpose(1, 2), places.transpose(1, 2))
        limited = without_offset(soft_limited(made), self.hop_length * OFFSET_HOPS)
        return limited[:, side : side + log_mel.shape[-1] * self.hop_length]

    def partials_input(self, log_mel: Tensor, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        """What `partials` reads: log magnitudes, and the log-mel on bins, (B, bins, F) both."""
        assert self.partials is not None
        bins = self.partials.config.bins
        bank = self.mel_transform.mel_scale.get_buffer("fb").float()[:bins]  # (bins, mels)
        shares = bank / bank.sum(dim=1, keepdim=True).clamp(min=1e-9)
        return torch.log(magnitudes[:, :bins] + self.QUIET), shares @ log_mel

    def _with_partials(self, log_mel: Tensor, magnitudes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The low bins' magnitudes and places from the network, the others as they are; silence stays silent."""
        assert self.partials is not None
        bins = self.partials.config.bins
        log, cells = self.partials(*self.partials_input(log_mel, magnitudes))
        offsets = likeliest_places(cells, log)
        low = torch.where(magnitudes[:, :bins] > 0.0, (torch.exp(log) - self.QUIET).clamp(min=0.0), 0.0)
        own = torch.arange(bins, device=log.device, dtype=offsets.dtype)[:, None] + offsets
        return torch.cat([low, magnitudes[:, bins:]], dim=1), torch.cat([own, places[:, bins:]], dim=1)

    def magnitudes(self, log_mel: Tensor) -> Tensor:
        """log-mel (B, 128, F) -> magnitudes of the STFT (B, n_fft / 2 + 1, F); silence gives exact zeros.

        Multiplicative updates (Lee and Seung, 2001) from an interpolation between the bands.
        """
        bank = self.mel_transform.mel_scale.get_buffer("fb").float()[: self.heard_bins]  # (bins, mels)
        floor = MAGNITUDE_EPS**0.5 * bank.sum(dim=0)[:, None]
        mel = torch.where(log_mel < floor.log() + GATE_NATS, 0.0, torch.exp(log_mel) - floor).clamp(min=0.0)
        made = bank @ (mel / bank.square().sum(dim=0)[:, None])
        target = bank @ mel
        for _ in range(self.least_squares_steps):
            made = made * target / (bank @ (bank.T @ made)).clamp(min=1e-9)
        return F.pad(made, (0, 0, 0, self.n_fft // 2 + 1 - self.heard_bins))

    def _griffin_lim(self, magnitudes: Tensor, places: Tensor) -> Tensor:
        """magnitudes and places (B, F, bins) -> audio with its edges (B, F * hop + n_fft - hop)."""
        window = self.mel_transform.spectrogram.get_buffer("window").float()
        spectrum = torch.polar(magnitudes, self._first_phases(places))
        previous = torch.zeros_like(spectrum)
        for _ in range(self.iterations):
            frames = self._overlap_add(spectrum, window).unfold(-1, self.n_fft, self.hop_length) * window
            rebuilt = torch.fft.rfft(frames)
            ahead = torch.lerp(previous, rebuilt, 1.0 + self.momentum)
            spectrum = torch.sgn(ahead).mul_(magnitudes)
            previous = rebuilt
        return self._overlap_add(spectrum, window)

    def _first_phases(self, places: Tensor) -> Tensor:
        """Each bin turns at the frequency of its place (B, F, bins), given in bins."""
        turns = (places * (self.hop_length / self.n_fft)).double().cumsum(dim=1)
        half_turns = torch.arange(places.shape[-1], device=places.device) * 0.5  # a lobe's bins share its phase
        return (2 * math.pi * ((turns - half_turns) % 1.0)).float()

    def _overlap_add(self, spectrum: Tensor, window: Tensor) -> Tensor:
        """spectrum (B, F, bins) -> audio (B, F * hop + n_fft - hop), windows divided out."""
        frames = torch.fft.irfft(spectrum, self.n_fft) * window
        weights = window.square().expand(1, frames.shape[1], -1)
        return self._add_frames(frames) / self._add_frames(weights).clamp(min=1e-3)

    def _add_frames(self, frames: Tensor) -> Tensor:
        """Frames (B, F, n_fft) laid over each other, one hop apart."""
        parts = frames.unflatten(-1, (-1, self.hop_length))  # (B, F, n_fft / hop, hop)
        count = parts.shape[2]
        total = frames.new_zeros(frames.shape[0], frames.shape[1] + count - 1, self.hop_length)
        for part in range(count):
            total[:, part : part + frames.shape[1]] += parts[:, :, part]
        return total.flatten(1)


def peak_places(magnitudes: Tensor) -> Tensor:
    """For each bin the place, in bins, of the highest peak near it, interpolated between bins. (B, F, bins)."""
    log = torch.log(magnitudes + 1e-6)
    shape = log.shape
    _, peak = F.max_pool1d(log.flatten(0, 1)[:, None], PEAK_WIDTH, 1, PEAK_WIDTH // 2, return_indices=True)
    peak = peak.view(shape).clamp(1, shape[-1] - 2)
    left, middle, right = (torch.gather(log, 2, peak + k) for k in (-1, 0, 1))
    bend = (left - 2 * middle + right).clamp(max=-1e-3)
    return peak + (0.5 * (left - right) / bend).clamp(-0.5, 0.5)


def without_offset(audio: Tensor, samples: int) -> Tensor:
    """audio (B, n) less its running mean over a triangle of twice `samples`: nothing is left at 0 Hz."""
    mean = audio
    for _ in range(2):
        padded = F.pad(mean[:, None], (samples // 2, samples - 1 - samples // 2), mode="replicate")[:, 0]
        sums = F.pad(padded.double().cumsum(dim=-1), (1, 0))
        mean = ((sums[:, samples:] - sums[:, :-samples]) / samples).to(audio.dtype)
    return audio - mean


def soft_limited(audio: Tensor) -> Tensor:
    """Unchanged up to 0.8, bent above so that it stays below 0.95 (v1's vocoder ends in a tanh)."""
    over = (audio.abs() - KNEE).clamp(min=0.0)
    bent = KNEE + (CEILING - KNEE) * torch.tanh(over / (CEILING - KNEE))
    return torch.where(over > 0, torch.sign(audio) * bent, audio)
