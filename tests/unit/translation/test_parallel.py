import gzip
import json

import pytest

from gmlm.config import ReferenceConfig
from gmlm.errors import DataFormatError, InputNotFoundError
from gmlm.shards import Quarantine
from gmlm.translation.parallel import Pair, read_reference, read_training_pairs

GOOD = '{"en": " Fever. ", "de": "Fieber."}'


def read(path, make_run):
    quarantine = Quarantine(make_run("translator"))
    return list(read_training_pairs(path, quarantine)), quarantine


def test_bad_pairs_are_quarantined_with_their_line(tmp_path, make_run):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join([GOOD, "{", '{"en": "x"}', '{"en": "x", "de": " "}', '["en"]', GOOD]) + "\n")
    pairs, quarantine = read(path, make_run)
    assert pairs == [Pair("Fever.", "Fieber.")] * 2
    assert quarantine.reasons == {"not JSON": 1, "key 'en' or 'de' missing": 2, "empty side": 1}


def test_gzip_is_unpacked(tmp_path, make_run):
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read(path, make_run)[0] == [Pair("Fever.", "Fieber.")]


def test_a_truncated_gzip_file_is_named(tmp_path, make_run):
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode())[:-12])
    with pytest.raises(DataFormatError, match=r"pairs\.jsonl\.gz: .*truncated"):
        read(path, make_run)


def test_the_byte_of_a_wrong_encoding_is_named(tmp_path, make_run):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"abc \xfcbel")
    with pytest.raises(DataFormatError, match="byte 4"):
        read(path, make_run)


def test_a_missing_file(tmp_path, make_run):
    with pytest.raises(InputNotFoundError, match=r"nowhere\.jsonl"):
        read(tmp_path / "nowhere.jsonl", make_run)


def reference(tmp_path, english, german):
    (tmp_path / "a.en").write_text(english)
    (tmp_path / "a.de").write_text(german)
    return read_reference(ReferenceConfig(source="a.en", target="a.de"), tmp_path)


def test_two_files_are_aligned_by_line_even_where_one_is_empty(tmp_path):
    assert reference(tmp_path, "a\u2028b\n\nc\r\n", "x\n\nz") == [Pair("a\u2028b", "x"), Pair("", ""), Pair("c", "z")]


def test_files_of_different_length_are_refused(tmp_path):
    with pytest.raises(DataFormatError, match=r"a\.en has 2 lines and a\.de has 1"):
        reference(tmp_path, "a\nb\n", "x\n")


def test_an_empty_reference_is_refused(tmp_path):
    with pytest.raises(DataFormatError, match="no segments"):
        reference(tmp_path, "", "")


def test_a_bad_line_of_a_reference_is_named(tmp_path):
    (tmp_path / "r.jsonl").write_text(GOOD + "\n" + json.dumps({"en": "x"}) + "\n")
    with pytest.raises(DataFormatError, match=r"r\.jsonl:2"):
        read_reference(ReferenceConfig(source="r.jsonl"), tmp_path)
