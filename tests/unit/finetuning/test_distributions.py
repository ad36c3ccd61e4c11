"""Corpora as their users receive them: BRONCO150, CLEF eHealth 2019 and UIMA CAS, by small files of our own."""

from __future__ import annotations

import cassis
import pytest

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError, InputNotFoundError, LabelError
from gmlm.finetuning.examples import LabelledDocument, Span, SpanDocument
from gmlm.finetuning.files import companions, task_files
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.readers import READERS
from gmlm.shards import Quarantine

BRAT = TaskConfig(kind="token_classification", reader="brat", path=".")
LINES = BRAT.model_copy(update={"unit": "line"})
NTS = TaskConfig(kind="multi_label", reader="clef_nts", train="ids_training.txt", dev="ids_development.txt", test="t")
CAS = TaskConfig(kind="token_classification", reader="cas", path=".")


@pytest.fixture
def read(make_run):
    """Examples, quarantine and what was left out of one file."""

    def read_file(config, path):
        quarantine = Quarantine(make_run("task"))
        intake = Intake(path.name, quarantine)
        return list(READERS[config.reader](path, config, intake)), quarantine, intake.left_out

    return read_file


@pytest.fixture
def bronco(tmp_path):
    """Two sentence sets with their texts in a folder of their own."""
    for folder in ("textFiles", "bratFiles", "conllIOBTags"):
        (tmp_path / folder).mkdir()
    text = "Z.n. Leberzellkarzinom, Gabe von Sorafenib.\nKein Anhalt für Rezidiv.\n"
    notes = [
        "T1\tDIAGNOSIS 5 22\tLeberzellkarzinom",
        "N1\tReference T1 ICD10GM2017:C22.0\tLeberzellkarzinom",
        "T2\tMEDICATION 33 42\tSorafenib",
        "A1\tLevelOfTruth T3 negative",
        "T3\tDIAGNOSIS 60 67\tRezidiv",
    ]
    (tmp_path / "textFiles/randomSentSet1.txt").write_text(text)
    (tmp_path / "bratFiles/randomSentSet1.ann").write_text("\n".join(notes) + "\n")
    tags = "Gabe\tNN\tO\nvon\tAPPR\tO\nSorafenib\tNN\tB-MED\n\nRezidiv\tNN\tB-DIAG\n"
    (tmp_path / "conllIOBTags/randomSentSet1.CONLL").write_text(tags)
    (tmp_path / "conllIOBTags/randomSentSet2.CONLL").write_text(tags)
    return tmp_path


def test_sentences_of_a_brat_file_carry_their_spans(read, bronco):
    examples, quarantine, left_out = read(LINES, bronco / "bratFiles/randomSentSet1.ann")
    assert examples == [
        SpanDocument(
            "randomSentSet1:1",
            "Z.n. Leberzellkarzinom, Gabe von Sorafenib.",
            (Span(5, 22, "DIAGNOSIS"), Span(33, 42, "MEDICATION")),
            "randomSentSet1",
        ),
        SpanDocument("randomSentSet1:2", "Kein Anhalt für Rezidiv.", (Span(16, 23, "DIAGNOSIS"),), "randomSentSet1"),
    ]
    assert quarantine.total == 0
    assert left_out == {"annotations that mark no text": 2}


def test_a_brat_file_is_one_document_unless_told_otherwise(read, bronco):
    ((example,), *_) = read(BRAT, bronco / "bratFiles/randomSentSet1.ann")
    assert example.id == "randomSentSet1"
    assert [example.text[span.start : span.end] for span in example.spans] == [
        "Leberzellkarzinom",
        "Sorafenib",
        "Rezidiv",
    ]


def test_line_ends_of_windows_keep_the_offsets(read, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Husten\r\nFieber\r\n")
    (tmp_path / "a.ann").write_text("T1\tX 0 6\tHusten\r\nT2\tX 8 14\tFieber\r\n", newline="")
    examples, *_ = read(LINES, tmp_path / "a.ann")
    assert examples == [
        SpanDocument("a:1", "Husten", (Span(0, 6, "X"),), "a"),
        SpanDocument("a:2", "Fieber", (Span(0, 6, "X"),), "a"),
    ]


def test_spans_in_pieces_join_over_white_space_only(read, tmp_path):
    (tmp_path / "a.txt").write_text("linke und rechte Niere\nmit Zyste")
    pieces = ["T1\tORGAN 0 5;17 22\tlinke Niere", "T2\tORGAN 10 16;17 22\trechte Niere", "T3\tX 17 22;23 26\tNiere mit"]
    (tmp_path / "a.ann").write_text("\n".join(pieces))
    ((example,), _, left_out) = read(BRAT, tmp_path / "a.ann")
    assert [example.text[span.start : span.end] for span in example.spans] == ["rechte Niere"]
    assert left_out == {"spans in several pieces": 1, "overlapping spans": 1}
    lines, _, left_out = read(LINES, tmp_path / "a.ann")
    assert [span.label for line in lines for span in line.spans] == ["ORGAN"]
    assert left_out["spans across lines"] == 1


@pytest.mark.parametrize("line", ["T1 X 0 2 ab", "T1\tX 0\tab", "T1\tX zero two\tab", "T"])
def test_lines_that_are_no_annotation_are_set_aside(read, tmp_path, line):
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "a.ann").write_text(line)
    ((example,), quarantine, _) = read(BRAT, tmp_path / "a.ann")
    assert example.spans == ()
    assert quarantine.reasons == {"no text-bound annotation of brat": 1}


