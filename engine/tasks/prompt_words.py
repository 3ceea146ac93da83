"""Tags from a prompt in plain words, without a language model: known words of genre, mood, instrument, tempo, key.

Knows no model, no socket and no torch. What it finds is reported, so that nobody has to guess what was understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.grid.harmony import key_name

GENRES = (
    "acoustic, afrobeat, ambient, ballad, bluegrass, blues, bossa nova, breakbeat, chillout, choral, cinematic, "
    "classical, country, dance, dark ambient, deep house, disco, downtempo, drill, drum and bass, dub, dubstep, edm, "
    "electro, electronic, electropop, experimental, folk, funk, future bass, garage, gospel, grime, grunge, "
    "hard rock, hip hop, house, hyperpop, idm, indie, indie pop, indie rock, industrial, jazz, k-pop, latin, lo-fi, "
    "metal, minimal, motown, new wave, opera, orchestral, phonk, pop, post-rock, progressive rock, psytrance, punk, "
    "r&b, rap, reggae, reggaeton, rock, salsa, samba, shoegaze, singer-songwriter, ska, soul, soundtrack, surf, "
    "swing, synth-pop, synthwave, tango, tech house, techno, trance, trap, trip hop, vaporwave, waltz, world"
)
MOODS = (
    "aggressive, angry, anthemic, atmospheric, bright, calm, catchy, chill, cold, dark, dramatic, dreamy, driving, "
    "eerie, emotional, energetic, epic, ethereal, euphoric, fast, gentle, gritty, groovy, happy, haunting, heavy, "
    "hopeful, hypnotic, intense, intimate, joyful, laid-back, light, lonely, lush, meditative, melancholic, mellow, "
    "mysterious, nostalgic, peaceful, playful, powerful, quiet, raw, relaxing, romantic, sad, sentimental, slow, "
    "smooth, soft, soothing, spacious, sparse, suspenseful, tense, tender, triumphant, uplifting, upbeat, warm, weird"
)
INSTRUMENTS = (
    "808, accordion, acoustic guitar, arpeggio, banjo, bass, bass guitar, bells, brass, cello, choir, clap, clarinet, "
    "congas, distorted guitar, double bass, drum machine, drums, electric guitar, electric piano, fiddle, flute, "
    "french horn, glockenspiel, guitar, handpan, harmonica, harp, harpsichord, hi-hat, horns, kalimba, keys, kick, "
    "koto, lead, mandolin, marimba, oboe, organ, pad, percussion, piano, pluck, rhodes, saxophone, sitar, snare, "
    "steel drums, strings, sub bass, synth, synth bass, synth lead, synth pad, tabla, trombone, trumpet, tuba, "
    "ukulele, vibraphone, viola, violin, vocal chops, whistle, xylophone"
)
ALL_WORDS = f"{GENRES}, {MOODS}, {INSTRUMENTS}".split(", ")
SPELLINGS = {
    "lofi": "lo-fi", "lo fi": "lo-fi", "hiphop": "hip hop", "hip-hop": "hip hop", "dnb": "drum and bass",
    "d&b": "drum and bass", "drum & bass": "drum and bass", "drum n bass": "drum and bass", "rnb": "r&b",
    "synthpop": "synth-pop", "synth pop": "synth-pop", "kpop": "k-pop", "bossa": "bossa nova", "sax": "saxophone",
    "cinematics": "cinematic", "post rock": "post-rock", "laid back": "laid-back", "hihat": "hi-hat",
    "e-piano": "electric piano", "violins": "violin", "guitars": "guitar", "synths": "synth", "pads": "pad",
    "pianos": "piano", "trumpets": "trumpet", "melancholy": "melancholic", "relaxed": "relaxing",
}  # fmt: skip
TEMPO = re.compile(r"\b(\d{2,3})(?:\s*-\s*\d{2,3})?\s*bpm\b", re.IGNORECASE)
INSTRUMENTAL = re.compile(r"\b(instrumental|no (?:vocals?|singing|voice|lyrics)|without (?:vocals?|singing))\b", re.I)
FALLBACK_TAG_LENGTH = 120

NO_LYRICS = (
    "This is an instrumental: without a language model no lyrics are written. Name an OpenAI-compatible endpoint "
    "(ACESTEP_PROMPT_URL, such as Ollama at http://127.0.0.1:11434/v1) or use text-to-audio with lyrics of your own."
)


@dataclass(frozen=True)
class Written:
    """What was made of a prompt: tags, lyrics ("" or "[inst]" for an instrumental), and what to tell the user."""

    tags: str
    lyrics: str
    warnings: tuple[str, ...] = ()


def write_from_prompt(prompt: str, instrumental: bool) -> Written:
    """Tags that the prompt names, in the order genre, mood, instruments, tempo, key. Always an instrumental."""
    text = _plain(prompt)
    words = [word for group in (GENRES, MOODS, INSTRUMENTS) for word in _known(text, group)]
    words += [f"{match} bpm" for match in TEMPO.findall(text)[:1]]
    words += [name for name in [key_name(text)] if name is not None]
    warnings = [] if instrumental or INSTRUMENTAL.search(text) else [NO_LYRICS]
    if not words:
        words = [" ".join(prompt.split())[:FALLBACK_TAG_LENGTH]]
        warnings.append(
            "No known word of genre, mood, instrument, tempo or key was found: the prompt itself is the tag."
        )
    tags = ", ".join(words)
    return Written(tags, "[inst]", (f"Tags chosen from the prompt: {tags}.", *warnings))


def _plain(prompt: str) -> str:
    text = " ".join(prompt.lower().split())
    for spelling, word in SPELLINGS.items():
        text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", word, text)
    return text


def _known(text: str, group: str) -> list[str]:
    """Known words in the order of the text; a longer name hides the shorter one inside it; "no drums" is left out."""
    words = sorted(ALL_WORDS, key=len, reverse=True)
    hits: list[tuple[int, int, str]] = []
    for word in words:
        for match in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
            inside = any(start <= match.start() < end for start, end, _ in hits)
            negated = re.search(r"\b(no|without|not)\s+(?:\w+\s)?$", text[: match.start()])
            if not inside:
                hits.append((match.start(), match.end(), "" if negated else word))
    wanted = set(group.split(", "))
    return list(dict.fromkeys(word for _, _, word in sorted(hits) if word in wanted))
