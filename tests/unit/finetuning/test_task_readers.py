"""The readers of task data: what they yield, set aside and count."""

from __future__ import annotations

import json

import pytest

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError, InputNotFoundError, LabelError
from gmlm.finetuning.examples import Answer, LabelledDocument, Span, SpanDocument
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.readers import READERS
from gmlm.shards import Quarantine

SPANS = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x")
CONLL = TaskConfig(kind="token_classification", reader="conll", path="x")
LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
SQUAD = TaskConfig(kind="question_answering", reader="squad", path="x")


@pytest.fixture
def read(tmp_path, make_run):
    """Read content as a file: examples, quarantine, and what was left out."""

    def read_content(config, content):
        path = tmp_path / "file.x"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        quarantine = Quarantine(make_run("task"))
        intake = Intake(path.name, quarantine)
        return list(READERS[config.reader](path, config, intake)), quarantine, intake.left_out

    return read_content


def _lines(*rows):
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def test_spans_are_read_as_objects_or_lists_under_the_configured_keys(read):
    config = SPANS.model_copy(update={"text_field": "letter", "label_field": "entities", "id_field": "number"})
    rows = _lines(
        {"number": 7, "letter": "Frau Albers", "entities": [[5, 11, "NAME", "Albers"]]},
        {"number": 8, "letter": "Frau Albers", "entities": [{"start": 0, "end": 4, "label": "TITLE"}]},
    )
    examples, quarantine, _ = read(config, rows)
    assert examples == [
        SpanDocument("7", "Frau Albers", (Span(5, 11, "NAME"),)),
        SpanDocument("8", "Frau Albers", (Span(0, 4, "TITLE"),)),
    ]
    assert quarantine.total == 0


def test_records_that_are_no_annotated_text_are_set_aside_by_reason(read):
    rows = _lines(
        "{",
        [1],
        {"text": "", "spans": []},
        {"text": "a"},
        {"text": "a", "spans": [{"start": "0", "end": 1, "label": "A"}]},
        "",
        {"text": "a", "spans": []},
    )
    examples, quarantine, _ = read(SPANS, rows)
    assert [example.id for example in examples] == ["file:7"]
    assert quarantine.reasons == {
        "not valid JSON": 1,
        "not a JSON object": 1,
        "no text": 1,
        "no list of spans": 2,
    }


def test_spans_without_a_label_are_left_out_and_counted(read):
    examples, _, left_out = read(SPANS, _lines({"text": "ab", "spans": [[0, 1, None], [1, 2, "A"]]}))
    assert examples[0].spans == (Span(1, 2, "A"),)
    assert left_out == {"spans without a label": 1}


def test_a_span_outside_its_text_names_file_and_record(read):
    with pytest.raises(LabelError, match=r"^file\.x: p1: span 1-9 \(A\) is empty or outside the text of 2 characters"):
        read(SPANS, _lines({"id": "p1", "text": "ab", "spans": [[1, 9, "A"]]}))


def test_conll_sentences_become_texts_with_offsets(read):
    content = "Frau\tO\nAlbers\tB-NAME\nSchulz\tI-NAME\nkommt\tO\n\n\nBerlin\tB-LOC\nBonn\tB-LOC"
    examples, _, _ = read(CONLL, content)
    assert examples[0] == SpanDocument("file:1", "Frau Albers Schulz kommt", (Span(5, 18, "NAME"),))
    assert examples[1] == SpanDocument("file:7", "Berlin Bonn", (Span(0, 6, "LOC"), Span(7, 11, "LOC")))


def test_germeval_is_read_by_naming_its_columns(read):
    content = "#\thttp://x\t[2010-07-04]\t\n1\tEcce\tB-OTH\tO\n2\t#\tI-OTH\tO\n3\tJesu\tB-PER\tO\n"
    outer = CONLL.model_copy(update={"token_column": 1, "label_column": 2})
    examples, quarantine, _ = read(outer, content)
    assert examples == [SpanDocument("file:2", "Ecce # Jesu", (Span(0, 6, "OTH"), Span(7, 11, "PER")), "http://x")]
    assert quarantine.total == 0