def test_a_brat_file_without_text_or_with_another_is_refused(read, tmp_path):
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "a.ann").write_text("T1\tX 0 99\tlong")
    with pytest.raises(InputNotFoundError, match=r"a\.txt beside it"):
        read(BRAT, folder / "a.ann")
    (folder / "a.txt").write_text("short")
    with pytest.raises(LabelError, match="span 0-99"):
        read(BRAT, folder / "a.ann")


def test_folds_of_sentence_sets_are_globs(read, bronco):
    config = TaskConfig(kind="token_classification", reader="conll", path="conllIOBTags/*[12].CONLL", label_column=2)
    files = task_files(config, bronco)["path"]
    examples = [example for file in files for example in read(config, file)[0]]
    assert [example.id for example in examples] == [
        "randomSentSet1:1",
        "randomSentSet1:5",
        "randomSentSet2:1",
        "randomSentSet2:5",
    ]
    assert examples[0].spans == (Span(9, 18, "MED"),)


@pytest.fixture
def nts(tmp_path):
    for folder in ("docs-training", "docs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ids_training.txt").write_text("11\n12\n13\n14\n")
    (tmp_path / "ids_development.txt").write_text("21\n")
    (tmp_path / "anns_train_dev.txt").write_text("11\tII|C00-C97\n12\tXIII|M00-M25|II\n21\tII\n99\tI\n")
    for name in ("11", "12", "13", "21", "99"):
        (tmp_path / f"docs-training/{name}.txt").write_text(f"Titel {name}\nZweck der Studie")
    return tmp_path


def test_summaries_carry_their_codes_and_those_without_are_documents_too(read, nts):
    examples, quarantine, _ = read(NTS, nts / "ids_training.txt")
    assert examples == [
        LabelledDocument("11", "Titel 11\nZweck der Studie", ("C00-C97", "II")),
        LabelledDocument("12", "Titel 12\nZweck der Studie", ("II", "M00-M25", "XIII")),
        LabelledDocument("13", "Titel 13\nZweck der Studie", ()),
    ]
    assert quarantine.reasons == {"no document": 1}
    assert quarantine.total == 1


def test_a_list_of_ids_without_annotations_is_refused(read, nts):
    (nts / "anns_train_dev.txt").unlink()
    with pytest.raises(DataFormatError, match=r"anns_\*\.txt"):
        read(NTS, nts / "ids_training.txt")


def test_all_that_a_reader_opens_is_an_input_of_the_task(nts, bronco):
    named = [file.name for file in companions(NTS, [nts / "ids_training.txt", nts / "ids_development.txt"])]
    assert named == ["anns_train_dev.txt", "11.txt", "12.txt", "13.txt", "21.txt"]
    texts = companions(BRAT, [bronco / "bratFiles/randomSentSet1.ann"])
    assert [str(text.relative_to(bronco)) for text in texts] == ["textFiles/randomSentSet1.txt"]


def _cas(text, spans):
    types = cassis.TypeSystem()
    entity = types.create_type("webanno.custom.PHI")
    types.create_feature(entity, "kind", cassis.typesystem.TYPE_NAME_STRING)
    cas = cassis.Cas(typesystem=types)
    cas.sofa_string = text
    for begin, end, kind in spans:
        cas.add(entity(begin=begin, end=end, kind=kind))
    return cas


@pytest.mark.parametrize("form", ["xmi", "json"])
def test_a_cas_gives_its_annotations_in_characters(read, tmp_path, form):
    text = "😀 Frau Albers kam am 3. Mai."
    cas = _cas(text, [(7, 13, "NAME"), (21, 27, "DATE"), (0, 1, None)])
    path = tmp_path / f"letter.{form}"
    if form == "xmi":
        cas.to_xmi(path)
        cas.typesystem.to_xml(tmp_path / "TypeSystem.xml")
    else:
        cas.to_json(path)
    config = CAS.model_copy(update={"annotation_type": "PHI", "label_field": "kind"})
    ((example,), _, left_out) = read(config, path)
    assert example.text == text
    assert [(example.text[span.start : span.end], span.label) for span in example.spans] == [
        ("Albers", "NAME"),
        ("3. Mai", "DATE"),
    ]
    assert left_out == {"spans without a label": 1}


def test_a_cas_without_the_type_names_those_it_has(read, tmp_path):
    _cas("Text", []).to_json(tmp_path / "letter.json")
    with pytest.raises(DataFormatError, match=r"webanno\.custom\.PHI"):
        read(CAS, tmp_path / "letter.json")


def test_what_is_no_cas_is_refused_without_its_text(read, tmp_path):
    (tmp_path / "letter.json").write_text('{"geheim": 1')
    with pytest.raises(DataFormatError, match="not a CAS") as raised:
        read(CAS, tmp_path / "letter.json")
    assert "geheim" not in str(raised.value)
    (tmp_path / "letter.xmi").write_text("<x/>")
    with pytest.raises(DataFormatError, match="no type system"):
        read(CAS, tmp_path / "letter.xmi")
