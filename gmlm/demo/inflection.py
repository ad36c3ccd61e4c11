"""German articles and adjective endings, and the English indefinite article.

Declension follows Duden, Die Grammatik: strong endings without an article, weak ones behind the definite article, mixed
ones behind `ein` and `kein`.
"""

from __future__ import annotations

from typing import Literal

Article = Literal["", "def", "indef", "kein"]
Case = Literal["nom", "acc", "dat", "gen"]

_ARTICLES: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "def": {
        "nom": ("der", "die", "das", "die"),
        "acc": ("den", "die", "das", "die"),
        "dat": ("dem", "der", "dem", "den"),
        "gen": ("des", "der", "des", "der"),
    },
    "indef": {
        "nom": ("ein", "eine", "ein", ""),
        "acc": ("einen", "eine", "ein", ""),
        "dat": ("einem", "einer", "einem", ""),
        "gen": ("eines", "einer", "eines", ""),
    },
    "kein": {
        "nom": ("kein", "keine", "kein", "keine"),
        "acc": ("keinen", "keine", "kein", "keine"),
        "dat": ("keinem", "keiner", "keinem", "keinen"),
        "gen": ("keines", "keiner", "keines", "keiner"),
    },
}
_STRONG: dict[str, tuple[str, str, str, str]] = {
    "nom": ("er", "e", "es", "e"),
    "acc": ("en", "e", "es", "e"),
    "dat": ("em", "er", "em", "en"),
    "gen": ("en", "er", "en", "er"),
}
_GENDERS = "mfnp"


def article(kind: Article, case: Case, gender: str) -> str:
    """The article; empty where German has none (`indef` before a plural)."""
    return _ARTICLES[kind][case][_GENDERS.index(gender)] if kind else ""


def adjective_ending(kind: Article, case: Case, gender: str) -> str:
    """Ending of an adjective between the article and the noun."""
    if not kind or (kind == "indef" and gender == "p"):
        return _STRONG[case][_GENDERS.index(gender)]
    if case in ("dat", "gen") or gender == "p" or (case == "acc" and gender == "m"):
        return "en"
    return "e" if kind == "def" else _STRONG[case][_GENDERS.index(gender)]


def inflect_noun(noun: str, case: Case, gender: str, genitive: str = "") -> str:
    """The noun in its case: genitive `-s`/`-es` of masculine and neuter nouns, dative `-n` of plurals."""
    if case == "dat" and gender == "p":
        return noun + "n" if noun.endswith(("e", "el", "er")) else noun
    if case != "gen" or gender not in "mn" or genitive == "-":
        return noun
    if genitive:
        return genitive
    if noun.endswith(("ss", "ß", "z")):
        return noun + "es"
    return noun if noun.endswith(("s", "x")) else noun + "s"


def noun_phrase(german: str, kind: Article, case: Case, gender: str, genitive: str = "") -> str:
    """Inflect a name such as `akut~ Pankreatitis` without its article; only the head noun and adjectives change.

    The head is the first word that begins with a capital and is no adjective: what follows it stays, as in
    `Ulkus ventriculi`.
    """
    ending = adjective_ending(kind, case, gender)
    words, head_found = list[str](), False
    for word in german.split(" "):
        if word.endswith("~"):
            words.append(word[:-1] + ending)
        elif not head_found and word[:1].isupper():
            words.append(inflect_noun(word, case, gender, genitive))
            head_found = True
        else:
            words.append(word)
    return " ".join(words)


def indefinite_article(english: str) -> str:
    """`a` or `an` by the sound of the next word, which begins with a consonant in `ureteral` and `uterus`."""
    return "an" if english[0].lower() in "aeiou" and not english.startswith(("ur", "ut", "eu")) else "a"
