"""Distributions that configuration alone reads, and GGPONC 2.0, by small files of our own in their exact formats."""

from __future__ import annotations

import json

import pytest

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError
from gmlm.finetuning.examples import Answer, Question, Span, SpanDocument, to_json_lines
from gmlm.finetuning.files import companions
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.prepare import prepare_task
from gmlm.finetuning.readers import READERS
from gmlm.shards import Quarantine

GERMEVAL = TaskConfig(kind="token_classification", reader="conll", path="x", token_column=1, label_column=2)
GGPONC = TaskConfig(kind="token_classification", reader="ggponc", path="x")
GPTNERMED = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x", label_field="label")
SQUAD = TaskConfig(kind="question_answering", reader="squad", path="x")


@pytest.fixture
def read(make_run):
    """Examples, quarantine and what was left out of one file."""

    def read_file(config, path, split=None):
        quarantine = Quarantine(make_run("task"))
        intake = Intake(path.name, quarantine, split)
        return list(READERS[config.reader](path, config, intake)), quarantine, intake.left_out

    return read_file


@pytest.fixture
def germeval(tmp_path):
    """Two sentences of one web page and one of another, outer and inner tags."""
    lines = [
        "#\thttp://a.example/1\t[2009-08-13]\t",
        *("1\tDie\tO\tO", "2\tCharité\tB-ORG\tO", "3\tBerlin\tI-ORG\tB-LOC", ""),
        "#\thttp://a.example/1\t[2009-08-13]\t",
        *("1\tBerliner\tB-LOCderiv\tO", "2\tÄrzte\tO\tO", ""),
        "#\tZeitung vom 3.2.2004\t[2010-01-01]\t",
        *("1\t#\tO\tO", "2\tBonn\tB-LOC\tO", ""),
    ]
    path = tmp_path / "NER-de-dev.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_germeval_has_a_level_in_each_column_and_names_the_page_of_a_sentence(read, germeval):
    outer, quarantine, _ = read(GERMEVAL, germeval)
    assert [example.spans for example in outer] == [
        (Span(4, 18, "ORG"),),
        (Span(0, 8, "LOCderiv"),),
        (Span(2, 6, "LOC"),),
    ]
    assert [example.source for example in outer] == ["http://a.example/1"] * 2 + ["Zeitung vom 3.2.2004"]
    inner, *_ = read(GERMEVAL.model_copy(update={"label_column": 3}), germeval)
    assert [example.spans for example in inner] == [(Span(12, 18, "LOC"),), (), ()]
    assert [example.text for example in inner] == [example.text for example in outer]
    assert quarantine.total == 0


def test_sentences_between_two_marks_of_conll_2003_are_one_document(read, tmp_path):
    path = tmp_path / "eng.txt"
    path.write_text("-DOCSTART- -X- O\n\na O\n\nb O\n\n-DOCSTART- -X- O\n\nc O\n")
    config = GERMEVAL.model_copy(update={"token_column": 0, "label_column": 1})
    assert [example.source for example in read(config, path)[0]] == ["eng:1", "eng:1", "eng:7"]
    path.write_text("-DOCSTART- -X- O\n\na O\n\nb O\n")
    assert [example.source for example in read(config, path)[0]] == ["eng:3", "eng:5"]


TEXT = "Ein Mammakarzinom oder Ovarialkarzinom.\nGabe von Tamoxifen 20 mg."


def _entity(kind, *pieces):
    return {"id": "e", "type": kind, "text": [TEXT[a:b] for a, b in pieces], "offsets": [list(p) for p in pieces]}


@pytest.fixture
def ggponc(tmp_path):
    """The folder `annotations` of the release: three documents, each in a split."""
    folder = tmp_path / "annotations" / "json" / "fine" / "long"
    folder.mkdir(parents=True)
    passages = [
        {"id": "0", "type": "sentence", "text": TEXT[:39], "offsets": [[0, 39]]},
        {"id": "1", "type": "sentence", "text": TEXT[40:], "offsets": [[40, 65]]},
    ]
    entities = [
        _entity("Diagnosis_or_Pathology", (4, 17)),
        _entity("Diagnosis_or_Pathology", (4, 38)),
        _entity("Therapeutic", (40, 64)),
        _entity("Clinical_Drug", (49, 58)),
        _entity("Other_Finding", (4, 9), (32, 38)),
        {**_entity("Clinical_Drug", (49, 58)), "text": ["Anastrozol"]},
    ]
    names = {"01_mammakarzinom_0001": "train", "01_mammakarzinom_0002": "dev", "02_ovarialkarzinom_0001": "test"}
    documents = [{"document_id": f"{name}.tsv", "passages": passages, "entities": entities} for name in names]
    (folder / "all.json").write_text(json.dumps(documents, ensure_ascii=False))
    table = "".join(f"{name}.txt,{split}\n" for name, split in names.items())
    (tmp_path / "annotations" / "splits.csv").write_text(f"file,split\n{table}")
    return folder / "all.json"


def test_ggponc_gives_the_documents_of_a_split_by_its_table(read, ggponc):
    ((example,), quarantine, left_out) = read(GGPONC, ggponc, "dev")
    assert (example.id, example.text) == ("01_mammakarzinom_0002", TEXT)
    assert example.spans == (Span(4, 38, "Diagnosis_or_Pathology"), Span(40, 64, "Therapeutic"))
    assert left_out == {"nested spans": 2, "spans in several pieces": 1, "spans whose text is not at their offsets": 1}
    assert len(read(GGPONC, ggponc)[0]) == 3
    assert quarantine.total == 0
    assert [file.name for file in companions(GGPONC, [ggponc])] == ["splits.csv"]


