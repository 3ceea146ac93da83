"""Performances as sound: through soundfonts and drum kits, with rooms and equalisers. Needs `tinysoundfont`.

Its package asks for PortAudio to play through loudspeakers, which nothing here does: it is installed without what it
asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from engine.training.beats.changes import Performance
from engine.training.beats.scores import DRUMS

RATE = 22050
Audio = NDArray[np.float32]
# instruments of General MIDI's drums, and words that a kit's own names have
_DRUM_WORDS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "kick": ((35, 36), ("kick", "bass drum", "bassdrum", "bd")),
    "snare": ((38, 40), ("snare", "sd")),
    "rim": ((37,), ("rim", "stick", "cross")),
    "clap": ((39,), ("clap",)),
    "closed": ((42, 44), ("closed", "hhc", "hat cl", "hihat", "hat", "pedal")),
    "open": ((46,), ("open", "hho")),
    "low": ((41, 43, 45), ("tom low", "low tom", "floor", "tom 3", "tom")),
    "high": ((47, 48, 50), ("tom hi", "hi tom", "tom 1", "tom")),
    "ride": ((51, 53, 59), ("ride", "cymb")),
    "crash": ((49, 52, 55, 57), ("crash", "cymb")),
    "cowbell": ((56,), ("cow", "bell")),
    "shaker": ((54, 69, 70, 82), ("tamb", "shak", "maraca")),
}
_OF_NOTE = {note: drum for drum, (notes, _) in _DRUM_WORDS.items() for note in notes}
_LONGEST_HIT = RATE
_MISSING = "tinysoundfont plays the soundfonts: python -m pip install --no-deps tinysoundfont"


@dataclass(frozen=True, eq=False)
class Kit:
    """Files of a drum kit by drum."""

    name: str
    files: dict[str, Path]


def find_kits(folder: Path) -> list[Kit]:
    """Hydrogen's drum kits anywhere below a folder that have a kick, a snare and a hat."""
    kits = [_kit(path) for path in sorted(folder.rglob("drumkit.xml"))]
    return [kit for kit in kits if {"kick", "snare", "closed"} <= set(kit.files)]


def _kit(path: Path) -> Kit:
    files: dict[str, Path] = {}
    for instrument in (e for e in ElementTree.parse(path).iter() if e.tag.split("}")[-1] == "instrument"):
        texts = [(e.tag.split("}")[-1], e.text or "") for e in instrument.iter()]
        name = next((text.lower() for tag, text in texts if tag == "name"), "")
        samples = [path.parent / text for tag, text in texts if tag == "filename" and text]
        if samples and samples[-1].exists():
            for drum, (_, words) in _DRUM_WORDS.items():
                if drum not in files and any(word in name for word in words):
                    files[drum] = samples[-1]
    return Kit(path.parent.name, files)


