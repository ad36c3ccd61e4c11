from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmlm.config import SourceConfig
from gmlm.corpus.ingest import ingest
from gmlm.corpus.readers import READERS
from gmlm.corpus.readers.jsonl import read_jsonl
from gmlm.corpus.reading import normal_form
from gmlm.errors import DataFormatError, EmptyCorpusError
from gmlm.shards import read_documents


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def quarantine_of(run) -> list[dict[str, str]]:
    return [json.loads(line) for line in run.store.read(run.key("quarantine.jsonl")).splitlines()]


def test_bad_records_are_set_aside_with_file_position_and_reason(write_file, make_run):
    path = write_file("a.jsonl", '{"text": "good", "id": "1"}\nnot json\n' + lines({"text": " ", "id": "2"}))
    run = make_run("ingest")
    manifest = ingest(SourceConfig(reader="jsonl", path=str(path), id_field="id", max_rejected_ratio=1), run)
    assert manifest.counters == {
        "in": 3,
        "out": 1,
        "rejected": 2,
        "rejected: empty text": 1,
        "rejected: not valid JSON": 1,
    }
    assert quarantine_of(run) == [
        {"file": "a.jsonl", "position": "line 2", "reason": "not valid JSON", "record": "not json\n"},
        {"file": "a.jsonl", "position": "line 3", "reason": "empty text", "record": None},
    ]
    assert [entry.path for entry in manifest.files] == ["documents/00000.parquet", "quarantine.jsonl"]


def test_an_id_counts_once_across_all_files_of_a_source(write_file, run_ingest):
    write_file("a.jsonl", lines({"id": 1, "text": "first"}))
    write_file("b.jsonl", lines({"id": 1, "text": "second"}, {"id": 2, "text": "third"}))
    manifest, documents = run_ingest("raw", reader="jsonl", id_field="id", max_rejected_ratio=0.5)
    assert [document.text for document in documents] == ["first", "third"]
    assert manifest.counters["rejected: id occurred before"] == 1


def test_without_an_id_field_ids_are_file_and_number(write_file, run_ingest):
    write_file("x/a.jsonl", lines({"text": "one"}, {"text": "two"}))
    write_file("y/a.jsonl", lines({"text": "three"}))
    documents = run_ingest("raw", reader="jsonl")[1]
    assert [document.id for document in documents] == ["x/a.jsonl#1", "x/a.jsonl#2", "y/a.jsonl#1"]


def test_half_a_surrogate_pair_is_invalid_unicode(write_file, run_ingest):
    path = write_file("a.jsonl", '{"text": "bad \\ud83d"}\n{"text": "good \\ud83d\\ude00"}\n')
    manifest, documents = run_ingest(path, reader="jsonl", max_rejected_ratio=0.5)
    assert manifest.counters["rejected: invalid unicode"] == 1
    assert [document.text for document in documents] == ["good 😀"]


def test_text_is_nfc_with_one_kind_of_line_end(write_file, run_ingest):
    path = write_file("a.jsonl", lines({"text": " U\u0308belkeit\r\nund\rFieber\n"}))
    assert run_ingest(path, reader="jsonl")[1][0].text == "Übelkeit\nund\nFieber"


def test_too_many_bad_records_stop_the_stage_and_leave_the_quarantine(write_file, make_run):
    path = write_file("a.jsonl", lines({"text": "secret diagnosis"}, {}, {}, *({"text": str(n)} for n in range(7))))
    run = make_run("ingest", "notes")
    with pytest.raises(
        DataFormatError, match=r"sources\.notes: 2 of 10 records are bad \(text field missing: 2\)"
    ) as e:
        ingest(SourceConfig(reader="jsonl", path=str(path)), run)
    assert "secret" not in str(e.value)
    assert len(quarantine_of(run)) == 2
    assert not run.store.exists(run.key("manifest.json"))
    accepted = ingest(SourceConfig(reader="jsonl", path=str(path), max_rejected_ratio=0.2), run)
    assert accepted.counters["out"] == 8


def test_a_source_without_records_is_an_empty_corpus(write_file, run_ingest):
    with pytest.raises(EmptyCorpusError, match="the files hold no records"):
        run_ingest(write_file("a.jsonl", ""), reader="jsonl")


def test_the_limit_counts_documents(write_file, run_ingest):
    path = write_file("a.jsonl", lines({"text": "a"}, {}, {"text": "b"}, {"text": "c"}))
    manifest, documents = run_ingest(path, reader="jsonl", limit=2, max_rejected_ratio=1)
    assert [document.text for document in documents] == ["a", "b"]
    assert manifest.counters["in"] == 3


