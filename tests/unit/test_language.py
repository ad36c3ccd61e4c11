from __future__ import annotations

from gmlm.language import SURE_FROM, identified_language, is_in_language

GERMAN = "Die Patientin klagt seit drei Tagen über Husten, Auswurf und Fieber bis 39 Grad; die Lunge ist frei. "
ENGLISH = "The patient has had a cough, sputum and fever of up to 39 degrees for three days; the lungs are clear. "


def test_long_texts_are_told_apart():
    for text, language in ((GERMAN * 3, "de"), (ENGLISH * 3, "en")):
        assert identified_language(text) == language
        assert is_in_language(text, language)
        assert not is_in_language(text, "de" if language == "en" else "en")


def test_the_start_of_a_text_decides():
    assert identified_language(GERMAN * 5 + ENGLISH * 50) == "de"


def test_texts_below_the_limit_are_kept_and_at_the_limit_judged():
    text = (ENGLISH * 3)[:SURE_FROM]
    assert is_in_language(text[:-1], "de")
    assert not is_in_language(text, "de")
