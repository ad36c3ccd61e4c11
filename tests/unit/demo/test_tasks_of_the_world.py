"""The tasks: gold labels point at what the text says."""

import json
import random

import pytest

from gmlm.demo.tasks import code_records, entity_records, question_set, questions
from gmlm.demo.templates import slot_names, templates
from gmlm.demo.terms import LABELS, lexicon
from gmlm.demo.world import CHAPTERS, is_familiar


def named(terms, text):
    return [term for term in terms if "~" not in term.de and f" {term.de} " in f" {text} "]


def test_entity_spans_name_terms_and_every_label_occurs():
    records = list(entity_records("test", random.Random(1), 40))
    labels = set()
    for record in records:
        for span in record["spans"]:
            name = record["text"][span["start"] : span["end"]]
            assert name == name.strip()
            assert len(name) > 1
            labels.add(span["label"])
    assert labels == set(LABELS.values())


def test_some_entity_notes_are_longer_than_a_window_of_128_tokens():
    records = list(entity_records("test", random.Random(1), 32))
    assert sum(len(record["text"].split()) > 128 for record in records) >= 3


def test_training_sets_name_familiar_terms_only_and_test_sets_others_too():
    strange = [term for terms in lexicon().values() for term in terms if not is_familiar(term) and len(term.de) > 8]
    train, test = (" ".join(r["text"] for r in entity_records(s, random.Random(2), 40)) for s in ("train", "test"))
    assert not named(strange, train)
    assert len(named(strange, test)) > 50


def test_codes_are_chapters_in_order():
    records = list(code_records("test", random.Random(1), 60))
    for record in records:
        assert record["labels"] == sorted(set(record["labels"]))
        assert set(record["labels"]) <= set(CHAPTERS)
    assert {label for record in records for label in record["labels"]} == set(CHAPTERS)
    assert any(len(record["labels"]) > 1 for record in records)


def test_answers_stand_where_they_are_said_to_stand():
    data = question_set("test", random.Random(1), 40)["data"]
    asked = 0
    for entry in data:
        for paragraph in entry["paragraphs"]:
            for question in paragraph["qas"]:
                (answer,) = question["answers"]
                start = answer["answer_start"]
                assert paragraph["context"][start : start + len(answer["text"])] == answer["text"]
                assert question["question"].endswith("?")
                asked += 1
    assert asked > 100
    assert len({q["id"] for e in data for p in e["paragraphs"] for q in p["qas"]}) == asked


def test_question_ids_and_json_are_plain():
    assert json.loads(json.dumps(question_set("dev", random.Random(1), 2)))["version"] == "1.1"


@pytest.mark.parametrize("template", sorted(questions()))
def test_questions_use_slots_of_their_template_and_do_not_give_the_answer_away(template):
    pattern = next(t for section in templates().values() for t in section if t.id == template).de
    for question in questions()[template]:
        assert set(slot_names(question.pattern)) <= set(slot_names(pattern))
        assert question.answer in slot_names(pattern)
        assert question.answer not in slot_names(question.pattern)
