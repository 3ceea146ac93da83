"""Common words that tell languages in Latin letters apart on short lines, and syllables that tell nothing.

Own lists of frequent words of songs; knows no likelihoods.
"""

from __future__ import annotations

from collections.abc import Mapping

_VOCABLES = (
    "a aa ah ay ba bam da dam dee di doo du eh ey ha hah hey ho hoo la lai li lo mm mmm na nah o oh ohh oo ooh ooo "
    "pa ra sha shoop ta tra tu uh uhh uo whoa wo woah woo wow ya yay yeah yo"
)

_WORDS = {
    "en": "the and you i we my your with this that is are it's i'm don't love night all of to baby can it up what "
    "when me in be for not was have will one now down out like know got want feel there she he they our her his",
    "de": "ich du und der die das ist nicht wir ein eine mit dich mich mir dir auf für so bin bist nur noch mein dein "
    "will nacht liebe immer zu von wie was wenn es im den sie er allein kein heute",
    "fr": "je tu et le la les un une est pas nous vous mon ma toi moi dans avec pour que qui ce c'est j'ai sur suis ne "
    "des du amour nuit au aux toujours il elle on si plus mais tout seul",
    "es": "yo tú y el la los las un una es no mi tu te me que con para por en de se estoy eres amor noche más como "
    "siempre conmigo corazón soy nos al lo si esta este quiero cuando todo",
    "it": "io tu e il la gli un una è non mi ti che con per in di sono sei amore notte più come sempre mio mia della "
    "del nel questa quando ma ci si lo cuore mai",
    "pt": "eu tu você e o a os as um uma é não me te que com para por em de estou meu minha amor noite mais como "
    "sempre comigo coração sou nos do da no na quando hoje tudo",
    "pl": "ja ty i jest nie w na z się to co mnie ciebie mi że jak do po dla tak jestem noc miłość zawsze ze ma być "
    "tylko już kiedy gdy moje sam",
    "tr": "ben sen ve bir bu ne için ile gibi çok seni beni sana bana değil var yok gece aşk benimle kadar gel her "
    "kalbim daha bize biz nasıl",
    "cs": "já ty a je v na s se to co mi mě tě že jak do po pro tak jsem jsi noc láska vždy ze jen už když moje sám "
    "není byl bylo život",
    "nl": "ik jij je en de het een is niet wij met mij mijn jou jouw voor van dat in op te zijn ben bent nacht "
    "liefde altijd maar ook als wat er naar nog waar alleen was",
    "hu": "én te és a az egy nem van hogy mint de ha csak még már mert vagy vagyok engem téged velem veled éjszaka "
    "szerelem mindig itt minden volt nincs szeretlek jó ma",
}

# Sung in every language: a line of nothing else takes its neighbours' language.
VOCABLES = frozenset(_VOCABLES.split(" "))
COMMON_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split(" ")) for language, words in _WORDS.items()
}
