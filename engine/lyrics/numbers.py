"""Numbers in words, for the languages that num2words speaks: thousands, currencies, decimals, ordinals, cardinals.

Knows nothing of Chinese (chinese.py). Czech, Hindi and Japanese are not here: the model learned them with digits.
The rules follow the text that v1 was trained on, odd readings included (tests/golden/lyric_lines.json).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

LONGEST_NUMBER = 60  # digits; num2words ends before in most languages, and longer ones are never words

CURRENCIES = {"£": "GBP", "$": "USD", "€": "EUR"}

_LETTER_FOLLOWS = r"[^\W\d_]"


@dataclass(frozen=True)
class NumberRules:
    """How one language writes numbers.

    `thousands` separates groups of three; `ordinal` is a pattern of what makes the digits before it an ordinal;
    `no_cents` opens the part that num2words adds for an amount without cents; a language without `decimals`
    reads the two sides apart.
    """

    thousands: str = "."
    ordinal: str | None = None
    no_cents: str | None = None
    decimals: bool = True


def _suffixes(*words: str) -> str:
    return f"(?:{'|'.join(words)})(?!{_LETTER_FOLLOWS})"


RULES: Mapping[str, NumberRules] = {
    "en": NumberRules(",", _suffixes("st", "nd", "rd", "th"), ", zero "),
    "de": NumberRules(ordinal=r"\.(?=\s|$)|" + _suffixes("º", "ª"), no_cents=" und null "),
    "fr": NumberRules(ordinal=_suffixes("º", "ª", "er", "re", "ère", "e", "ème", "ième"), no_cents=" et zéro "),
    "es": NumberRules(ordinal=_suffixes("º", "ª", "er", "era", "o", "a", "os", "as"), no_cents=" con cero "),
    "it": NumberRules(ordinal="°|" + _suffixes("º", "ª", "o", "a", "i", "e"), no_cents=" e zero "),
    "pt": NumberRules(ordinal=_suffixes("º", "ª", "o", "a", "os", "as"), no_cents=" e zero "),
    "pl": NumberRules(ordinal=_suffixes("º", "ª"), no_cents=", zero "),
    "tr": NumberRules(ordinal=r"\.|" + _suffixes("inci", "nci", "uncu", "üncü", "ıncı", "ncı"), decimals=False),
    "ru": NumberRules(",", "-" + _suffixes("й", "я", "е", "ое", "ье", "го"), ", ноль "),
    "nl": NumberRules(ordinal=_suffixes("de", "ste", "e"), no_cents=", nul "),
    "ar": NumberRules(),
    "hu": NumberRules(ordinal=r"\.(?=\s|$)|" + _suffixes("adik", "edik", "odik", "ödik", "ik"), no_cents=", nulla "),
    "ko": NumberRules(ordinal="번째|번|차|째"),
}

_DECIMAL = re.compile(r"\d+[.,]\d+")
_CARDINAL = re.compile(r"\d+")
_AMOUNT = r"\d+(?:[.,]\d+)*"
_MONEY = re.compile(rf"(?P<before>[£$€])(?P<left>{_AMOUNT})|(?P<right>{_AMOUNT})(?P<after>[£$€])")


@cache
def _num2words() -> Callable[..., Any]:
    from num2words import num2words

    speak: Callable[..., Any] = num2words
    return speak


def _words(value: float, language: str, **options: str) -> str | None:
    """What num2words says, or None where it has no words: it raises many kinds of error for many reasons."""
    speak = _num2words()
    try:
        return str(speak(value, lang=language, **options))
    except Exception:
        return None


def _digit_by_digit(digits: str, language: str) -> str:
    return " ".join(_words(int(digit), language) or digit for digit in digits)


def _join_thousands(text: str, separator: str) -> str:
    mark = re.escape(separator)
    groups = re.compile(rf"(?<!\d)\d{{1,3}}(?:{mark}\d{{3}})+(?!\d)")
    return groups.sub(lambda match: match.group(0).replace(separator, ""), text)


def _amount(written: str) -> float:
    """`20,15` and `1.234,50` as numbers: the last separator is the decimal one."""
    *whole, cents = re.split(r"[.,]", written)
    return float("".join(whole) + "." + cents) if whole else float(cents)


def _speak_money(match: re.Match[str], language: str, no_cents: str | None) -> str:
    symbol = match["before"] or match["after"]
    written = match["left"] or match["right"]
    if len(written) > LONGEST_NUMBER:
        return match.group(0)
    amount = _amount(written)
    words = _words(amount, language, to="currency", currency=CURRENCIES[symbol])
    if words is None:
        return match.group(0)
    return words.rpartition(no_cents)[0] or words if no_cents and amount.is_integer() else words


def _speak_decimal(match: re.Match[str], language: str) -> str:
    written = match.group(0)
    if len(written) > LONGEST_NUMBER:
        return written
    return _words(float(written.replace(",", ".")), language) or written


def _speak_ordinal(match: re.Match[str], language: str) -> str:
    digits = match.group(1)
    if len(digits) > LONGEST_NUMBER:
        return match.group(0)
    return _words(int(digits), language, to="ordinal") or match.group(0)


def _speak_cardinal(match: re.Match[str], language: str) -> str:
    digits = match.group(0)
    words = _words(int(digits), language) if len(digits) <= LONGEST_NUMBER else None
    return words or _digit_by_digit(digits, language)


def spell_numbers(text: str, language: str) -> str:
    """Every number of a line in words. A number too long for the language is read digit by digit."""
    rules = RULES.get(language)
    if rules is None or not any(char.isdecimal() for char in text):
        return text
    text = _join_thousands(text, rules.thousands)
    text = _MONEY.sub(lambda match: _speak_money(match, language, rules.no_cents), text)
    if rules.decimals:
        text = _DECIMAL.sub(lambda match: _speak_decimal(match, language), text)
    if rules.ordinal:
        ordinal = re.compile(rf"(\d+)(?:{rules.ordinal})")
        text = ordinal.sub(lambda match: _speak_ordinal(match, language), text)
    return _CARDINAL.sub(lambda match: _speak_cardinal(match, language), text)
