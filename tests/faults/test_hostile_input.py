"""Inputs made to harm: refused by a limit or by name, within bounded memory, and never run or followed."""

from __future__ import annotations

import gzip
import json
import pickle
import resource
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gmlm.config import SourceConfig, load_study
from gmlm.corpus.ingest import ingest
from gmlm.corpus.readers.record import LONGEST
from gmlm.errors import ConfigError, DataFormatError, GmlmError, InputNotFoundError, StorageError
from gmlm.storage import open_store
from gmlm.training.model_source import model_files

MEMORY = 1 << 30
"""Bytes that refusing a bomb may take beyond what the process had."""


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Let this process have little more memory than it has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def bomb(path: Path, head: bytes, filling: bytes, gigabytes: int, tail: bytes = b"") -> Path:
    """A gzip file of some megabytes that unpacks to gigabytes between head and tail."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = filling * ((1 << 24) // len(filling))
    with path.open("wb") as file:
        file.write(packer.compress(head))
        for _ in range(gigabytes * 64):
            file.write(packer.compress(block))
        file.write(packer.compress(tail) + packer.flush())
    return path


BOMBS = {
    "jsonl": ("jsonl", "a.jsonl.gz", b'{"text": "', b"a", b'"}\n'),
    "csv": ("csv", "a.csv.gz", b'id,text\n1,"', b"a\n", b'"\n'),
    "csv of one line": ("csv", "b.csv.gz", b"id,text\n1,", b"a", b"\n"),
    "text": ("text", "a.txt.gz", b"", b"a", b""),
    "pubmed_xml": ("pubmed_xml", "a.xml.gz", b"<PubmedArticleSet><PubmedArticle><x>", b"a", b"</x></PubmedArticle>"),
    "jats": ("jats", "a.nxml.gz", b"<article><body><p>", b"a", b"</p></body></article>"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_gzip_bomb_and_a_field_of_a_gigabyte_are_refused_by_limit(
    name: str, tmp_path: Path, make_run: Any, little_memory: None, record_property: Callable[[str, object], None]
) -> None:
    reader, file, head, filling, tail = BOMBS[name]
    size = bomb(tmp_path / file, head, filling, 1, tail).stat().st_size
    with pytest.raises(DataFormatError) as caught:
        ingest(SourceConfig(reader=reader, path=file), make_run("ingest"))
    assert file in str(caught.value.where)
    assert caught.value.fix
    record_property("figure", f"{name}: {size / 1e6:.1f} MB")


def test_a_field_just_below_the_limit_is_read(tmp_path: Path, make_run: Any) -> None:
    assert LONGEST >= 1 << 26
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write('text\n"' + "Befund " * 1_000_000 + '"\n')
    assert ingest(SourceConfig(reader="csv", path="a.csv.gz"), make_run("ingest")).counters["out"] == 1


YAML_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]\n" for n in range(1, 12)
)
YAMLS = {
    "aliases that unfold to billions": (YAML_BOMB, "unfold"),
    "an alias within itself": ("name: &a [*a]\n", "within itself"),
    "deep nesting": ("name: " + "[" * 5000, "nested too deeply|not valid YAML"),
    "an object of Python": ("name: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    "a NUL byte": ("name: a\0b\n", "not valid YAML"),
}


@pytest.mark.parametrize("name", YAMLS)
def test_a_hostile_study_file_is_refused(name: str, tmp_path: Path, little_memory: None) -> None:
    text, message = YAMLS[name]
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_study(tmp_path / "study.yaml")


def test_aliases_of_ordinary_use_are_read(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  a: &a {reader: text, path: x, language: de}\n  b: {<<: *a, path: y}\n"
    )
    assert load_study(tmp_path / "study.yaml").sources["b"].path == "y"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", "a\0b"])
def test_a_key_that_leaves_its_store_is_refused_by_every_method(key: str, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "x").write_bytes(b"outside")
    for method in (
        store.read,
        store.exists,
        store.delete,
        lambda k: store.write(k, b""),
        lambda k: store.create(k, b""),
    ):
        with pytest.raises(StorageError, match="not a key"):
            method(key)
    assert (tmp_path / "x").read_bytes() == b"outside"


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a\0b", "..", "\u202egnp.exe", "x" * 5000])
def test_an_id_names_no_file(name: str, tmp_path: Path, make_run: Any) -> None:
    """Ids from documents are values, never paths."""
    (tmp_path / "notes.jsonl").write_text(json.dumps({"id": name, "text": "Ein Befund ohne Besonderheiten."}) + "\n")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    run = make_run("ingest")
    try:
        made = ingest(SourceConfig(reader="jsonl", path="notes.jsonl", id_field="id", max_rejected_ratio=1), run)
        assert made.counters["in"] == 1
    except GmlmError as error:
        if not error.fix:
            raise
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(tmp_path / "store") or path.is_relative_to(tmp_path / "scratch") for path in written)
    assert not any("escaped" in path.name for path in written)


class Attack:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def poisoned(tmp_path: Path) -> tuple[Path, Path]:
    """A model folder with pickled weights and code of its own, and the mark that either would leave."""
    folder, mark = tmp_path / "model", tmp_path / "attacked"
    folder.mkdir()
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass M: ...\n"
    (folder / "modeling_evil.py").write_text(code)
    maps = {
        "AutoConfig": "modeling_evil.M",
        "AutoModelForMaskedLM": "modeling_evil.M",
        "AutoTokenizer": ["modeling_evil.M", None],
    }
    (folder / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": maps}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": maps, "tokenizer_class": "Evil"}))
    for name in ("pytorch_model.bin", "training_args.bin", "model.pkl"):
        (folder / name).write_bytes(pickle.dumps(Attack(mark)))
    return folder, mark


def test_pickles_and_code_of_a_model_repository_are_neither_copied_nor_run(
    poisoned: tuple[Path, Path], make_run: Any
) -> None:
    from gmlm.config.models import BaseModelConfig
    from gmlm.pretraining.base_model import import_model

    folder, mark = poisoned
    assert {path.suffix for path in model_files(folder)} == {".json"}
    with pytest.raises(GmlmError) as caught:
        import_model(BaseModelConfig(model=str(folder)), make_run("base-model"))
    assert caught.value.fix
    assert not mark.exists()


def test_a_translator_with_pickles_and_code_is_refused(poisoned: tuple[Path, Path], make_run: Any) -> None:
    from gmlm.config.translation import TranslatorConfig
    from gmlm.translation.translator import build_translator

    folder, mark = poisoned
    with pytest.raises(GmlmError):
        build_translator(TranslatorConfig(model=str(folder)), make_run("translator"))
    assert not mark.exists()


def test_a_symbolic_link_out_of_a_source_is_what_its_owner_made_it(tmp_path: Path, make_run: Any) -> None:
    """A dangling link in a folder of texts is no crash."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises((InputNotFoundError, DataFormatError)):
        ingest(SourceConfig(reader="text", path="texts"), make_run("ingest"))


@pytest.mark.parametrize("text", ["e\u0301", "\u202eabc\u202c", "a\r\nb", "a\u2028b", "x\0y", "\ufeffa", "🫀" * 3])
def test_unusual_signs_pass_or_are_counted(text: str, tmp_path: Path, make_run: Any) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"text": f"Befund {text} ohne Auffälligkeit"}) + "\n", encoding="utf-8"
    )
    counters = ingest(SourceConfig(reader="jsonl", path="a.jsonl", max_rejected_ratio=1), make_run("ingest")).counters
    assert counters["in"] == 1 == counters["out"] + counters["rejected"]
