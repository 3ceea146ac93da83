"""Titles and other abbreviations, spelled out for each language. Knows no numbers and no symbols.

The words, `misess` included, are those that v1's lyrics were cleaned with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# language -> abbreviation (lower case, its dot left out) -> word
ABBREVIATIONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "mrs": "misess",
        "mr": "mister",
        "dr": "doctor",
        "st": "saint",
        "co": "company",
        "jr": "junior",
        "maj": "major",
        "gen": "general",
        "drs": "doctors",
        "rev": "reverend",
        "lt": "lieutenant",
        "hon": "honorable",
        "sgt": "sergeant",
        "capt": "captain",
        "esq": "esquire",
        "ltd": "limited",
        "col": "colonel",
        "ft": "fort",
    },
    "de": {"fr": "frau", "dr": "doktor", "st": "sankt", "co": "firma", "jr": "junior"},
    "fr": {
        "mme": "madame",
        "mr": "monsieur",
        "dr": "docteur",
        "st": "saint",
        "co": "compagnie",
        "jr": "junior",
        "ltd": "limitée",
    },
    "es": {
        "sra": "señora",
        "sr": "señor",
        "dr": "doctor",
        "dra": "doctora",
        "st": "santo",
        "co": "compañía",
        "jr": "junior",
        "ltd": "limitada",
    },
    "it": {
        "sig": "signore",
        "dr": "dottore",
        "st": "santo",
        "co": "compagnia",
        "jr": "junior",
        "ltd": "limitata",
    },
    "pt": {
        "sra": "senhora",
        "sr": "senhor",
        "dr": "doutor",
        "dra": "doutora",
        "st": "santo",
        "co": "companhia",
        "jr": "júnior",
        "ltd": "limitada",
    },
    "pl": {"p": "pani", "m": "pan", "dr": "doktor", "sw": "święty", "jr": "junior"},
    "tr": {"b": "bay", "byk": "büyük", "dr": "doktor"},
    "ru": {"г-жа": "госпожа", "г-н": "господин", "д-р": "доктор"},
    "cs": {"dr": "doktor", "ing": "inženýr", "p": "pan"},
    "nl": {"dhr": "de heer", "mevr": "mevrouw", "dr": "dokter", "jhr": "jonkheer"},
    "hu": {"dr": "doktor", "b": "bácsi", "nőv": "nővér"},
}

# Russian shortens with a hyphen, so there the abbreviation ends with its word and a dot after it is kept.
_ENDING = {"ru": r"\b"}
_DOT = r"\."


@cache
def _pattern(language: str) -> re.Pattern[str]:
    words = sorted(ABBREVIATIONS[language], key=len, reverse=True)
    ending = _ENDING.get(language, _DOT)
    return re.compile(rf"\b({'|'.join(map(re.escape, words))}){ending}", re.IGNORECASE)


def expand_abbreviations(text: str, language: str) -> str:
    """`mr. smith` becomes `mister smith`; languages without a table keep the text."""
    words = ABBREVIATIONS.get(language)
    if not words:
        return text
    return _pattern(language).sub(lambda match: words[match.group(1).lower()], text)
