from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.config import SourceConfig
from gmlm.corpus.readers import READERS, BadRecord, InputFile, Record
from gmlm.errors import DataFormatError

MIMIC_III = (
    '"ROW_ID","SUBJECT_ID","HADM_ID","CHARTDATE","CHARTTIME","STORETIME","CATEGORY","DESCRIPTION","CGID","ISERROR","TEXT"\n'
    '174,22532,167853,"2151-08-04",,,"Discharge summary","Report",,,"Admission Date:  [**2151-7-16**]\n\n'
    'He said ""no"",\n'
    'then left."\n'
    '175,13702,107527,"2118-06-14",,,"Nursing","Report",,1,"Wrong patient."\n'
)
MIMIC_IV = (
    "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    '10000032-DS-21,10000032,22595853,DS,21,2180-05-07 00:00:00,2180-05-09 15:26:00," \nName: ___\nSex: F\n"\n'
)


def test_several_columns_are_joined_by_a_blank_line(write_file, read_all):
    path = write_file("a.csv", "id;q;a;kind\n7;Warum?;Darum;x\n")
    config = {"delimiter": ";", "text_fields": ("q", "a"), "id_field": "id", "meta_fields": ("kind",)}
    assert read_all(path, reader="csv", **config) == [Record("line 2", "7", "Warum?\n\nDarum", {"kind": "x"})]


def test_quoted_fields_hold_line_breaks_and_positions_are_lines_of_the_file(write_file, read_all):
    path = write_file("a.csv.gz", 'text\n"one\ntwo"\nthree\n')
    assert [(r.position, r.text) for r in read_all(path, reader="csv")] == [
        ("line 2", "one\ntwo"),
        ("line 4", "three"),
    ]


def test_rows_of_another_length_and_unsound_quotes_are_rejected_and_reading_goes_on(write_file, read_all):
    path = write_file("a.csv", 'id,text\n1,a\n2\n3,b,c\n4,"x"y\n\n5,e\n')
    records = read_all(path, reader="csv")
    assert [getattr(record, "text", None) or record.reason for record in records] == [
        "a",
        "wrong number of columns",
        "wrong number of columns",
        "not a valid CSV row",
        "e",
    ]


def test_a_quote_that_never_closes_is_an_error_of_the_file(write_file, run_ingest):
    path = write_file("a.csv", 'text\nfine\n"cut off')
    with pytest.raises(DataFormatError, match=r"a\.csv, line 3: a quoted field has no end"):
        run_ingest(path, reader="csv")


def test_a_missing_column_is_named_with_those_there_are(write_file, run_ingest):
    with pytest.raises(DataFormatError, match=r"line 1: column 'text' is missing") as error:
        run_ingest(write_file("a.csv", "id;body\n1;x\n"), reader="csv")
    assert "id;body" in str(error.value)
    assert "delimiter" in str(error.value)


def test_a_wrong_encoding_is_named_with_its_line(write_file, run_ingest):
    path = write_file("a.csv", "text\nabc\nGröße\n", encoding="latin-1")
    with pytest.raises(DataFormatError, match=r"a\.csv, line 3: the text cannot be decoded") as error:
        run_ingest(path, reader="csv")
    assert "encoding" in str(error.value)
    assert run_ingest(path, name="latin", reader="csv", encoding="latin-1")[1][1].text == "Größe"


def test_a_file_that_is_no_csv_is_named(write_file, run_ingest):
    with pytest.raises(DataFormatError, match="line 1: not a CSV file"):
        run_ingest(write_file("a.csv", '"te"xt,id\nx,1\n'), reader="csv")


def test_a_byte_order_mark_is_not_part_of_the_first_column(write_file, read_all):
    assert read_all(write_file("a.csv", "\ufefftext\nabc\n"), reader="csv")[0].text == "abc"


def test_mimic_iii_notes_have_row_ids_and_categories_and_erroneous_ones_are_rejected(write_file, read_all):
    note, wrong = read_all(write_file("NOTEEVENTS.csv.gz", MIMIC_III), reader="mimic_csv")
    assert note.id == "174"
    assert note.text == 'Admission Date:  [**2151-7-16**]\n\nHe said "no",\nthen left.'
    assert note.meta == {"category": "Discharge summary", "description": "Report"}
    assert wrong == BadRecord("line 6", "marked as written in error", "Wrong patient.")


def test_mimic_iv_notes_have_note_ids_and_patients_only_when_asked_for(write_file, read_all):
    path = write_file("discharge.csv", MIMIC_IV)
    assert read_all(path, reader="mimic_csv") == [
        Record("line 2", "10000032-DS-21", " \nName: ___\nSex: F\n", {"note_type": "DS"})
    ]
    assert read_all(path, reader="mimic_csv", meta_fields=("SUBJECT_ID",))[0].meta["subject_id"] == "10000032"


def test_a_table_that_is_none_of_mimics_notes_is_refused(write_file, read_all):
    with pytest.raises(DataFormatError, match="'note_id' or 'row_id' is missing"):
        read_all(write_file("a.csv", "id,text\n1,x\n"), reader="mimic_csv")


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=8))
def test_every_text_that_the_csv_writer_writes_is_read_back(tmp_path_factory, texts):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("id", "text"), *((str(number), text) for number, text in enumerate(texts))])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    records = list(READERS["csv"](InputFile(path, "a.csv"), SourceConfig(reader="csv", path="a.csv")))
    assert [record.text for record in records] == [text if text.strip() else "" for text in texts]
