"""nano's words: a word-level tokenizer of at most 320 entries in the files that transformers reads. Knows no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from engine.grid.harmony import FLAT_NAMES, NOTE_NAMES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, END, UNKNOWN, NUMBER = "<pad>", "</s>", "<unk>", "<num>"
VOCABULARY_SIZE = 320
TEXT_LENGTH = 32
SPELLINGS = (
    (r"[-_/](?=[a-z])", " "),
    (r"♯", "#"),
    (r"♭", "b"),
    (r"(?<![\w/])(?![346]/[48])\d+(?:\.\d+)?(?:s\b|\b|(?=bpm))", f" {NUMBER} "),
    (r"\b([a-g](?:#|b)?)m\b", r"\1 minor"),
    (r"bpm", " bpm "),
)
SYNONYMS = {
    "lofi": "lo fi", "dnb": "drum and bass", "hiphop": "hip hop", "bassline": "bass line", "maj": "major",
    "min": "minor", "pads": "pad", "plucks": "pluck", "mallets": "mallet", "arpeggio": "arp", "guitars": "guitar",
    "drum": "drums", "percussion": "drums", "rhodes": "electric piano", "synths": "synth", "beats": "beat",
    "melancholy": "melancholic", "cheerful": "happy", "sombre": "sad", "violin": "strings", "violins": "strings",
    "orchestral": "strings", "cello": "strings", "orchestra": "strings", "vibes": "vibraphone",
    "xylophone": "marimba", "glockenspiel": "bells", "bell": "bells", "kick": "drums", "snare": "drums",
    "808": "sub bass", "relaxed": "relaxing", "chill": "relaxing", "chilled": "relaxing", "aggressive": "intense",
    "brass": "synth", "horns": "synth", "horn": "synth", "trumpet": "synth", "vocal": "choir", "vocals": "choir",
    "vocalist": "choir", "voice": "choir", "singer": "choir", "hats": "drums", "hat": "drums",
    "percussive drums": "percussive", "cymbal": "drums", "congas": "drums", "bongos": "drums", "shaker": "drums",
    "djembe": "drums", "tabla": "drums", "toms": "drums", "brushes": "soft drums", "jazzy": "jazz", "funky": "funk",
    "bluesy": "blues", "blues": "slow rock", "gospel": "soul", "rnb": "soul", "garage": "house", "acid": "techno",
    "psytrance": "trance", "breakbeat": "drums and bass", "dubstep": "drums and bass", "grunge": "rock",
    "shoegaze": "dreamy rock", "psychedelic": "dreamy", "idm": "electronic", "glitch": "electronic",
    "eurodance": "trance", "reggaeton": "reggae", "dancehall": "reggae", "salsa": "latin", "cumbia": "latin",
    "tango": "latin", "bolero": "latin", "afrobeat": "funk", "downtempo": "slow", "chillout": "relaxing",
    "lounge": "jazz", "vaporwave": "retrowave", "retro": "80s", "nostalgic": "dreamy", "heavy": "hard",
    "raw": "distorted", "drone": "pad", "saxophone": "lead", "sax": "lead", "clarinet": "flute", "woodwinds": "flute",
    "whistle": "flute", "whistling": "flute", "oboe": "flute", "fiddle": "strings", "string": "strings",
    "banjo": "guitar", "ukulele": "guitar", "sitar": "guitar", "koto": "harp", "guzheng": "harp",
    "kalimba": "marimba", "accordion": "organ", "bandoneon": "organ", "moog": "synth", "supersaw": "synth lead",
    "303": "techno", "909": "drums", "playful": "happy", "jolly": "happy", "lively": "upbeat", "festive": "upbeat",
    "motivational": "uplifting", "catchy": "pop", "romantic": "warm", "smooth": "mellow", "meditative": "meditation",
    "yoga": "meditation", "sleep": "meditation", "scary": "dark", "horror": "dark", "mysterious": "dark",
    "spooky": "dark", "dramatic": "cinematic", "trailer": "cinematic", "quiet": "soft", "loud": "energetic",
    "light": "soft", "tight": "dry", "analog": "warm", "vintage": "warm", "lush": "warm", "gritty": "distorted",
    "harsh": "distorted", "modern": "clean", "celtic": "folk", "bluegrass": "folk", "tropical": "house",
    "fx": "riser", "noise": "riser", "buildup": "build up", "epic": "cinematic", "ethereal": "dreamy",
    "metal": "hard rock", "punk": "rock", "folksy": "folk",
}  # fmt: skip

MINOR_NAMES = [letter + sign for letter in "abcdefg" for sign in ("", "#", "b")]


def words_of(phrases: list[str]) -> list[str]:
    """The words of phrases after the tokenizer's own normalisation, in order of first use."""
    tokenizer = _bare({UNKNOWN: 0})
    words: dict[str, None] = {}
    for phrase in phrases:
        text = tokenizer.normalizer.normalize_str(phrase)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):
            words.setdefault(word)
    return list(words)


def make_tokenizer(phrases: list[str]) -> Tokenizer:
    """Word level: lower case, numbers as one token, unknown words as `<unk>`, `</s>` at the end."""
    from tokenizers import processors

    words = [w for w in words_of(phrases) if w not in (PAD, END, UNKNOWN, NUMBER)]
    vocabulary = {word: index for index, word in enumerate([PAD, END, UNKNOWN, NUMBER, *words])}
    if len(vocabulary) > VOCABULARY_SIZE:
        raise ValueError(f"vocabulary: got {len(vocabulary)} words, expected at most {VOCABULARY_SIZE}; use fewer")
    tokenizer = _bare(vocabulary)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 1)])
    return tokenizer


def _bare(vocabulary: dict[str, int]) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    steps = [normalizers.NFKC(), normalizers.Lowercase()]
    steps += [normalizers.Replace(Regex(pattern), text) for pattern, text in _replacements()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s,;.:!?()\[\]&+\"']+"), behavior="removed")
    return tokenizer


def _replacements() -> list[tuple[str, str]]:
    synonyms = [(rf"\b{word}\b", text) for word, text in SYNONYMS.items() if word != text]
    spellings = [pair for pair in SPELLINGS if "\\1" not in pair[1]]
    letters = [(rf"\b{name}m\b", f"{name} minor") for name in MINOR_NAMES]
    return [*spellings[:3], *synonyms, *letters, *_keys(), *spellings[3:]]


def _keys() -> list[tuple[str, str]]:
    """A key with its mode is one word, however it is spelled: "db minor" and "c sharp minor" become "c#minor"."""
    return [
        (rf"\b{_spelled(root)}\s*-?\s*{mode}\b", f"{NOTE_NAMES[root].lower()}{mode}")
        for root in range(12)
        for mode in ("major", "minor")
    ]


def _spelled(root: int) -> str:
    names = [NOTE_NAMES[root], *([FLAT_NAMES[root]] if root in FLAT_NAMES else [])]
    signs = {"#": "(?:#| ?sharp)", "b": "(?:b| ?flat)"}
    return "(?:" + "|".join(name[0].lower() + signs.get(name[1:], "") for name in names) + ")"


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json, as transformers' PreTrainedTokenizerFast reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "unk_token": UNKNOWN,
        "model_max_length": TEXT_LENGTH,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
