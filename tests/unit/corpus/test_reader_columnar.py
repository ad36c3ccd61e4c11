from __future__ import annotations

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmlm.corpus.readers import Record
from gmlm.errors import DataFormatError, InputNotFoundError

ROWS = [{"key": "k1", "body": {"text": ["a", "b"]}, "n": 1}, {"key": "k2", "body": {"text": ["c"]}, "n": 2}]


def test_parquet_rows_with_nested_columns(tmp_path, read_all):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    records = read_all(path, reader="parquet", text_fields=("body.text",), id_field="key", meta_fields=("n",))
    assert records == [Record("row 1", "k1", "a\n\nb", {"n": "1"}), Record("row 2", "k2", "c", {"n": "2"})]


def test_a_parquet_file_without_the_column_is_named(tmp_path, run_ingest):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"body": ["x"]}), path)
    with pytest.raises(DataFormatError, match=r"a\.parquet: column 'text' is missing"):
        run_ingest(path, reader="parquet")


def test_a_cut_off_parquet_file_is_named(tmp_path, run_ingest):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 100] * 100}), path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataFormatError, match="not a sound Parquet file"):
        run_ingest(path, reader="parquet")


def test_a_saved_data_set_is_read_and_hashed_by_its_files(tmp_path, run_ingest):
    datasets.Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "set"))
    manifest, documents = run_ingest("set", reader="dataset", text_fields=("body.text",), id_field="key")
    assert manifest.counters == {"in": 2, "out": 2, "rejected": 0}
    assert [(document.id, document.text) for document in documents] == [("k1", "a\n\nb"), ("k2", "c")]


def test_all_splits_of_a_saved_data_set_are_read(tmp_path, run_ingest):
    splits = {name: datasets.Dataset.from_dict({"text": [name]}) for name in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    assert [document.text for document in run_ingest("set", reader="dataset")[1]] == ["train", "test"]


def test_a_data_set_that_is_neither_here_nor_on_the_hub_is_named(run_ingest):
    with pytest.raises(InputNotFoundError, match="no such data set"):
        run_ingest("nobody/nothing", reader="dataset")


def test_a_text_folder_gives_one_document_a_file_named_by_its_path(write_file, run_ingest):
    write_file("ward/b.txt", "Zweiter\r\nBrief.\r\n")
    write_file("a.txt", "Erster Brief.")
    documents = run_ingest("raw", reader="text", language="de")[1]
    assert [(d.id, d.text, d.language) for d in documents] == [
        ("a.txt", "Erster Brief.", "de"),
        ("ward/b.txt", "Zweiter\nBrief.", "de"),
    ]