def test_a_fault_in_a_later_file_publishes_nothing_and_a_second_run_gives_the_same_bytes(write_file, make_run):
    write_file("a.jsonl", lines({"text": "a"}))
    damaged = write_file("b.jsonl.gz", lines({"text": "b"}))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9])
    run = make_run("ingest")
    config = SourceConfig(reader="jsonl", path="raw/*")
    with pytest.raises(DataFormatError, match=r"b\.jsonl\.gz"):
        ingest(config, run)
    damaged.write_bytes(whole)
    first = ingest(config, run)
    other = make_run("ingest", fingerprint="e" * 64)
    assert first.files == ingest(config, other).files
    assert [document.text for document in read_documents(run.store, first)] == ["a", "b"]


def test_a_damaged_file_that_cannot_be_decoded_either_is_damaged(write_file, run_ingest):
    path = write_file("a.jsonl.gz", lines({"text": "a"}) + "\xff", encoding="latin-1")
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataFormatError, match="the gzip file is truncated"):
        run_ingest(path, reader="jsonl")


def test_an_interrupted_ingest_goes_on_behind_the_last_finished_file(write_file, make_run, monkeypatch):
    for name in "abc":
        write_file(f"{name}.jsonl", lines({"text": f"Befund {name}"}, {"text": " "}))
    config, run = SourceConfig(reader="jsonl", path="raw", max_rejected_ratio=1), make_run("ingest")
    read = []

    def reader(file, source):
        read.append(file.name)
        if read == ["a.jsonl", "b.jsonl"]:
            raise KeyboardInterrupt
        yield from read_jsonl(file, source)

    monkeypatch.setitem(READERS, "jsonl", reader)
    with pytest.raises(KeyboardInterrupt):
        ingest(config, run)
    assert list(run.store.list(run.prefix)) == []
    resumed = ingest(config, run)
    assert read == ["a.jsonl", "b.jsonl", "b.jsonl", "c.jsonl"]
    assert resumed.files == ingest(config, make_run("ingest", fingerprint="e" * 64)).files
    assert list(run.scratch.iterdir()) == []


@pytest.mark.parametrize("limit", [None, 3])
def test_parallel_processes_change_no_byte(write_file, make_run, monkeypatch, limit):
    for name in "abcd":
        write_file(f"{name}.jsonl", lines({"id": name, "text": f"Befund {name}"}, {"id": "x", "text": name}, {}))
    config = SourceConfig(reader="jsonl", path="raw", id_field="id", max_rejected_ratio=1, limit=limit)
    alone = ingest(config, make_run("ingest", fingerprint="a" * 64))
    monkeypatch.setenv("GMLM_WORKERS", "3")
    together = ingest(config, make_run("ingest", fingerprint="b" * 64))
    assert (alone.files, alone.counters, alone.metrics) == (together.files, together.counters, together.metrics)
    assert alone.counters["out"] == (limit or 5)


def test_no_path_of_this_machine_enters_the_output(write_file, make_run, tmp_path):
    path = write_file("a.jsonl", lines({"text": "a"}, {}))
    run = make_run("ingest")
    ingest(SourceConfig(reader="jsonl", path="raw/a.jsonl", max_rejected_ratio=1), run)
    assert path.is_relative_to(tmp_path)
    for key in run.store.list(run.prefix):
        assert str(tmp_path).encode() not in run.store.read(key)


RECORDS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"id": st.integers(0, 5), "text": st.text(max_size=20)}),
        st.fixed_dictionaries({"id": st.integers(0, 5)}),
        st.fixed_dictionaries({"text": st.text(max_size=20)}),
        st.none() | st.lists(st.integers(), max_size=2),
    ).map(json.dumps)
    | st.text(max_size=10).filter(lambda line: line.strip() and len(line.splitlines()) == 1),
    max_size=12,
)


@given(RECORDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out_or_is_rejected(write_file, make_run, records):
    path = write_file("a.jsonl", "\n".join(records))
    run = make_run("ingest", fingerprint=sha256(path.read_bytes()).hexdigest())
    try:
        made = ingest(SourceConfig(reader="jsonl", path=str(path), id_field="id", max_rejected_ratio=1), run)
    except EmptyCorpusError:
        return
    documents = list(read_documents(run.store, made))
    counters = made.counters
    assert counters["in"] == len(records) == counters["out"] + counters["rejected"]
    assert counters["out"] == len(documents) == len({document.id for document in documents})
    assert counters["rejected"] == sum(count for key, count in counters.items() if key.startswith("rejected: "))
    assert all(document.text == normal_form(document.text) != "" for document in documents)
