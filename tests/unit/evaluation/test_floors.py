"""Floors learn what is there to be learnt, and predict in the form of a cell."""

from __future__ import annotations

import json

import pytest

from gmlm.config import FloorConfig, TaskConfig
from gmlm.evaluation.floors.crf import predict_spans
from gmlm.evaluation.floors.floor import floor
from gmlm.evaluation.floors.linear import predict_labels
from gmlm.evaluation.floors.retrieval import predict_answers

DRUGS = ("Ibuprofen", "Metformin", "Ramipril", "Amlodipin", "Pantoprazol", "Torasemid")


def _letter(number: int, drug: str) -> dict:
    text = f"Befund {number} unauffällig. Die Gabe von {drug} {5 * number} mg erfolgte.\nKontrolle empfohlen."
    start = text.index(drug)
    return {"id": str(number), "text": text, "spans": [{"start": start, "end": start + len(drug), "label": "DRUG"}]}


def _report(number: int) -> dict:
    heart = number % 3 != 1
    lung = number % 3 != 0
    words = [*(["Herzinsuffizienz und Ödeme"] * heart), *(["Pneumonie links basal"] * lung)]
    labels = [*(["I"] * heart), *(["J"] * lung)]
    return {"id": str(number), "text": f"Fall {number}: " + ", ".join(words), "labels": labels}


def _question(number: int, *, answered: bool = True) -> dict:
    drug = DRUGS[number % len(DRUGS)]
    context = f"Der Patient kam am Montag. Die Dosis von {drug} beträgt täglich {number + 2} mg. Danach ging er."
    asked = f"Wie hoch ist die Dosis von {drug} täglich?" if answered else "Xyzzy quux foobar?"
    answer = f"{number + 2} mg"
    answers = [{"text": answer, "start": context.index(answer)}] if answered else []
    return {"id": f"q{number}", "document": str(number), "question": asked, "context": context, "answers": answers}


def test_a_crf_finds_words_it_has_not_seen_by_what_is_around_them():
    train = [_letter(number, DRUGS[number % 4]) for number in range(24)]
    dev, test = ([_letter(number, drug) for number, drug in enumerate(DRUGS[4:])] for _ in range(2))
    predicted = predict_spans(train, dev, test)[1]
    assert predicted == [example["spans"] for example in test]


def test_a_span_of_several_words_is_one_span():
    text = "Verdacht auf Diabetes mellitus Typ 2 heute."
    example = {"id": "1", "text": text, "spans": [{"start": 13, "end": 36, "label": "DIAGNOSIS"}]}
    assert predict_spans([example] * 8, [], [example]) == [[], [example["spans"]]]


def test_a_linear_machine_tells_labels_apart():
    train, dev, test = (
        [_report(number) for number in numbers] for numbers in (range(30), range(30, 42), range(42, 60))
    )
    predicted = predict_labels(train, dev, test)
    assert predicted[1] == [example["labels"] for example in test]


def test_labels_that_only_dev_has_are_not_predicted():
    dev = [{"id": "x", "text": "Fall: Pneumonie", "labels": ["J", "Z"]}]
    predicted = predict_labels([_report(number) for number in range(12)], dev, dev)
    assert "Z" not in predicted[1][0]


def test_an_answer_is_a_window_of_the_sentence_that_was_asked_for():
    train, test = [_question(n) for n in range(12)], [_question(n) for n in range(12, 16)]
    (found, *_), answers = predict_answers(train, train[:3], test)
    assert found["best"][0]["score"] > 0
    for example, answer in zip(test, answers, strict=True):
        assert example["context"][answer["start"] : answer["start"] + len(answer["text"])] == answer["text"]
        sentence = example["context"].split(". ")[1]
        assert answer["text"] in sentence
        assert not set(answer["text"].lower().split()) & set(example["question"].lower().split())


def test_questions_unlike_their_context_get_no_answer_where_train_has_such():
    mixed = [_question(n, answered=n % 2 == 0) for n in range(12)]
    answers = predict_answers(mixed, mixed, mixed)[1]
    assert [answer["start"] is None for answer in answers] == [not example["answers"] for example in mixed]


def test_a_context_without_words_has_no_answer():
    empty = {**_question(1), "context": "... ", "answers": []}
    assert predict_answers([_question(2)], [_question(2)], [empty])[1][0]["text"] == ""


@pytest.mark.parametrize(
    ("kind", "reader", "examples"),
    [
        ("token_classification", "spans_jsonl", [_letter(number, DRUGS[number % 4]) for number in range(12)]),
        ("multi_label", "labels_jsonl", [_report(number) for number in range(12)]),
        ("question_answering", "squad", [_question(number) for number in range(12)]),
    ],
)
def test_the_stage_leaves_what_a_cell_leaves(make_run, kind, reader, examples):
    task = TaskConfig(kind=kind, reader=reader, path="x")
    source = make_run("task", kind)
    lines = "".join(json.dumps(example) + "\n" for example in examples).encode()
    files = [source.write(f"{split}.jsonl", lines) for split in ("train", "dev", "test")]
    inputs = {"task": source.publish("task", task, files)}
    runs = [make_run("floor", name, inputs=inputs) for name in (f"{kind}-a", f"{kind}-b")]
    made = [floor(FloorConfig(task=task), run) for run in runs]
    assert made[0].counters == {"in": 36, "out": 36, "rejected": 0}
    assert [entry.sha256 for entry in made[0].files] == [entry.sha256 for entry in made[1].files]
    rows = [json.loads(line) for line in runs[0].store.read(made[0].key("predictions.test.jsonl")).splitlines()]
    assert [row["id"] for row in rows] == [example["id"] for example in examples]
    scores = json.loads(runs[0].store.read(made[0].key("scores.json")))
    assert made[0].metrics["test_f1"] == scores["test"]["f1"] > 0.3
