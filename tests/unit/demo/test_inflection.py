"""German and English inflection; the expected forms are from the Duden grammar's tables."""

import pytest

from gmlm.demo.inflection import article, indefinite_article, inflect_noun, noun_phrase


@pytest.mark.parametrize(
    ("kind", "case", "gender", "expected"),
    [
        ("def", "nom", "m", "der alte Mann"),
        ("def", "acc", "m", "den alten Mann"),
        ("def", "gen", "m", "des alten Manns"),
        ("indef", "nom", "m", "ein alter Mann"),
        ("kein", "dat", "m", "keinem alten Mann"),
        ("", "nom", "m", "alter Mann"),
        ("", "dat", "m", "altem Mann"),
    ],
)
def test_masculine_phrases(kind, case, gender, expected):
    phrase = noun_phrase("alt~ Mann", kind, case, gender)
    assert f"{article(kind, case, gender)} {phrase}".strip() == expected


@pytest.mark.parametrize(
    ("kind", "case", "expected"),
    [
        ("indef", "acc", "eine akute Pankreatitis"),
        ("def", "gen", "der akuten Pankreatitis"),
        ("kein", "nom", "keine akute Pankreatitis"),
        ("", "dat", "akuter Pankreatitis"),
    ],
)
def test_feminine_phrases(kind, case, expected):
    assert f"{article(kind, case, 'f')} {noun_phrase('akut~ Pankreatitis', kind, case, 'f')}".strip() == expected


@pytest.mark.parametrize(
    ("kind", "case", "expected"),
    [
        ("indef", "nom", "ein nephrotisches Syndrom"),
        ("def", "nom", "das nephrotische Syndrom"),
        ("indef", "gen", "eines nephrotischen Syndroms"),
        ("", "acc", "nephrotisches Syndrom"),
    ],
)
def test_neuter_phrases(kind, case, expected):
    assert f"{article(kind, case, 'n')} {noun_phrase('nephrotisch~ Syndrom', kind, case, 'n')}".strip() == expected


@pytest.mark.parametrize(
    ("kind", "case", "expected"),
    [
        ("indef", "nom", "feuchte Rasselgeräusche"),
        ("kein", "nom", "keine feuchten Rasselgeräusche"),
        ("def", "dat", "den feuchten Rasselgeräuschen"),
        ("", "gen", "feuchter Rasselgeräusche"),
    ],
)
def test_plural_phrases(kind, case, expected):
    assert f"{article(kind, case, 'p')} {noun_phrase('feucht~ Rasselgeräusche', kind, case, 'p')}".strip() == expected


@pytest.mark.parametrize(
    ("noun", "gender", "override", "genitive"),
    [
        ("Infarkt", "m", "", "Infarkts"),
        ("Lungenabszess", "m", "", "Lungenabszesses"),
        ("Fuß", "m", "", "Fußes"),
        ("Ulkus", "n", "", "Ulkus"),
        ("Thorax", "m", "", "Thorax"),
        ("Leber", "f", "", "Leber"),
        ("Herz", "n", "Herzens", "Herzens"),
        ("Asthma", "n", "-", "Asthma"),
    ],
)
def test_genitives(noun, gender, override, genitive):
    assert inflect_noun(noun, "gen", gender, override) == genitive


def test_only_the_head_noun_is_inflected():
    assert noun_phrase("Kollaps der Lunge", "def", "gen", "m") == "Kollaps der Lunge"
    assert noun_phrase("Riss der Sehne", "def", "gen", "m", "Risses") == "Risses der Sehne"


def test_each_adjective_of_a_phrase_is_inflected():
    phrase = noun_phrase("transitorisch~ ischämisch~ Attacke", "indef", "dat", "f")
    assert phrase == "transitorischen ischämischen Attacke"


@pytest.mark.parametrize(("word", "expected"), [("ulcer", "an"), ("tumor", "a"), ("ureteral", "a"), ("uterus", "a")])
def test_english_indefinite_article(word, expected):
    assert indefinite_article(word) == expected
