"""Log-mel spectrogram of v1's vocoder. Knows no files; its window and filterbank can come from a checkpoint.

Slaney's mel scale and area normalisation (Auditory Toolbox, 1998), magnitudes, natural logarithm.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAGNITUDE_EPS = 1e-6
FLOOR = 1e-5


class LogMel(nn.Module):
    """Audio (B, n) to log-mel (B, n_mels, n / hop_length); n is a multiple of hop_length, at least 2 hops."""

    def __init__(
        self,
        sample_rate: int = 44100,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 128,
        f_min: float = 40.0,
        f_max: float = 16000.0,
    ) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        device = torch.get_default_device()
        with torch.device("cpu"):  # made on the meta device they would import torch's compiler: 1 s, 100 MB
            window, bank = torch.hann_window(n_fft), slaney_filterbank(sample_rate, n_fft, n_mels, f_min, f_max)
        self.spectrogram = _Buffer("window", window.to(device))
        self.mel_scale = _Buffer("fb", bank.to(device))

    def magnitudes(self, audio: Tensor) -> Tensor:
        """audio (B, n) -> float32 (B, n_fft / 2 + 1, n / hop_length)."""
        side = (self.n_fft - self.hop_length) // 2
        padded = F.pad(audio.float()[:, None], (side, side), mode="reflect")[:, 0]
        window = self.spectrogram.get_buffer("window").float()
        spectrum = torch.stft(padded, self.n_fft, self.hop_length, window=window, center=False, return_complex=True)
        parts = torch.view_as_real(spectrum)
        return torch.sqrt(parts.square().sum(dim=-1) + MAGNITUDE_EPS)

    def forward(self, audio: Tensor) -> Tensor:
        """audio (B, n) -> log-mel float32 (B, n_mels, n / hop_length)."""
        bank = self.mel_scale.get_buffer("fb").float()  # (n_fft / 2 + 1, n_mels)
        return torch.log(torch.clamp(bank.T @ self.magnitudes(audio), min=FLOOR))


class _Buffer(nn.Module):
    """One tensor of the checkpoint under its released name."""

    def __init__(self, name: str, value: Tensor) -> None:
        super().__init__()
        self.register_buffer(name, value)


def slaney_filterbank(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Triangles of area 1 on Slaney's mel scale: float32 (n_fft / 2 + 1, n_mels)."""
    edges_mel = torch.linspace(hertz_to_mel(f_min), hertz_to_mel(f_max), n_mels + 2, dtype=torch.float64)
    edges = mel_to_hertz(edges_mel)
    bins = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * area).float()


def hertz_to_mel(hertz: float) -> float:
    """Slaney: linear up to 1 kHz (15 mel), then 27 mel for each factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def mel_to_hertz(mel: Tensor) -> Tensor:
    """Inverse of `hertz_to_mel`, elementwise."""
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))
