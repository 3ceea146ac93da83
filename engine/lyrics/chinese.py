"""Numbers and punctuation of Chinese lines: digits to characters by rules, punctuation to pauses. Knows no pinyin."""

from __future__ import annotations

import re
import unicodedata

DIGITS = "零一二三四五六七八九"
PLACES = ("", "十", "百", "千")  # inside a group of four
GROUPS = ("", "万", "亿", "兆")
LONGEST_CARDINAL = 4 * len(GROUPS)  # digits; longer numbers are read digit by digit
LONGEST_BARE_CARDINAL = 3  # a bare number of more digits is a year, a telephone or a code: digit by digit

# Measure words and currencies: before them a number of any length is a quantity.
UNITS = (
    *"个位名只条张本件把辆匹头座棵朵颗粒支枝根块片双对套间层首句次遍回场杯瓶碗盘包盒箱群排封部架台家所门步圈滴",
    *"岁年月天日号夜周秒点里米尺寸斤克吨升度倍人元角毛分",
    *("分钟", "小时", "公里", "厘米", "毫米", "公斤", "美元", "欧元", "英镑", "日元", "人民币"),
)

_NUMBER = r"\d+(?:\.\d+)?"
_YEAR = re.compile(r"(\d{4}|[089]\d)(?=年)")
_PERCENT = re.compile(rf"({_NUMBER})%")
_FRACTION = re.compile(r"(\d+)/(\d+)")
_QUANTITY = re.compile(rf"({_NUMBER})(?=[多余几]?(?:{'|'.join(sorted(UNITS, key=len, reverse=True))}))")
_EMPTY_GROUP = re.compile(r"(?<=\d,)0{3}(?![\d.])")  # 100,000 is read as 100 and a pause
_BARE = re.compile(_NUMBER)


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.digit(char)) if char.isdecimal() else char for char in text)


def spell_digits(digits: str) -> str:
    """`2024` becomes 二零二四."""
    return "".join(DIGITS[int(digit)] for digit in digits)


def _group(digits: str) -> str:
    """At most four digits without leading zeros, such as 205: 两百零五. 二 is 两 before 百 and 千."""
    spelled, gap = "", False
    for place, digit in zip(reversed(range(len(digits))), digits, strict=True):
        if digit == "0":
            gap = True
            continue
        name = "两" if digit == "2" and place >= 2 else DIGITS[int(digit)]
        spelled += ("零" if gap and spelled else "") + name + PLACES[place]
        gap = False
    return spelled


def _grouped(digits: str) -> str:
    """A positive integer without leading zeros, in groups of four."""
    spelled = ""
    count = -(-len(digits) // 4)
    padded = digits.zfill(4 * count)
    for index in range(count):
        part = padded[4 * index : 4 * index + 4]
        value = part.lstrip("0")
        if not value:
            continue
        name = "两" if value == "2" and index < count - 1 else _group(value)
        gap = spelled and (part[0] == "0" or padded[4 * index - 1] == "0")
        spelled += ("零" if gap else "") + name + GROUPS[count - 1 - index]
    return spelled


def spell_cardinal(number: str) -> str:
    """`21` becomes 二十一, `12.5` 十二点五, `007` 零七; leading zeros are read as one."""
    whole, _, fraction = number.partition(".")
    significant = whole.lstrip("0")
    if len(significant) > LONGEST_CARDINAL:
        spelled = spell_digits(whole)
    elif not significant:
        spelled = "零"
    else:
        spelled = _grouped(significant)
        spelled = spelled[1:] if spelled.startswith("一十") else spelled
        spelled = ("零" if len(significant) < len(whole) else "") + spelled
    return spelled + (f"点{spell_digits(fraction)}" if fraction else "")


def _spell_bare(match: re.Match[str]) -> str:
    number = match.group(0)
    long = "." not in number and len(number) > LONGEST_BARE_CARDINAL
    return spell_digits(number) if long else spell_cardinal(number)


def spell_numbers(text: str) -> str:
    """Years, percentages, fractions, quantities, then what is left, in characters."""
    text = _ascii_digits(text)
    text = _YEAR.sub(lambda match: spell_digits(match.group(1)), text)
    text = _PERCENT.sub(lambda match: "百分之" + spell_cardinal(match.group(1)), text)
    text = _FRACTION.sub(lambda match: f"{spell_cardinal(match.group(2))}分之{spell_cardinal(match.group(1))}", text)
    text = _QUANTITY.sub(lambda match: spell_cardinal(match.group(1)), text)
    return _BARE.sub(_spell_bare, _EMPTY_GROUP.sub("", text))


def _is_pause(char: str) -> bool:
    """Punctuation of any script, and ASCII symbols, full-width ones too."""
    if unicodedata.category(char)[0] == "P":
        return True
    plain = unicodedata.normalize("NFKC", char)
    return len(plain) == 1 and plain.isascii() and plain.isprintable() and not (plain.isalnum() or plain == " ")


def pauses(text: str) -> str:
    """Every punctuation mark is a comma in Chinese lines: that is all the model was taught."""
    return "".join("," if _is_pause(char) else char for char in text)
