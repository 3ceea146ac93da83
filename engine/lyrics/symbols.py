"""Symbols that are read aloud, for each language. Knows no numbers: currencies beside a number are gone by then."""

from __future__ import annotations

from collections.abc import Mapping

SYMBOLS = "&@%#$£°"

# language -> the words of SYMBOLS, in their order
WORDS: Mapping[str, tuple[str, ...]] = {
    "en": ("and", "at", "percent", "hash", "dollar", "pound", "degree"),
    "de": ("und", "at", "prozent", "raute", "dollar", "pfund", "grad"),
    "fr": ("et", "arobase", "pour cent", "dièse", "dollar", "livre", "degrés"),
    "es": ("y", "arroba", "por ciento", "numeral", "dolar", "libra", "grados"),
    "it": ("e", "chiocciola", "per cento", "cancelletto", "dollaro", "sterlina", "gradi"),
    "pt": ("e", "arroba", "por cento", "cardinal", "dólar", "libra", "graus"),
    "pl": ("i", "małpa", "procent", "krzyżyk", "dolar", "funt", "stopnie"),
    "tr": ("ve", "at", "yüzde", "diyez", "dolar", "sterlin", "derece"),
    "ru": ("и", "собака", "процентов", "номер", "доллар", "фунт", "градус"),
    "cs": ("a", "na", "procento", "křížek", "dolar", "libra", "stupně"),
    "nl": ("en", "bij", "procent", "hekje", "dollar", "pond", "graden"),
    "ar": ("و", "على", "في المئة", "رقم", "دولار", "جنيه", "درجة"),
    "hu": ("és", "kukac", "százalék", "kettőskereszt", "dollár", "font", "fok"),
    "ko": ("그리고", "에", "퍼센트", "번호", "달러", "파운드", "도"),
}

CHINESE_WORDS = {"£": "英镑", "°": "度"}  # the other symbols are pauses by then


def _spaced(words: Mapping[str, str]) -> dict[int, str]:
    return str.maketrans({symbol: f" {word} " for symbol, word in words.items()})


_TABLES = {"zh": _spaced(CHINESE_WORDS)} | {
    language: _spaced(dict(zip(SYMBOLS, words, strict=True))) for language, words in WORDS.items()
}


def expand_symbols(text: str, language: str) -> str:
    """`rock & roll` becomes `rock  and  roll` (white space is put right later)."""
    return text.translate(_TABLES.get(language, {}))