@cache
def _hit(path: Path) -> Audio:
    """A drum's sound from its attack on, peak 1."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(audio.mean(axis=1), rate, RATE) if rate != RATE else audio.mean(axis=1)
    top = max(float(np.abs(mono).max(initial=0.0)), 1e-6)
    begin = int(np.argmax(np.abs(mono) > 0.05 * top))
    return np.asarray(mono[max(0, begin - 30) :][:_LONGEST_HIT] / top, np.float32)


class Player:
    """Plays performances through one soundfont."""

    def __init__(self, soundfont: Path) -> None:
        try:
            import tinysoundfont
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(_MISSING, name=error.name) from error
        if not soundfont.is_file():
            raise FileNotFoundError(f"{soundfont}: no such soundfont")
        self._synth = tinysoundfont.Synth(gain=-8, samplerate=RATE)
        self._font = self._synth.sfload(str(soundfont))
        if self._font < 0:
            raise ValueError(f"{soundfont}: not a soundfont that can be played (SF2 or SF3)")

    def play(self, performance: Performance, seconds: float, kit: Kit | None = None) -> Audio:
        """So many seconds of it, (n,); drums of the kit where one is given."""
        played = zip(performance.channels, performance.pitches, strict=True)
        own = np.array([not self._by_kit(channel, pitch, kit) for channel, pitch in played], bool)
        tones = self._tones(performance, own, seconds)
        return tones if kit is None else tones + _drums(performance, ~own, kit, seconds, _peak(tones))

    @staticmethod
    def _by_kit(channel: int, pitch: int, kit: Kit | None) -> bool:
        return kit is not None and channel == DRUMS and _OF_NOTE.get(int(pitch), "") in kit.files

    def _tones(self, performance: Performance, own: NDArray[np.bool_], seconds: float) -> Audio:
        synth = self._synth
        synth.sounds_off()
        for channel in range(16):
            drums = channel == DRUMS
            program = performance.programs.get(channel, 0)
            synth.program_select(channel, self._font, 128 if drums else 0, 0 if drums else program, drums)
        events = []
        for k in np.flatnonzero(own):
            key = int(performance.channels[k]), int(performance.pitches[k])
            begin = performance.seconds[k]
            events += [(begin, 1, *key, int(np.clip(127 * performance.levels[k], 1, 127)))]
            events += [(begin + performance.lengths[k], 0, *key, 0)]
        parts, place = [], 0
        for at, on, channel, pitch, velocity in sorted(events):
            steps = min(round(at * RATE), round(seconds * RATE)) - place
            if steps > 0:
                parts.append(self._next(steps))
                place += steps
            if place >= round(seconds * RATE):
                break
            if on:
                synth.noteon(channel, pitch, velocity)
            else:
                synth.noteoff(channel, pitch)
        parts.append(self._next(max(1, round(seconds * RATE) - place)))
        return np.concatenate(parts)[: round(seconds * RATE)]

    def _next(self, steps: int) -> Audio:
        stereo = np.frombuffer(bytes(self._synth.generate(steps)), np.float32).reshape(-1, 2)
        return np.asarray(stereo.mean(axis=1))


def _peak(audio: Audio) -> float:
    return float(np.abs(audio).max(initial=0.0))


def _drums(performance: Performance, chosen: NDArray[np.bool_], kit: Kit, seconds: float, beside: float) -> Audio:
    """The drums of a kit, about as loud as what is beside them."""
    out = np.zeros(round(seconds * RATE) + _LONGEST_HIT, np.float32)
    for k in np.flatnonzero(chosen):
        hit = _hit(kit.files[_OF_NOTE[int(performance.pitches[k])]])
        place = round(performance.seconds[k] * RATE)
        if place < out.size - _LONGEST_HIT:
            out[place : place + hit.size] += np.float32(performance.levels[k]) * hit
    peak = _peak(out)
    if peak > 0 and beside > 0:
        out *= np.float32(beside / peak)
    return out[: round(seconds * RATE)]


def recorded(audio: Audio, rng: np.random.Generator) -> Audio:
    """As by another room, equaliser, compressor and noise floor, by chance."""
    audio = audio / max(_peak(audio), 1e-6)
    if rng.random() < 0.4:
        t = np.arange(round(0.6 * RATE)) / RATE
        room = rng.normal(size=t.size) * np.exp(-t * rng.uniform(6, 30)) * rng.uniform(0.01, 0.06)
        audio = audio + oaconvolve(audio, room.astype(np.float32))[: audio.size]
    for _ in range(int(rng.integers(0, 3))):
        low = np.exp(rng.uniform(np.log(40), np.log(4000)))
        band = sosfilt(butter(1, [low, min(low * 3, 10500)], "bandpass", fs=RATE, output="sos"), audio)
        audio = audio + (10 ** (rng.uniform(-14, 10) / 20) - 1) * band
    if rng.random() < 0.25:
        drive = rng.uniform(1, 6)
        audio = np.tanh(drive * audio / max(_peak(audio), 1e-6)) / drive
    noise = rng.normal(size=audio.size) * _peak(audio) * 10 ** (rng.uniform(-80, -34) / 20)
    return np.asarray(audio + noise, np.float32)
