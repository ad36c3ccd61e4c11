from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

import pytest

from gmlm.config import SourceConfig
from gmlm.corpus.inputs import input_files, input_root
from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.storage import open_store


def test_a_file_is_taken_whatever_its_name_ends_in(write_file, tmp_path):
    path = write_file("notes.dat", "x")
    assert input_files(SourceConfig(reader="text", path="raw/notes.dat"), tmp_path) == [path]


def test_a_folder_is_searched_recursively_for_the_readers_endings_and_sorted(write_file, tmp_path):
    b, a = write_file("z/b.xml.gz", "x"), write_file("a.xml", "x")
    write_file("readme.txt", "x")
    assert input_files(SourceConfig(reader="pubmed_xml", path="raw"), tmp_path) == [a, b]


def test_a_glob_takes_what_it_matches_in_all_folders(write_file, tmp_path):
    write_file("2023/a.json", "x")
    write_file("2024/b.json", "x")
    source = SourceConfig(reader="jsonl", path="raw/**/*.json")
    assert [path.name for path in input_files(source, tmp_path)] == ["a.json", "b.json"]
    assert input_root(source, tmp_path) == tmp_path / "raw"


def test_an_existing_name_with_brackets_is_no_glob(write_file, tmp_path):
    path = write_file("notes [old].txt", "x")
    assert input_files(SourceConfig(reader="text", path="raw/notes [old].txt"), tmp_path) == [path]
    assert input_root(SourceConfig(reader="text", path="raw/notes [old].txt"), tmp_path) == tmp_path / "raw"


def test_variables_are_filled_in(write_file, tmp_path, monkeypatch):
    path = write_file("a.txt", "x")
    monkeypatch.setenv("CORPORA", str(tmp_path / "raw"))
    assert input_files(SourceConfig(reader="text", path="${CORPORA}/a.txt"), tmp_path / "elsewhere") == [path]
    with pytest.raises(ConfigError, match="NO_SUCH_VARIABLE"):
        input_files(SourceConfig(reader="text", path="${NO_SUCH_VARIABLE}/a.txt"), tmp_path)


@pytest.mark.parametrize("path", ["missing", "missing/*.txt", "missing.txt"])
def test_a_missing_input_is_named(tmp_path, path):
    with pytest.raises(InputNotFoundError, match=r"missing"):
        input_files(SourceConfig(reader="text", path=path), tmp_path)


def test_a_folder_without_fitting_files_says_which_endings_it_looks_for(write_file, tmp_path):
    write_file("a.csv", "x")
    with pytest.raises(InputNotFoundError, match=r"\.nxml"):
        input_files(SourceConfig(reader="jats", path="raw"), tmp_path)


def test_a_data_set_folder_gives_all_its_files_and_a_hub_name_none(write_file, tmp_path):
    write_file("set/data-0.arrow", "x")
    write_file("set/state.json", "x")
    assert len(input_files(SourceConfig(reader="dataset", path="raw/set"), tmp_path)) == 2
    assert input_files(SourceConfig(reader="dataset", path="someone/something"), tmp_path) == []


@pytest.fixture(scope="module")
def moto_server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


class Server(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str


@pytest.fixture
def bucket(moto_server, use_s3) -> str:
    return use_s3(Server(moto_server, "any", "any"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("notes", ["notes/2024/b.jsonl", "notes/a.jsonl"]),
        ("notes/*.jsonl", ["notes/a.jsonl"]),
        ("notes/**/*.jsonl", ["notes/2024/b.jsonl", "notes/a.jsonl"]),
        ("notes/readme.txt", ["notes/readme.txt"]),
    ],
)
def test_objects_are_found_by_prefix_glob_and_name(bucket, tmp_path, path, expected):
    store = open_store(bucket)
    for key in ("notes/a.jsonl", "notes/2024/b.jsonl", "notes/readme.txt", "other/c.jsonl"):
        store.write(key, key.encode())
    files = input_files(SourceConfig(reader="jsonl", path=f"{bucket}/{path}"), tmp_path)
    assert sorted(file.read_text() for file in files) == expected
    root = input_root(SourceConfig(reader="jsonl", path=f"{bucket}/{path}"), tmp_path)
    assert all(f"notes/{file.relative_to(root).as_posix()}" == file.read_text() for file in files)


def test_a_missing_prefix_is_named_by_its_address(bucket, tmp_path):
    with pytest.raises(InputNotFoundError, match=f"{bucket}/nothing"):
        input_files(SourceConfig(reader="jsonl", path=f"{bucket}/nothing"), tmp_path)


def test_finding_files_imports_nothing_heavy():
    code = "import sys, gmlm.corpus.inputs; print([m for m in ('pyarrow', 'lxml', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
