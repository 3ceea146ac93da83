"""Lyrics against the reference's records: cleaned text, ids, whole texts, and where ours differs on purpose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.constants import MAX_LYRIC_TOKENS
from engine.errors import CheckpointError, InvalidRequest
from engine.lyrics import count_tokens, encode_line, encode_lyrics, language_code
from engine.lyrics.chinese import spell_cardinal
from engine.lyrics.cleaning import clean, spell_out
from engine.lyrics.scripts import ROMANIZERS
from tests.support.lyrics_material import ROOT, golden, released_vocabulary

LINES = golden("lyric_lines.json")["rows"]
TEXTS = golden("lyrics.json")["lyrics"]

# Lines of lyric_lines.json that differ, with the reason. At most one in a hundred; at present every line is equal.
DIFFERENT_LINES: dict[tuple[str, str], str] = {}

# Texts of lyrics.json whose ids differ when the language is found, with (line number: ours) and the reason.
DIFFERENT_TEXTS: dict[str, tuple[dict[int, str], str]] = {
    "en_numbers": ({4: "en"}, "digits and symbols counted as Chinese: '100,000 miles & 50% more' is English"),
    "en_punct": (
        {1: "en", 2: "en", 3: "en", 4: "en"},
        "'oh, it's fine' is not German; '***', '123' and '!!!' have no letters and follow their neighbours",
    ),
    "es": ({4: "es"}, "'Este es un 1er test de 50 euros' is Spanish in a Spanish song, not French"),
    "pl": ({2: "pl"}, "'W 12 sekund' is Polish in a Polish song, not English"),
    "cs": ({2: "cs"}, "'Bylo tam 50 vojáků' is Czech, not Spanish"),
    "nl": ({2: "nl"}, "'Er waren 50 soldaten' is Dutch in a Dutch song, not English"),
    "hu": ({2: "hu"}, "'50 katona volt' is Hungarian in a Hungarian song, not Italian"),
    "emoji": ({2: "en"}, "'la la la' is sung in every language and follows its neighbours: not Spanish"),
}
# Texts that say that nothing is sung: silence, where the reference sang the tag (`inst`) or had no ids (`empty`).
SILENT_TEXTS = {"inst", "empty"}


@pytest.fixture(scope="module")
def vocabulary() -> Path:
    return released_vocabulary()


def test_at_least_99_percent_of_the_lines_may_differ_by_a_listed_reason() -> None:
    assert len(LINES) == 880
    assert len(DIFFERENT_LINES) <= len(LINES) // 100


def test_cleaned_lines_equal_the_reference() -> None:
    different = {(lang, text) for lang, text, cleaned, _ in LINES if clean(text, lang) != cleaned}
    assert different == set(DIFFERENT_LINES)


def test_ids_of_lines_equal_the_reference(vocabulary: Path) -> None:
    different = {(lang, text) for lang, text, _, ids in LINES if encode_line(text, lang, vocabulary) != ids}
    assert different == set(DIFFERENT_LINES)


@pytest.mark.parametrize("language", golden("lyrics.json")["forced"])
def test_a_given_language_gives_the_references_ids(vocabulary: Path, language: str) -> None:
    line, expected = golden("lyrics.json")["forced_line"], golden("lyrics.json")["forced"][language]
    assert clean(line, language) == expected["clean"]
    assert encode_line(line, language, vocabulary) == expected["ids"]


@pytest.mark.parametrize("case", golden("lyrics.json")["cleaners"], ids=lambda case: case["text"])
def test_cleaners_equal_the_reference(case: dict[str, str]) -> None:
    assert spell_out(case["text"], case["lang"]) == case["out"]


def test_each_line_of_the_texts_equals_the_reference_in_its_language(vocabulary: Path) -> None:
    lines = [line for text in TEXTS.values() for line in text["lines"] if not line.get("blank")]
    assert len(lines) > 70
    for line in lines:
        assert encode_line(line["line"], line["used"], vocabulary) == line["ids"], line["line"]


@pytest.mark.parametrize("name", sorted(set(TEXTS) - set(DIFFERENT_TEXTS) - SILENT_TEXTS))
def test_texts_equal_the_reference_with_the_language_found(vocabulary: Path, name: str) -> None:
    tokens = encode_lyrics(TEXTS[name]["text"], vocabulary=vocabulary)
    assert list(tokens.ids) == TEXTS[name]["ids"]
    assert set(tokens.mask) == {1} and len(tokens.mask) == len(tokens.ids)


@pytest.mark.parametrize("name", DIFFERENT_TEXTS)
def test_texts_that_differ_do_so_as_listed(vocabulary: Path, name: str) -> None:
    ours, _ = DIFFERENT_TEXTS[name]
    lines = TEXTS[name]["lines"]
    tokens = encode_lyrics(TEXTS[name]["text"], vocabulary=vocabulary)
    assert list(tokens.ids) != TEXTS[name]["ids"]
    expected = {number: ours.get(number, line.get("used")) for number, line in enumerate(lines, start=1)}
    assert dict(enumerate(tokens.languages, start=1)) == expected
    assert [language for number, language in ours.items() if lines[number - 1]["used"] != language]


@pytest.mark.parametrize("text", ["", "[inst]", "[instrumental]", " [Instrumental] \n"])
def test_nothing_sung_is_one_masked_token(text: str) -> None:
    tokens = encode_lyrics(text)  # needs no vocabulary
    assert (tokens.ids, tokens.mask) == ((0,), (0,))
    assert count_tokens(text) == 1


def test_layout_prefix_line_ends_and_blank_lines(vocabulary: Path) -> None:
    first, second = (encode_line(line, "en", vocabulary) for line in ("[verse]", "let it flow"))
    tokens = encode_lyrics("[verse]\n\n  let it flow \r\n", "en", vocabulary)
    assert list(tokens.ids) == [261, *first, 2, 2, *second, 2, 2]
    assert tokens.languages == ("en", None, "en", None)
    assert encode_line("  ", "en", vocabulary) == []


def test_east_asian_words_behind_a_tag_are_sung_in_their_language(vocabulary: Path) -> None:
    together = encode_lyrics("[verse] 我爱你", vocabulary=vocabulary)
    assert together.ids == encode_lyrics("[verse]\n我爱你", vocabulary=vocabulary).ids
    assert 1 not in together.ids  # as English, each character is unknown
    assert encode_lyrics("[verse] 我爱你", "zh", vocabulary) == together


def test_a_tag_line_is_english_in_a_song_of_any_language(vocabulary: Path) -> None:
    assert encode_lyrics("[verse] hola", "es", vocabulary).ids[1] == 259


@pytest.mark.parametrize(("given", "code"), [("EN", "en"), ("pt-BR", "pt"), ("zh_CN", "zh"), (" ja ", "ja")])
def test_language_names(given: str, code: str) -> None:
    assert language_code(given) == code


@pytest.mark.parametrize("given", ["sv", "xx", "", "english"])
def test_a_language_without_a_token_is_an_error(given: str) -> None:
    with pytest.raises(InvalidRequest, match="one of en, de, ") as caught:
        encode_line("hej", given)
    assert caught.value.field == "language"


def test_a_line_that_cannot_be_encoded_is_named(vocabulary: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"line 2, .*half of a pair") as caught:
        encode_lyrics("fine\nbroken \ud800 here", vocabulary=vocabulary)
    assert caught.value.field == "lyrics"
    with pytest.raises(InvalidRequest, match="broken"):
        encode_line("broken \ud800", "en", vocabulary)


def test_a_romaniser_that_fails_makes_an_error_that_names_the_line(
    vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_text: str) -> str:
        raise KeyError("no reading")

    monkeypatch.setitem(ROMANIZERS, "ja", fail)
    with pytest.raises(InvalidRequest, match=r"line 3, '歌う'.*as ja: KeyError"):
        encode_lyrics("[verse]\n\n歌う", vocabulary=vocabulary)


def test_too_long_lyrics_say_where_they_pass_the_limit(vocabulary: Path) -> None:
    line = "we sing tonight"
    each = len(encode_line(line, "en", vocabulary)) + 1
    fitting = (MAX_LYRIC_TOKENS - 1) // each
    fits, too_long = "\n".join([line] * fitting), "\n".join([line] * (fitting + 1))
    assert len(encode_lyrics(fits, "en", vocabulary).ids) == 1 + fitting * each
    with pytest.raises(InvalidRequest, match=f"passed in line {fitting + 1}.*at most 4,096 tokens") as caught:
        encode_lyrics(too_long, "en", vocabulary)
    assert caught.value.field == "lyrics"
    with pytest.raises(InvalidRequest, match="300,000 characters, expected at most 4,096 tokens"):
        encode_lyrics("la " * 100_000, "en", vocabulary)
    assert count_tokens(too_long, "en", vocabulary) == 1 + (fitting + 1) * each > MAX_LYRIC_TOKENS


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        ("0", "零"),
        ("10", "十"),
        ("15", "十五"),
        ("110", "一百一十"),
        ("205", "两百零五"),
        ("1005", "一千零五"),
        ("2000", "两千"),
        ("10010", "一万零一十"),
        ("20000", "两万"),
        ("120300", "十二万零三百"),
        ("100000000", "一亿"),
        ("3.14", "三点一四"),
        ("007", "零七"),
    ],
)
def test_chinese_cardinals(number: str, spelled: str) -> None:
    assert spell_cardinal(number) == spelled


@pytest.mark.parametrize(
    ("text", "language", "spelled"),
    [
        ("2024年 2000块 13800000000", "zh", "二零二四年 两千块 一三八零零零零零零零零"),
        ("５个", "zh", "五个"),
        ("21$ agora", "pt", "vinte e um dólares agora"),  # cut at the cents, not at the last "e"
        ("$1,234.50 now", "en", "one thousand, two hundred and thirty-four dollars, fifty cents now"),
        ("9" * 70, "en", " ".join(["nine"] * 70)),  # more than num2words can say
        ("the 3rdly", "en", "the threerdly"),  # a suffix ends with its word
        ("İSTANBUL", "tr", "istanbul"),
    ],
)
def test_spelling_beyond_the_goldens(text: str, language: str, spelled: str) -> None:
    assert spell_out(text, language) == spelled


def test_a_file_that_is_no_vocabulary_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "lyric_vocab.json"
    broken.write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be read"):
        encode_line("hello", "en", broken)
    with pytest.raises(CheckpointError, match="cannot be read"):
        encode_line("hello", "en", tmp_path / "absent.json")


def test_packages_load_only_when_their_language_comes_up(vocabulary: Path) -> None:
    script = """
import sys
heavy = {"torch", "tokenizers", "num2words", "pypinyin", "hangul_romanize", "cutlet", "py3langid"}
def loaded():
    return sorted(heavy & set(sys.modules))
import engine.lyrics
print(loaded())
engine.lyrics.encode_line("hello", "en", sys.argv[1])
print(loaded())
engine.lyrics.encode_line("我", "zh", sys.argv[1])
print(loaded())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(vocabulary)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "['tokenizers']", "['pypinyin', 'tokenizers']"]
