from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.corpus.decontamination import TaskNgrams, held_out_texts
from gmlm.corpus.normalisation import words
from gmlm.storage.local import LocalStore

TEST_SENTENCE = (
    "Bei dem Patienten besteht seit Jahren ein schlecht eingestellter Diabetes mellitus Typ zwei mit Nephropathie"
)


def test_a_shared_ngram_is_found_within_other_text_whatever_its_case_and_punctuation():
    ngrams = TaskNgrams({"ner": [TEST_SENTENCE], "qa": ["Etwas ganz anderes"]}, 13)
    assert ngrams.tasks_in([f"Anamnese. {TEST_SENTENCE.upper()}, sonst gesund."])[0] == ["ner"]


def test_twelve_shared_words_are_not_thirteen():
    ngrams = TaskNgrams({"ner": [TEST_SENTENCE]}, 13)
    thirteen, twelve = " ".join(words(TEST_SENTENCE)[:13]), " ".join(words(TEST_SENTENCE)[:12])
    assert ngrams.tasks_in([f"Also {thirteen} und so."])[0] == ["ner"]
    assert ngrams.tasks_in([f"Also {twelve} und so weiter und so fort."])[0] == []


def test_a_short_test_text_marks_only_documents_equal_to_it():
    ngrams = TaskNgrams({"qa": ["Haben Sie Fieber?"]}, 13)
    assert ngrams.tasks_in(["haben sie fieber"])[0] == ["qa"]
    assert ngrams.tasks_in(["Haben Sie Fieber und Husten?"])[0] == []


def test_texts_without_words_share_nothing():
    assert TaskNgrams({"qa": ["?!", ""]}, 3).tasks_in(["..."])[0] == []


def test_texts_contexts_and_questions_of_dev_and_test_count_but_not_of_train(make_task, tmp_path):
    manifest = make_task(
        "qa",
        train=[{"text": "from train"}],
        dev=[{"id": "1", "context": "a context", "question": "a question?", "answers": [{"text": "no"}]}],
        test=[{"id": "2", "text": "line\u2028separator"}],
    )
    texts = held_out_texts(LocalStore(tmp_path / "store"), {"qa": manifest})
    assert texts == {"qa": ["a context", "a question?", "line\u2028separator"]}


WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@pytest.mark.parametrize("n", [3, 4])
@given(test=WORDS, document=WORDS)
def test_it_agrees_with_a_search_for_the_joined_words(n, test, document):
    found = TaskNgrams({"t": [" ".join(test)]}, n).tasks_in([" ".join(document)])[0] == ["t"]
    if len(test) < n:
        expected = test == document != []
    else:
        pieces = [" ".join(test[start : start + n]) for start in range(len(test) - n + 1)]
        expected = any(f" {piece} " in f" {' '.join(document)} " for piece in pieces)
    assert found == expected