def test_the_second_level_has_what_the_first_left(read, ggponc):
    ((example,), _, left_out) = read(GGPONC.model_copy(update={"nesting_level": 2}), ggponc, "test")
    assert example.spans == (Span(4, 17, "Diagnosis_or_Pathology"), Span(49, 58, "Clinical_Drug"))
    assert left_out["spans of outer levels"] == 2
    assert "nested spans" not in left_out


def test_passages_of_one_document_are_never_divided(read, ggponc):
    examples, _, left_out = read(GGPONC.model_copy(update={"unit": "line"}), ggponc)
    assert examples[:2] == [
        SpanDocument(
            "01_mammakarzinom_0001:0", TEXT[:39], (Span(4, 38, "Diagnosis_or_Pathology"),), "01_mammakarzinom_0001"
        ),
        SpanDocument("01_mammakarzinom_0001:1", TEXT[40:], (Span(0, 24, "Therapeutic"),), "01_mammakarzinom_0001"),
    ]
    assert "spans across passages" not in left_out
    assert set(json.loads(to_json_lines(examples).splitlines()[0])) == {"id", "text", "spans"}


def test_ggponc_is_refused_without_its_table_or_in_another_shape(read, ggponc):
    (ggponc.parents[3] / "splits.csv").unlink()
    with pytest.raises(DataFormatError, match="'path' to split it here"):
        read(GGPONC, ggponc, "train")
    ggponc.write_text('[{"text": "geheim"}]')
    with pytest.raises(DataFormatError, match=r"not the JSON of GGPONC 2\.0") as raised:
        read(GGPONC, ggponc)
    assert "geheim" not in str(raised.value)


def test_a_document_whose_passages_do_not_fit_is_set_aside(read, tmp_path):
    row = {"document_id": "a.tsv", "passages": [{"text": "kurz", "offsets": [[0, 9]]}], "entities": []}
    (tmp_path / "all.json").write_text(json.dumps([row]))
    examples, quarantine, _ = read(GGPONC, tmp_path / "all.json")
    assert examples == []
    assert quarantine.reasons == {"a passage does not fit its offsets": 1}


def test_gptnermed_and_its_out_of_distribution_set_are_spans_under_label(read, tmp_path):
    rows = [
        {"text": "40mg Bisoprolol bei Husten", "label": [[0, 4, "Dosis"], [5, 15, "Medikation"], [20, 26, "Diagnose"]]},
        {"id": 1, "text": "Gabe von Baldrian", "label": [[9, 17, "Drug"]]},
    ]
    path = tmp_path / "sentences.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples, *_ = read(GPTNERMED, path)
    assert [(example.id, len(example.spans)) for example in examples] == [("sentences:1", 3), ("1", 1)]


def _read_squad(read, tmp_path, *articles, **fields):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": articles, **fields}, ensure_ascii=False))
    return read(SQUAD, path)


def test_germanquad_has_no_titles_and_numbers_for_ids(read, tmp_path):
    answer = {"answer_id": 5, "document_id": 0, "question_id": 0, "text": "in Köln", "answer_start": 10}
    answers = [answer, {**answer, "answer_id": 6, "text": "Köln", "answer_start": 13, "answer_category": "SHORT"}]
    rows = [{"question": "Wo wohnt er?", "id": n, "answers": answers, "is_impossible": False} for n in (0, 1)]
    paragraph = {"qas": rows, "context": "Er wohnte in Köln.", "document_id": 0}
    examples, quarantine, _ = _read_squad(read, tmp_path, {"paragraphs": [paragraph]})
    assert [example.id for example in examples] == ["0", "1"]
    assert examples[0].answers == (Answer("in Köln", 10), Answer("Köln", 13))
    assert quarantine.total == 0


def test_mlqa_has_titles_and_radqa_unanswerable_questions(read, tmp_path):
    mlqa = {
        "context": "Er aß.",
        "qas": [{"question": "Was?", "answers": [{"text": "aß", "answer_start": 3}], "id": "m"}],
    }
    asked = [
        {"question": "Any fracture?", "id": "1_O", "is_impossible": True, "answers": []},
        {"question": "Size?", "id": "2_O", "is_impossible": False, "answers": [{"text": "3 mm", "answer_start": 8}]},
    ]
    radqa = {"document_id": "10_O", "context": "Nodule, 3 mm.", "qas": asked}
    articles = [{"title": "Essen", "paragraphs": [mlqa]}, {"title": "10", "paragraphs": [radqa]}]
    examples, quarantine, _ = _read_squad(read, tmp_path, *articles, version="1.0")
    assert examples == [
        Question("m", "Essen", "Was?", "Er aß.", (Answer("aß", 3),)),
        Question("1_O", "10", "Any fracture?", "Nodule, 3 mm.", ()),
        Question("2_O", "10", "Size?", "Nodule, 3 mm.", (Answer("3 mm", 8),)),
    ]
    assert quarantine.total == 0


@pytest.mark.realdata
def test_the_inner_level_of_germeval_is_read_from_the_real_file(real_data, make_run):
    config = GERMEVAL.model_copy(update={"path": "de_germeval14/NER-de-dev.tsv", "label_column": 3})
    manifest = prepare_task(config, make_run("task", "germeval", study_folder=real_data))
    assert (manifest.counters["in"], manifest.counters["rejected"]) == (2200, 0)
