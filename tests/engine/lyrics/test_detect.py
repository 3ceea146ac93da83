"""Finding the language of lines: by script, by the song, by the neighbours."""

from __future__ import annotations

import pytest

from engine.lyrics.detect import detect_languages

# Written for this test; none of them was used to choose the detector's tables.
SONGS = {
    "en": [
        "burning in the dark",
        "never going home again",
        "tell me where we are",
        "summer rain on broken glass",
        "stars are falling",
        "hold on to tomorrow",
    ],
    "de": [
        "unter dem weiten Himmel",
        "Regen fällt auf die Stadt",
        "bleib bei mir",
        "wohin gehst du",
        "Feuer brennt in der Ferne",
        "Träume aus Glas",
    ],
    "fr": [
        "sous le ciel de Paris",
        "la pluie tombe encore",
        "reste près de moi",
        "où vas-tu ce matin",
        "le feu brûle au loin",
        "des rêves de verre",
    ],
    "es": [
        "bajo el cielo azul",
        "la lluvia cae otra vez",
        "quédate a mi lado",
        "adónde vas mañana",
        "el fuego arde lejos",
        "sueños de cristal",
    ],
    "it": [
        "sotto il cielo blu",
        "la pioggia cade ancora",
        "resta vicino a me",
        "dove vai domani",
        "il fuoco brucia lontano",
        "sogni di vetro",
    ],
    "pt": [
        "debaixo do céu azul",
        "a chuva cai outra vez",
        "fica ao meu lado",
        "onde vais amanhã",
        "o fogo arde ao longe",
        "sonhos de vidro",
    ],
    "pl": [
        "pod błękitnym niebem",
        "deszcz pada znowu",
        "zostań przy mnie",
        "dokąd idziesz jutro",
        "ogień płonie w oddali",
        "szklane sny",
    ],
    "tr": [
        "mavi gökyüzü altında",
        "yağmur yine yağıyor",
        "yanımda kal",
        "yarın nereye gidiyorsun",
        "ateş uzakta yanıyor",
        "camdan rüyalar",
    ],
    "cs": [
        "pod modrým nebem",
        "déšť zase padá",
        "zůstaň se mnou",
        "kam jdeš zítra",
        "oheň hoří v dálce",
        "skleněné sny",
    ],
    "nl": [
        "onder de blauwe lucht",
        "regen valt op de stad",
        "blijf dicht bij mij",
        "waar ga je morgen heen",
        "vuur brandt in de verte",
        "dromen van glas",
    ],
    "hu": [
        "a kék ég alatt",
        "megint esik az eső",
        "maradj mellettem",
        "hová mész holnap",
        "tűz ég a távolban",
        "üvegből álmok",
    ],
}


@pytest.mark.parametrize("language", SONGS)
def test_every_line_of_a_song_is_in_its_language(language: str) -> None:
    assert detect_languages(SONGS[language]) == [language] * len(SONGS[language])


def test_most_lines_are_found_alone() -> None:
    alone = [(language, detect_languages([line])[0]) for language, lines in SONGS.items() for line in lines]
    right = sum(found == language for language, found in alone)
    assert right / len(alone) >= 0.9  # py3langid by itself: 0.83


def test_a_song_of_two_languages_keeps_both() -> None:
    song = {
        "La noche es larga sin tu voz": "es",
        "cantamos esta canción": "es",
        "I want to dance with you tonight": "en",
        "porque te quiero más que ayer": "es",
        "let it burn, let it burn": "en",
    }
    assert detect_languages(list(song)) == list(song.values())


@pytest.mark.parametrize(
    ("lines", "languages"),
    [
        (["我走过深夜的街道"], ["zh"]),
        (["君を愛してる", "東京"], ["ja", "ja"]),  # Han alone is Japanese among kana
        (["我爱你", "我走过深夜", "お"], ["zh", "zh", "ja"]),  # but one line of kana does not make a song Japanese
        (["사랑해", "baby"], ["ko", "en"]),
        (["oh my baby 사랑해 tonight"], ["ko"]),  # only the Korean cleaner can write Hangul
        (["Я иду по улице"], ["ru"]),
        (["Привет, my old friend"], ["en"]),
        (["أحبك أكثر"], ["ar"]),
        (["मैं तुमसे प्यार"], ["hi"]),
        (["ฉันรักเธอ", "γειά σου"], ["en", "en"]),  # no token for them
        (["Jag älskar dig så mycket", "natten är kall"], ["en", "en"]),
    ],
)
def test_scripts(lines: list[str], languages: list[str]) -> None:
    assert detect_languages(lines) == languages


def test_lines_without_letters_take_the_nearest_language_the_one_before_first() -> None:
    lines = ["", "123", "我爱你", "***", "the night is all we have", "24/7", "", "♪"]
    assert detect_languages(lines) == ["zh", "zh", "zh", "zh", "en", "en", "en", "en"]
    assert detect_languages(["123", ""]) == ["en", "en"]
    assert detect_languages([]) == []


def test_syllables_that_are_sung_everywhere_take_the_nearest_language() -> None:
    assert detect_languages(["Je t'aime pour toujours", "la la la", "oh oh"]) == ["fr"] * 3


def test_structure_tags_count_for_nothing() -> None:
    assert detect_languages(["[couplet]", "Ti amo più della mia vita"]) == ["it", "it"]
