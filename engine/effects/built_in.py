"""pedalboard's own effects that a chain may name, each with its parameters and their defaults. Knows no pedalboard."""

from __future__ import annotations

_SHELF = {"cutoff_frequency_hz": 440.0, "gain_db": 0.0, "q": 0.7071}

BUILT_IN: dict[str, dict[str, float | bool]] = {
    "Bitcrush": {"bit_depth": 8.0},
    "BrickwallLimiter": {"ceiling_db": -1.0, "release_ms": 100.0, "lookahead_ms": 5.0, "true_peak": False},
    "Chorus": {"rate_hz": 1.0, "depth": 0.25, "centre_delay_ms": 7.0, "feedback": 0.0, "mix": 0.5},
    "Clipping": {"threshold_db": -6.0},
    "Compressor": {"threshold_db": 0.0, "ratio": 1.0, "attack_ms": 1.0, "release_ms": 100.0},
    "Delay": {"delay_seconds": 0.5, "feedback": 0.0, "mix": 0.5},
    "Distortion": {"drive_db": 25.0},
    "Gain": {"gain_db": 1.0},
    "HighShelfFilter": _SHELF,
    "HighpassFilter": {"cutoff_frequency_hz": 50.0},
    "Invert": {},
    "LadderFilter": {"cutoff_hz": 200.0, "resonance": 0.0, "drive": 1.0},
    "Limiter": {"threshold_db": -10.0, "release_ms": 100.0},
    "LowShelfFilter": _SHELF,
    "LowpassFilter": {"cutoff_frequency_hz": 50.0},
    "MP3Compressor": {"vbr_quality": 2.0},
    "NoiseGate": {"threshold_db": -100.0, "ratio": 10.0, "attack_ms": 1.0, "release_ms": 100.0},
    "PeakFilter": _SHELF,
    "Phaser": {"rate_hz": 1.0, "depth": 0.5, "centre_frequency_hz": 1300.0, "feedback": 0.0, "mix": 0.5},
    "PitchShift": {"semitones": 0.0},
    "Resample": {"target_sample_rate": 8000.0},
    "Reverb": {
        "room_size": 0.5,
        "damping": 0.5,
        "wet_level": 0.33,
        "dry_level": 0.4,
        "width": 1.0,
        "freeze_mode": 0.0,
    },
}