def test_a_comment_is_told_from_the_token_hash_by_its_tag(read):
    examples, _, _ = read(CONLL, "# a comment here\n-DOCSTART- -X- O\n\n#\tB-X\n# O\n")
    assert examples == [SpanDocument("file:4", "# #", (Span(0, 1, "X"),))]


def test_tags_of_iob1_are_read_and_counted(read):
    examples, _, left_out = read(CONLL, "a I-A\nb I-A\nc B-A\nd I-B\n")
    assert examples[0].spans == (Span(0, 3, "A"), Span(4, 5, "A"), Span(6, 7, "B"))
    assert left_out == {"I- tags that follow no tag of their label, read as B-": 2}


@pytest.mark.parametrize("line", ["lonely", "a X-A", "a B-"])
def test_a_sentence_with_a_broken_line_is_set_aside_whole(read, line):
    examples, quarantine, _ = read(CONLL, f"a O\n{line}\n\nb O\n")
    assert [example.text for example in examples] == ["b"]
    assert quarantine.reasons == {"a line has no token or no BIO tag": 1}


def test_label_sets_are_sorted_and_paragraphs_joined(read):
    rows = _lines({"id": "1", "text": ["a", "b"], "labels": ["y", "x", "y"]}, {"id": "2", "text": "c", "labels": []})
    examples, _, _ = read(LABELS, rows)
    assert examples == [LabelledDocument("1", "a\n\nb", ("x", "y")), LabelledDocument("2", "c", ())]


def test_a_single_label_is_a_set_of_one_and_no_labels_are_set_aside(read):
    examples, quarantine, _ = read(LABELS, _lines({"text": "a", "labels": "x"}, {"text": "a"}, {"labels": ["x"]}))
    assert [example.labels for example in examples] == [("x",)]
    assert quarantine.reasons == {"no list of labels": 1, "no text": 1}


def _squad(*qas, title="T"):
    return json.dumps({"data": [{"title": title, "paragraphs": [{"context": "Hand und Hand", "qas": list(qas)}]}]})


def test_questions_keep_their_article_and_each_answer_once(read):
    answers = [{"text": "Hand", "answer_start": 9}] * 2
    examples, _, _ = read(SQUAD, _squad({"id": "q", "question": "Was?", "answers": answers}))
    assert examples[0].answers == (Answer("Hand", 9),)
    assert (examples[0].source, examples[0].text) == ("T", "Hand und Hand")


def test_unanswerable_questions_are_kept(read):
    plausible = {"id": "q", "question": "Was?", "is_impossible": True, "answers": [], "plausible_answers": []}
    examples, quarantine, _ = read(SQUAD, _squad(plausible))
    assert examples[0].answers == ()
    assert quarantine.total == 0


@pytest.mark.parametrize("answer", [("Hand", 1), ("Hand", -4), ("", 0), ("Hand", 99)])
def test_a_question_with_an_answer_elsewhere_is_set_aside(read, answer):
    given = [{"text": "Hand", "answer_start": 0}, {"text": answer[0], "answer_start": answer[1]}]
    examples, quarantine, _ = read(SQUAD, _squad({"id": "q", "question": "Was?", "answers": given}))
    assert examples == []
    assert quarantine.reasons == {"an answer is not at its offset": 1}


@pytest.mark.parametrize(("content", "what"), [("{", "not valid JSON"), ("{}", "SQuAD"), ('{"data": [1]}', "SQuAD")])
def test_a_file_that_is_no_squad_is_refused_with_the_shape_expected(read, content, what):
    with pytest.raises(DataFormatError, match=what):
        read(SQUAD, content)


@pytest.mark.parametrize("config", [SPANS, CONLL, LABELS, SQUAD])
def test_a_file_in_another_encoding_is_refused_with_the_place(read, config):
    with pytest.raises(DataFormatError, match=r"file\.x: byte 4: the file is not UTF-8"):
        read(config, b"Stra\xdfe")


def test_a_byte_order_mark_is_no_part_of_the_text(read):
    examples, _, _ = read(CONLL, b"\xef\xbb\xbfa O\n")
    assert examples[0].text == "a"


def test_a_missing_file_is_named(tmp_path, make_run):
    intake = Intake("x", Quarantine(make_run("task")))
    with pytest.raises(InputNotFoundError, match="absent"):
        list(READERS["conll"](tmp_path / "absent", CONLL, intake))
