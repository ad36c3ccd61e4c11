"""Each quality rule drops what it is there for and lets ordinary text pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.config import RecipeConfig
from gmlm.corpus.filters import Candidate, recipe_filters
from gmlm.corpus.quality import RULES, Measured, _filled_lines, _paragraphs

WORDS = (
    "Die Patientin wurde mit Fieber und Husten in der Klinik aufgenommen. Bei der Untersuchung war die Lunge rechts "
    "basal gedämpft, das Herz rhythmisch, der Bauch weich. Im Röntgenbild zeigte sich eine Pneumonie im rechten "
    "Unterlappen. Wir begannen eine antibiotische Behandlung mit Ampicillin. Darunter sank das Fieber rasch, und sie "
    "konnte nach sieben Tagen in gutem Zustand nach Hause entlassen werden. Eine Kontrolle beim Hausarzt ist nötig."
)
LIST = "Medikation:\n- Ramipril 5 mg 1-0-0\n- ASS 100 mg 1-0-0\n- Metformin 1000 mg 1-0-1"


def dropped_by(text: str, rules: str) -> list[str]:
    measured = Measured(text, "de")
    return [looked_at for looked_at, rule in RULES[rules].items() if rule(measured)]


@pytest.mark.parametrize("rules", sorted(RULES))
def test_an_ordinary_letter_passes_every_rule(rules):
    assert dropped_by(WORDS, rules) == []


def test_the_clinical_rules_let_lists_and_short_notes_pass_and_those_for_web_pages_do_not():
    for note in (LIST, "Abdomen weich. Keine Resistenzen.", "Hb 12,1 g/dl, Leukozyten 8,2 G/l"):
        assert dropped_by(note, "clinical") == []
        assert dropped_by(note, "gopher") != []


@pytest.mark.parametrize(
    ("rules", "looked_at", "text"),
    [
        ("gopher", "number of words", "Zu wenig und die der Worte."),
        ("gopher", "length of words", "a b und die " * 30),
        ("gopher", "symbols", WORDS + " #" * 20),
        ("gopher", "bullets", "\n".join(f"- {WORDS}" for _ in range(3))),
        ("gopher", "ellipses", f"{WORDS}...\n{WORDS}…"),
        ("gopher", "words without letters", WORDS + " 123" * 40),
        ("gopher", "stop words", "Befund " * 60),
        ("gopher_repetition", "repeated paragraphs", "\n\n".join([WORDS] * 3)),
        ("gopher_repetition", "repeated lines", "\n".join([WORDS] * 3)),
        ("gopher_repetition", "one n-gram", "kein Befund " * 5 + "sonst nichts zu sagen hier"),
        ("gopher_repetition", "repeated n-grams", "alles in der Lunge frei und " * 6 + WORDS),
        ("c4", "placeholder text", f"{WORDS} Lorem ipsum dolor."),
        ("c4", "program code", f"{WORDS} function() {{"),
        ("c4", "number of sentences", "Nur ein Satz"),
        ("clinical", "mostly blanks", "Herr [**Name 1**] kam ___ und ___ am [**2118-1-1**] ___"),
        ("clinical", "mostly figures", "Na 140 141 139 138 K 4,1 4,2 4,0 3,9"),
        ("clinical", "damaged characters", "GrÃ¶ÃŸe der Niere und LÃ¤nge"),
        ("clinical", "one character per word", "B e f u n d o h n e alles"),
    ],
)
def test_each_rule_drops_what_it_is_there_for(rules, looked_at, text):
    assert looked_at in dropped_by(text, rules)


@pytest.mark.parametrize("text", ["", "\n", "-"])
def test_texts_without_words_break_no_rule_book(text):
    for rules in RULES:
        dropped_by(text, rules)


def test_a_recipe_names_the_rule_that_dropped_and_applies_only_the_sets_that_it_asks_for():
    def reasons(**recipe):
        filters = recipe_filters(RecipeConfig(sources={"a": {}}, **recipe))
        candidate = Candidate("a", LIST)
        return [each.reason for each in filters if each.drops(candidate)]

    assert reasons() == []
    assert reasons(quality=("clinical",)) == []
    assert "gopher: number of words" in reasons(quality=("clinical", "gopher"))


@given(st.text(alphabet=st.sampled_from("aB1_²½.-…#ßé٣ \n\t\u00a0\u2028")) | st.text())
def test_words_and_lines_are_those_of_the_patterns_that_define_them(text):
    measured = Measured(text, "de")
    assert measured.spoken == re.findall(r"[^\w\s]*\w\S*", text)
    assert measured.with_letters == len(re.findall(r"(?:[\d_]|[^\w\s])*[^\W\d_]\S*", text))
    assert _filled_lines(measured) == re.split(r"\n+", text)
    assert _paragraphs(measured) == re.split(r"\n{2,}", text)
