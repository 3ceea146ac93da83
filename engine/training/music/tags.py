"""Tag lines for a stretch of a clip, in the variety that people write. Knows no model and no sound."""

from __future__ import annotations

import numpy as np

from engine.constants import FRAME_RATE
from engine.grid.harmony import FLAT_NAMES, NOTE_NAMES
from engine.training.music.clips import ClipFacts
from engine.training.music.styles import INSTRUMENTS

STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "house": ("house", "deep house", "dance", "club"),
    "techno": ("techno", "minimal techno", "electronic", "industrial"),
    "trance": ("trance", "uplifting trance", "edm"),
    "drum and bass": ("drum and bass", "dnb", "jungle", "drum & bass"),
    "hip hop": ("hip hop", "hip-hop", "trap", "boom bap", "rap beat"),
    "lo-fi": ("lo-fi", "lofi", "chillhop", "lo-fi hip hop"),
    "synthwave": ("synthwave", "retrowave", "80s"),
    "rock": ("rock", "indie rock", "alternative rock", "hard rock"),
    "pop": ("pop", "indie pop", "pop song", "electropop"),
    "ballad": ("ballad", "piano ballad", "slow ballad", "sentimental"),
    "ambient": ("ambient", "atmospheric", "meditation", "soundscape", "cinematic"),
    "jazz": ("jazz", "swing", "jazz trio", "bebop"),
    "funk": ("funk", "disco", "groovy", "soul"),
    "reggae": ("reggae", "dub", "ska"),
    "bossa nova": ("bossa nova", "bossa", "latin", "samba"),
    "folk": ("folk", "acoustic", "country", "singer-songwriter"),
    "waltz": ("waltz", "classical", "waltz time"),
}
INSTRUMENT_WORDS: dict[str, tuple[str, ...]] = {
    "drums": ("drums", "drums", "drum kit", "drum machine", "beat", "percussion"),
    "bass": ("bass", "bass", "bassline", "bass line"),
    "pad": ("pad", "pad", "synth pad", "pads", "warm pad", "strings"),
    "pluck": ("pluck", "pluck", "guitar", "plucks", "acoustic guitar", "electric guitar"),
    "lead": ("lead", "lead", "melody", "lead synth"),
    "keys": ("keys", "keys", "piano", "keyboard", "chords"),
    "mallet": ("mallet", "mallet", "mallets", "percussive melody"),
    "arp": ("arp", "arpeggio", "arpeggiated synth", "sequence"),
    "riser": ("riser", "sweep", "build up", "noise riser"),
}
_MOODS = {
    ("minor", "slow"): ("sad", "melancholic", "dark", "moody", "emotional"),
    ("minor", "fast"): ("dark", "driving", "intense", "energetic"),
    ("major", "slow"): ("calm", "peaceful", "warm", "relaxing", "gentle"),
    ("major", "fast"): ("happy", "upbeat", "uplifting", "energetic", "cheerful"),
}
_EXTRA_WORDS = (
    "solo only no without with and in the a of instrumental stem loop fast slow mid-tempo bright mellow warm soft "
    "airy crisp spacious reverb dreamy dry intimate clean distorted busy sparse full track music song groove synth bpm "
    "tempo waltz triple meter major minor maj min sharp flat key 3/4 4/4 6/8 high low big deep"
)


def tags_for(facts: ClipFacts, first: int, last: int, rng: np.random.Generator) -> str:
    """A line for latent frames first ... last-1: who plays there, style, key, mood, tempo; some dropped, shuffled."""
    share = facts.activity[:, first:last].mean(axis=1)
    present = [name for name, active in zip(INSTRUMENTS, share, strict=True) if active > 0.3]
    words = [_instrument(facts, name, rng) for name in present if rng.random() < 0.88]
    if len(present) == 1 and rng.random() < 0.4:
        words = [str(rng.choice([f"solo {words[0]}", f"{words[0]} only", f"{words[0]} stem"]))] if words else []
    if rng.random() < 0.8:
        options = STYLE_WORDS[facts.style]
        words.append(options[0] if rng.random() < 0.6 else str(rng.choice(options)))
    if rng.random() < 0.85:
        words.append(key_words(facts.root, facts.mode, rng))
    point, _ = facts.tempo_map.bars_at((first + last) / 2 / FRAME_RATE)
    words += _colour(facts, point.bpm, rng)
    if rng.random() < 0.4:
        words.append(f"{point.bpm:.0f} bpm")
    if rng.random() < 0.15:
        words.append(f"{point.numerator}/{point.denominator}")
    rng.shuffle(words)
    return (", " if rng.random() < 0.85 else " ").join(words) or "instrumental"


def _instrument(facts: ClipFacts, name: str, rng: np.random.Generator) -> str:
    if name in facts.kinds and rng.random() < 0.45:
        return facts.kinds[name]
    options = INSTRUMENT_WORDS[name]
    if name in ("pluck", "keys", "pad") and rng.random() < 0.7:
        options = options[:2]
    return str(rng.choice(options))


def key_words(root: int, mode: str, rng: np.random.Generator) -> str:
    """A key as people write it: "F# minor", "gb minor", "F sharp min"."""
    name = FLAT_NAMES[root] if root in FLAT_NAMES and rng.random() < 0.4 else NOTE_NAMES[root]
    if rng.random() < 0.15:
        name = name.replace("#", " sharp").replace("b", " flat") if len(name) > 1 else name
    return f"{name} {mode[:3] if rng.random() < 0.15 else mode}"


def _colour(facts: ClipFacts, bpm: float, rng: np.random.Generator) -> list[str]:
    words = []
    pace = "fast" if bpm > 115 else "slow"
    if rng.random() < 0.3:
        words.append(str(rng.choice(_MOODS[(facts.mode, pace)])))
    if rng.random() < 0.15 and not 90 < bpm < 120:
        words.append(pace)
    if facts.brightness > 1.2 and rng.random() < 0.4:
        words.append(str(rng.choice(["bright", "crisp", "airy"])))
    if facts.brightness < 0.7 and rng.random() < 0.4:
        words.append(str(rng.choice(["mellow", "warm", "soft"])))
    if facts.room > 0.35 and rng.random() < 0.4:
        words.append(str(rng.choice(["spacious", "reverb", "dreamy"])))
    if facts.room < 0.1 and rng.random() < 0.3:
        words.append(str(rng.choice(["dry", "intimate"])))
    return words


def stem_words() -> list[str]:
    """Every word for an instrument, those of its kinds too."""
    from engine.training.music.voices import KINDS

    groups = [*INSTRUMENT_WORDS.values(), *(tuple(kinds) for kinds in KINDS.values())]
    return sorted({word for words in groups for word in words})


def all_phrases() -> list[str]:
    """Every phrase that `tags_for` can write, for making the vocabulary."""
    from engine.training.music.voices import KINDS

    phrases = [_EXTRA_WORDS, *(w for group in (STYLE_WORDS, INSTRUMENT_WORDS) for ws in group.values() for w in ws)]
    phrases += [kind for kinds in KINDS.values() for kind in kinds]
    phrases += [word for words in _MOODS.values() for word in words]
    phrases += [f"{name} {mode}" for name in NOTE_NAMES for mode in ("major", "minor")]
    return [*phrases, *NOTE_NAMES, *FLAT_NAMES.values()]
