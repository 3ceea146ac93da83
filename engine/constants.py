"""Geometry of ACE-Step v1's audio and latents: what is fixed by the released weights (ENGINE: arXiv 2506.00045)."""

from __future__ import annotations

from engine.geometry import Geometry

MODEL_SAMPLE_RATE = 44100
HOP_LENGTH = 512
LATENT_STRIDE = 8
SAMPLES_PER_FRAME = HOP_LENGTH * LATENT_STRIDE  # 4096 samples, 92.88 ms
FRAME_RATE = MODEL_SAMPLE_RATE / SAMPLES_PER_FRAME  # 10.7666015625 Hz
OUTPUT_SAMPLE_RATE = 48000

LATENT_CHANNELS = 8
LATENT_HEIGHT = 16
SPEAKER_DIM = 512

MAX_DURATION_SECONDS = 240.0
LONGEST_SECONDS = 600.0  # of any model that there is; what one of them makes at once is in its geometry
V1_GEOMETRY = Geometry(MODEL_SAMPLE_RATE, SAMPLES_PER_FRAME, (LATENT_CHANNELS, LATENT_HEIGHT), MAX_DURATION_SECONDS)
MAX_LYRIC_TOKENS = 4096
MAX_TEXT_TOKENS = 256

SEED_MODULUS = 2**31
