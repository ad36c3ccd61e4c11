"""Whatever a file holds, ingest ends with a counted result or with an error of ours."""

from __future__ import annotations

import gzip
import io
import json
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmlm.config import SourceConfig
from gmlm.corpus.ingest import ingest
from gmlm.errors import GmlmError

PUBMED = (
    b'<?xml version="1.0"?><!DOCTYPE PubmedArticleSet SYSTEM "x.dtd" [<!ENTITY e "f">]><PubmedArticleSet>'
    b"<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle><Abstract><AbstractText "
    b"Label='A'>Some &e; "
    b"<i>text</i></AbstractText></Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
)
JATS = (
    b"<article><front><article-meta><article-id pub-id-type='pmc'>1</article-id><title-group><article-title>T"
    b"</article-title></title-group></article-meta></front><body><sec><title>H</title><p>Text <xref ref-type='bibr'>[1]"
    b"</xref>.</p></sec></body></article>"
)
CSV = 'id,text\n1,"a ""b""\nc"\n2,Größe\n'.encode()
MIMIC = b'note_id,note_type,text\n1,DS,"a\nb"\n2,RR,c\n'
JSONL = '{"id": 1, "text": "Größe \\u00e4"}\n{"id": 2, "text": ["a", {"text": "b"}]}\n'.encode()
_TABLE = io.BytesIO()
pq.write_table(pa.table({"id": ["1", "2"], "text": ["a", "b"]}), _TABLE)

FILES = {
    ("pubmed_xml", "a.xml"): PUBMED,
    ("pubmed_xml", "a.xml.gz"): gzip.compress(PUBMED, mtime=0),
    ("jats", "a.nxml"): JATS,
    ("csv", "a.csv"): CSV,
    ("csv", "a.csv.gz"): gzip.compress(CSV, mtime=0),
    ("mimic_csv", "a.csv"): MIMIC,
    ("jsonl", "a.jsonl"): JSONL,
    ("jsonl", "a.json"): json.dumps([json.loads(line) for line in JSONL.splitlines()]).encode(),
    ("text", "a.txt"): "Größe\r\nund Gewicht".encode(),
    ("parquet", "a.parquet"): _TABLE.getvalue(),
}


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file cut off, or with some bytes replaced, inserted or removed."""
    data = bytearray(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 4))
        data[start : start + length] = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"<", b"&", b"\xff", b"\x00"])
        )
    return bytes(data)


@pytest.mark.parametrize(("reader", "name"), FILES)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_counted_or_named(reader, name, data, make_run, tmp_path):
    check(reader, name, data.draw(damage(FILES[reader, name])), make_run, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("reader", "name"), FILES)
@given(data=st.data())
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_ten_thousand_damaged_files_are_counted_or_named(reader, name, data, make_run, tmp_path):
    check(reader, name, data.draw(damage(FILES[reader, name])), make_run, tmp_path)


def check(reader, name, content, make_run, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    run = make_run("ingest", fingerprint=sha256(content).hexdigest())
    with_ids = {} if reader in ("pubmed_xml", "jats", "mimic_csv", "text") else {"id_field": "id"}
    try:
        counters = ingest(SourceConfig(reader=reader, path=name, max_rejected_ratio=1, **with_ids), run).counters
    except GmlmError as raised:
        error = raised
    else:
        assert counters["in"] == counters["out"] + counters["rejected"] > 0
        return
    assert error.where
    assert error.fix
