"""Log-mel to magnitudes by non-negative least squares, phases by fast Griffin-Lim; a small network helps in low bins.

Knows no latents and no files. A small upsampling network locks sustained tones to multiples of the hop rate; spectral
inversion keeps their pitch. Phases start from the peaks' frequencies (Beauregard et al., 2015, single pass spectrogram
inversion) and are refined by Griffin-Lim. Deterministic: nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.networks.griffin_lim import griffin_lim
from engine.networks.log_mel import MAGNITUDE_EPS, LogMel
from engine.networks.mel_inversion import MelInversion
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
    "partials_every": 1,
}
GATE_NATS = 1.0
KNEE, CEILING = 0.8, 0.95  # resampling overshoots what is limited; the rest up to 1 is for that
PEAK_WIDTH = 7  # bins; the integers of `_highest_near` have room for 8
SILENT = 1e-6
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
        self.inversion = MelInversion(bank[: self.heard_bins].float(), int(values["least_squares_steps"]))
        self.register_buffer("floor", MAGNITUDE_EPS**0.5 * bank.float().sum(dim=0), persistent=False)
        self.partials_every = int(values["partials_every"])
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
    def decode(self, log_mel: Tensor, frames: tuple[int, int] | None = None) -> Tensor:
        """log-mel (B, 128, F) -> audio float32 (B, F * hop_length), or of mel frames [first, last) only."""
        first, last = frames or (0, log_mel.shape[2])
        log_mel = log_mel.float().transpose(1, 2)  # (B, F, 128): bins lie together from here on
        magnitudes = self._magnitudes(log_mel)  # (B, F, heard bins)
        places = peak_places(magnitudes)
        if self.partials is not None:
            self._put_partials(log_mel, magnitudes, places)
        window = self.mel_transform.spectrogram.get_buffer("window").float()
        phases = self._first_phases(places)
        made = griffin_lim(
            magnitudes, phases, window, self.hop_length, self.iterations, self.momentum, self.inversion.gains
        )
        limited = without_offset(soft_limited(made), self.hop_length * OFFSET_HOPS)
        side = (self.n_fft - self.hop_length) // 2
        return limited[:, side + first * self.hop_length : side + last * self.hop_length]

    def magnitudes(self, log_mel: Tensor) -> Tensor:
        """log-mel (B, 128, F) -> magnitudes of the STFT (B, n_fft / 2 + 1, F); silence gives exact zeros."""
        made = self._magnitudes(log_mel.transpose(1, 2)).transpose(1, 2)
        return F.pad(made, (0, 0, 0, self.n_fft // 2 + 1 - self.heard_bins))

    def partials_input(self, log_mel: Tensor, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        """What `partials` reads: log magnitudes, and the log-mel on bins, (B, bins, F) both."""
        assert self.partials is not None
        bins = self.partials.config.bins
        bank = self.mel_transform.mel_scale.get_buffer("fb").float()[:bins]  # (bins, mels)
        shares = bank / bank.sum(dim=1, keepdim=True).clamp(min=1e-9)
        return torch.log(magnitudes[:, :bins] + self.QUIET), shares @ log_mel

    def _magnitudes(self, log_mel: Tensor) -> Tensor:
        """log-mel (B, F, 128) -> magnitudes (B, F, heard bins)."""
        floor = self.get_buffer("floor")
        mel = torch.where(log_mel < floor.log() + GATE_NATS, 0.0, torch.exp(log_mel) - floor).clamp(min=0.0)
        return self.inversion(mel.flatten(0, 1)).unflatten(0, mel.shape[:2])

    def _put_partials(self, log_mel: Tensor, magnitudes: Tensor, places: Tensor) -> None:
        """Magnitudes and places (B, F, heard bins) of the low bins from the network; silence stays silent."""
        assert self.partials is not None
        bins = self.partials.config.bins
        given = self.partials_input(log_mel.transpose(1, 2), magnitudes.transpose(1, 2))
        log, cells = self.partials(*given, self.partials_every)
        offsets = likeliest_places(cells, log, self.partials_every)
        low = magnitudes[..., :bins]
        made = (torch.exp(log) - self.QUIET).clamp(min=0.0).transpose(1, 2)
        low.copy_(torch.where(low > 0.0, made, 0.0))
        own = torch.arange(bins, device=log.device, dtype=offsets.dtype)
        places[..., :bins] = own + offsets.transpose(1, 2)

    def _first_phases(self, places: Tensor) -> Tensor:
        """Each bin turns at the frequency of its place (B, F, bins), given in bins."""
        turns = places.double().mul_(self.hop_length / self.n_fft).cumsum(dim=1)
        turns -= torch.arange(places.shape[-1], device=places.device) * 0.5  # a lobe's bins share its phase
        return turns.sub_(turns.floor()).float().mul_(2 * math.pi)


def peak_places(magnitudes: Tensor) -> Tensor:
    """For each bin the place, in bins, of the highest peak near it, interpolated between bins. (B, F, bins).

    Peaks are compared as integers whose last bits hold the bin: of equal ones the lower wins.
    """
    log = torch.log(F.pad(magnitudes, (0, 2)) + SILENT)
    left, middle, right = log[..., :-2], log[..., 1:-1], log[..., 2:]
    bend = (left - 2 * middle + right).clamp_(max=-1e-3)
    places = (left - right).mul_(0.5).div_(bend).clamp_(-0.5, 0.5)  # of bins 1, 2, ... from their own
    places += torch.arange(1, places.shape[-1] + 1, device=log.device, dtype=log.dtype)
    return torch.gather(places, -1, (_highest_near(magnitudes) - 1).clamp_(min=0))


def _highest_near(magnitudes: Tensor) -> Tensor:
    """The bin of the highest magnitude within PEAK_WIDTH around each, int64 (B, F, bins)."""
    bins, reach = magnitudes.shape[-1], PEAK_WIDTH // 2
    own = torch.arange(bins, device=magnitudes.device, dtype=torch.int32)
    ranks = (magnitudes + SILENT).view(torch.int32).bitwise_and_(~7).bitwise_or_(7 - (own & 7))
    ranks = F.pad(ranks, (reach, reach))
    twos = torch.maximum(ranks[..., :-1], ranks[..., 1:])
    fours = torch.maximum(twos[..., :-2], twos[..., 2:])
    highest = torch.maximum(fours[..., :-3], fours[..., 3:])  # of 7
    first = own - reach
    return (first + (((7 - (highest & 7)) - first) & 7)).long()


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
