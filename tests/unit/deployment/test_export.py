"""An exported model is whole, checked, described, and stays in the house where its texts must."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from gmlm.config import PricesConfig
from gmlm.deployment import export_model
from gmlm.deployment.card import _shortened, exported_card
from gmlm.deployment.conditions import restrictions
from gmlm.deployment.usage import training_usage, with_emissions
from gmlm.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ConfigError,
    DataFormatError,
    InputNotFoundError,
    StorageError,
)
from gmlm.lineage import Finding, LineageNode
from gmlm.manifest import RawInput, read_manifest
from gmlm.report.usage import read_usage
from gmlm.storage import open_store
from gmlm.usage.record import Energy, UsageRecord, record_key

MODEL = {"model.safetensors", "config.json", "tokenizer.json", "README.md"}


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_weights_tokenizer_and_card_are_copied_and_nothing_else(finished: Any, tmp_path: Path) -> None:
    exported = export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    files = bytes_in(tmp_path / "out")
    assert set(files) == MODEL | {"SHA256SUMS"}
    assert files["model.safetensors"] == b"weights of base"
    assert set(exported.files) == MODEL
    assert exported.bytes == sum(len(files[name]) for name in MODEL)
    assert exported.target == str(tmp_path / "out")


def test_the_checksums_are_those_that_coreutils_checks(finished: Any, tmp_path: Path) -> None:
    export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    result = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, check=True)
    assert sorted(result.stdout.splitlines()) == sorted(f"{name}: OK" for name in MODEL)


def test_a_second_export_changes_nothing(finished: Any, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export_model(finished.store, finished.plan, "base", str(target))
    before = bytes_in(target)
    export_model(finished.store, finished.plan, "base", str(target))
    assert bytes_in(target) == before


def test_an_interrupted_export_is_finished(finished: Any, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export_model(finished.store, finished.plan, "base", str(target))
    before = bytes_in(target)
    (target / "SHA256SUMS").unlink()
    (target / "model.safetensors").unlink()
    export_model(finished.store, finished.plan, "base", str(target))
    assert bytes_in(target) == before


def test_equal_models_give_equal_bytes_in_any_store(finished: Any, tmp_path: Path) -> None:
    export_model(finished.store, finished.plan, "base", str(tmp_path / "a"))
    (tmp_path / "store").rename(tmp_path / "moved")
    export_model(open_store(str(tmp_path / "moved")), finished.plan, "base", str(tmp_path / "b"))
    assert bytes_in(tmp_path / "a") == bytes_in(tmp_path / "b")


def test_another_model_is_not_overwritten(finished: Any, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export_model(finished.store, finished.plan, "base", str(target))
    with pytest.raises(AlreadyExistsError, match="another model"):
        export_model(finished.store, finished.plan, "clinical", str(target), inside=True)
    assert (target / "model.safetensors").read_bytes() == b"weights of base"


def test_other_files_are_left_alone(finished: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="holds other files"):
        export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    assert set(bytes_in(tmp_path / "out")) == {"thesis.tex"}


@pytest.mark.parametrize("model", ["clinical", "further", "pretrain/clinical"])
def test_a_model_of_restricted_texts_stays_in_the_house(finished: Any, tmp_path: Path, model: str) -> None:
    with pytest.raises(AccessDeniedError, match="ingest/notes is restricted") as error:
        export_model(finished.store, finished.plan, model, str(tmp_path / "out"))
    assert "--inside" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_within_the_house_it_is_exported_and_says_so(finished: Any, tmp_path: Path) -> None:
    exported = export_model(finished.store, finished.plan, "further", str(tmp_path / "out"), inside=True)
    assert exported.restricted == ("ingest/notes is restricted",)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Restricted: **yes**" in card
    assert "- ingest/notes is restricted" in card


def test_the_card_names_scores_origin_and_conditions(finished: Any, tmp_path: Path) -> None:
    exported = export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    card = (tmp_path / "out" / "README.md").read_text()
    assert card == exported.card
    assert card.startswith("# base\n\nTrained.\n")
    assert "has not compared its models" in card
    assert "Restricted: no" in card
    assert "raw: a.txt  4 bytes" in card
    assert finished.plan.nodes["pretrain/base"].fingerprint in card
    assert str(tmp_path) not in card


def test_the_card_tells_what_training_took_and_the_hub_what_it_emitted(finished: Any) -> None:
    model = finished.plan.nodes["pretrain/base"]
    energy = Energy(meter="nvml", joules=7.2e6, scope="whole GPUs", method="energy counters")
    record = UsageRecord(
        stage="pretrain",
        name="base",
        fingerprint=model.fingerprint,
        progress=model.progress,
        seconds=3600,
        cpu_seconds=7200,
        gpu_seconds=3600,
        energy=(energy, Energy(meter="rapl", reason="no readable RAPL counters")),
    )
    finished.store.write(record_key("pretrain", "base", "one"), record.to_bytes())
    made = read_manifest(finished.store, model.prefix)
    usage = training_usage(finished.store, finished.plan, made)
    card = exported_card(finished.store, finished.plan, made, [])
    assert "## Usage" in card
    assert "co2_eq_emissions" not in card  # the study does not say what a kilowatt-hour emits
    assert usage is not None
    usage = read_usage(
        finished.store, "base", [("pretrain", "base", model.fingerprint)], PricesConfig(grams_co2_per_kwh=350)
    )
    for before in ("# base", "---\nlanguage: de\n---\n# base"):
        data = ModelCard(with_emissions(before, usage)).data
        assert data.co2_eq_emissions["emissions"] == 700  # 2 kWh
        assert data.co2_eq_emissions["training_type"] == "pre-training"
        assert "rapl: not measured, no readable RAPL" in data.co2_eq_emissions["source"]


def test_planted_canaries_are_a_reason_too(finished: Any) -> None:
    corpus = finished.plan.graph["corpus/general"]
    canaries = type("Config", (), {"canaries": object()})()
    graph = {**finished.plan.graph, "corpus/general": type(corpus)("corpus", "general", canaries, 1, corpus.inputs)}
    assert restrictions(graph, "pretrain/base") == ["corpus/general holds canaries"]


def test_damaged_weights_are_not_exported(finished: Any, tmp_path: Path) -> None:
    finished.store.write(finished.key("pretrain/base", "model/model.safetensors"), b"weights of bose")
    with pytest.raises(StorageError, match="sha256"):
        export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    assert not (tmp_path / "out" / "SHA256SUMS").exists()


def test_an_unknown_model_names_the_known_ones(finished: Any, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="name one of: base, clinical, further"):
        export_model(finished.store, finished.plan, "bass", str(tmp_path / "out"))


def test_an_unfinished_model_is_not_exported(finished: Any, tmp_path: Path) -> None:
    finished.store.delete(finished.key("pretrain/base", "manifest.json"))
    with pytest.raises(InputNotFoundError, match="not finished"):
        export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))


def test_weights_that_are_no_safetensors_are_refused(finished: Any, tmp_path: Path) -> None:
    key = finished.key("pretrain/base", "manifest.json")
    manifest = json.loads(finished.store.read(key))
    manifest["files"] = [entry for entry in manifest["files"] if "safetensors" not in entry["path"]]
    del manifest["sha256"]
    finished.store.write(key, json.dumps(manifest).encode())
    with pytest.raises(DataFormatError, match="safetensors"):
        export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))


@pytest.mark.parametrize(("files", "lines"), [(12, 12), (13, 1)])
def test_a_card_does_not_list_thousands_of_files(files: int, lines: int) -> None:
    raw = tuple(RawInput(name=f"{number}.txt", bytes=2, sha256="0" * 64) for number in range(files))
    source = LineageNode("german", "ingest/german/1", "0" * 64, Finding.OK, "documents", raw)
    (shown,) = _shortened(LineageNode("", "corpus/c/1", "0" * 64, Finding.OK, inputs=(source,))).inputs
    assert len(shown.raw_inputs) == lines
    assert sum(file.bytes for file in shown.raw_inputs) == 2 * files


def test_one_line_for_many_files_changes_with_each_of_them() -> None:
    def hash_of(last: str) -> str:
        raw = tuple(RawInput(name=f"{number}.txt", bytes=2, sha256="0" * 64) for number in range(20))
        raw += (RawInput(name="last", bytes=2, sha256=last * 64),)
        return _shortened(LineageNode("", "ingest/german/1", "0" * 64, Finding.OK, "", raw)).raw_inputs[0].sha256

    assert hash_of("a") != hash_of("b")
    assert hash_of("a") == hash_of("a")
