from __future__ import annotations

import json

import pytest

from gmlm.corpus.readers import BadRecord, Record
from gmlm.corpus.readers.fields import values_at
from gmlm.errors import ConfigError, DataFormatError

SQUAD = {
    "data": [{"paragraphs": [{"context": "A.", "qas": []}, {"context": "B."}]}, {"paragraphs": [{"context": "C."}]}]
}


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        ({"text": "a"}, "text", ["a"]),
        ({"a": {"b": "x"}}, "a.b", ["x"]),
        (SQUAD, "data.paragraphs.context", ["A.", "B.", "C."]),
        ({"parts": ["a", ["b"], None]}, "parts", ["a", "b"]),
        ({"a.b": "dotted", "a": {"b": "nested"}}, "a.b", ["dotted"]),
        ({"a": 3}, "a", ["3"]),
        ({"a": "x"}, "a.b", []),
        ({"a": "x"}, "b", []),
    ],
)
def test_a_dotted_key_descends_into_objects_and_lists(value, key, expected):
    assert list(values_at(value, key)) == expected


def test_one_record_a_line_with_id_and_metadata(write_file, read_all):
    path = write_file("a.jsonl.gz", json.dumps({"pmid": 12, "parts": ["x", "y"], "mesh": ["M", "N"]}) + "\n\n")
    config = {"text_fields": ("parts",), "id_field": "pmid", "meta_fields": ("mesh", "absent")}
    assert read_all(path, reader="jsonl", **config) == [Record("line 1", "12", "x\n\ny", {"mesh": "M; N"})]


def test_bad_lines_are_rejected_with_their_position_and_reading_goes_on(write_file, read_all):
    path = write_file("a.jsonl", '{"text": "a"}\n{"text": \n[1]\n{"body": "b"}\n{"text": "c"}')
    records = read_all(path, reader="jsonl")
    assert [(r.position, r.reason) for r in records if isinstance(r, BadRecord)] == [
        ("line 2", "not valid JSON"),
        ("line 3", "not a JSON object"),
        ("line 4", "text field missing"),
    ]
    assert [r.text for r in records if isinstance(r, Record)] == ["a", "c"]


def test_a_missing_id_is_rejected(write_file, read_all):
    path = write_file("a.jsonl", '{"text": "a", "id": ""}\n{"text": "b", "id": null}\n')
    assert [record.reason for record in read_all(path, reader="jsonl", id_field="id")] == ["id missing"] * 2


def test_a_json_file_is_one_value_and_its_records_may_lie_deep(write_file, read_all):
    path = write_file("xquad.json", json.dumps(SQUAD, indent=2))
    config = {"records_field": "data.paragraphs", "text_fields": ("context",)}
    records = read_all(path, reader="jsonl", **config)
    assert [(r.text, r.position) for r in records] == [
        ("A.", "item 1, record 1"),
        ("B.", "item 1, record 2"),
        ("C.", "item 1, record 3"),
    ]


def test_a_json_list_holds_one_record_an_item(write_file, read_all):
    path = write_file("a.json", '[{"text": "a"},\n {"text": "b"}]')
    assert [record.text for record in read_all(path, reader="jsonl")] == ["a", "b"]


def test_an_unsound_json_file_is_named_with_its_line(write_file, read_all):
    with pytest.raises(DataFormatError, match=r"a\.json, line 2: not valid JSON"):
        read_all(write_file("a.json", '{"text": "a"}\n{"text": "b"}'), reader="jsonl")


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, "1" * 5000])
def test_values_that_python_cannot_hold_are_rejected_not_raised(write_file, run_ingest, value):
    path = write_file("a.jsonl", f'{{"text": {value}}}\n{{"text": "fine"}}\n')
    manifest, documents = run_ingest(path, reader="jsonl", max_rejected_ratio=0.5)
    assert manifest.counters["rejected"] == 1
    assert [document.text for document in documents] == ["fine"]


def test_an_unknown_encoding_is_named(write_file, run_ingest):
    with pytest.raises(ConfigError, match="unknown encoding 'utf8mb4'"):
        run_ingest(write_file("a.jsonl", "{}"), reader="jsonl", encoding="utf8mb4")
