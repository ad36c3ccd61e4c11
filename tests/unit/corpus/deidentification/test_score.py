"""Recall counts what is replaced whole, precision what overlaps something marked."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.corpus.deidentification.identifiers import Identifier
from gmlm.corpus.deidentification.model import _spans
from gmlm.corpus.deidentification.rules import find_identifiers
from gmlm.corpus.deidentification.score import kind_of, read_marked, score
from gmlm.errors import DataFormatError


def test_counts_of_a_worked_example():
    gold = [Identifier(0, 4, "name"), Identifier(10, 14, "date"), Identifier(20, 24, "id")]
    found = [Identifier(0, 2, "name"), Identifier(2, 5, "name"), Identifier(12, 14, "date"), Identifier(30, 33, "age")]
    scores = score([("1", "x" * 40, gold)], lambda _: found)
    assert (scores["name"].recall, scores["name"].precision) == (1.0, 1.0)
    assert (scores["date"].recall, scores["date"].precision) == (0.0, 1.0)
    assert scores["age"].precision == 0.0
    assert (scores["all"].recall, scores["all"].precision) == (1 / 3, 0.75)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("NAME_TITLE", "title"),
        ("B-NAME_DOCTOR", "name"),
        ("LOCATION_ZIP", "address"),
        ("I-PER", "name"),
        ("X", "other"),
    ],
)
def test_labels_of_corpora_and_models_have_a_kind(label, kind):
    assert kind_of(label) == kind


def test_both_forms_of_marked_texts_are_read_and_others_named(write_file):
    lines = [
        {"id": "a", "text": "Frau X", "entities": [[5, 6, "NAME_PATIENT", "X"]]},
        {"text": "Y", "spans": [{"start": 0, "end": 1, "label": "DATE"}]},
    ]
    path = write_file("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert [marked for _, _, marked in read_marked(path)] == [[Identifier(5, 6, "name")], [Identifier(0, 1, "date")]]
    with pytest.raises(DataFormatError, match="line 1"):
        list(read_marked(write_file("b.jsonl", '{"text": "Z"}\n')))


def test_tokens_of_a_model_become_stretches():
    labels = ["O", "B-PER", "I-PER", "O", "DATE", "DATE", "B-PER", "B-PER"]
    offsets = [(0, 2), (3, 5), (6, 9), (10, 11), (12, 13), (13, 16), (17, 18), (18, 20)]
    assert list(_spans(labels, offsets)) == [
        Identifier(3, 9, "name"),
        Identifier(12, 16, "date"),
        Identifier(17, 18, "name"),
        Identifier(18, 20, "name"),
    ]


@pytest.mark.realdata
def test_the_rules_find_most_of_what_is_marked_in_real_letters(real_data):
    scores = score(list(read_marked(real_data / "de_grascco_phi/letters.jsonl")), find_identifiers)
    assert scores["all"].marked == 1062
    assert scores["all"].recall > 0.93
    assert scores["all"].precision > 0.98


@pytest.mark.realdata
def test_the_command_prints_the_scores(real_data):
    path = real_data / "de_grascco_phi/letters.jsonl"
    result = CliRunner().invoke(app, ["deidentify", str(path), "--score"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()][-1] == "all"
