"""A translation fanned out over tasks gives what one process makes of it, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from gmlm.errors import ConfigError, ModelMismatchError, StorageError
from gmlm.kubernetes import fan_out
from gmlm.kubernetes.fan_out import plan_shards, translate_shard
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.planning import plan_study
from gmlm.storage import open_store
from gmlm.storage.local import LocalStore
from gmlm.study import commands
from gmlm.study.selection import Selection

STUDY = """
name: fanned
sources:
  notes: {reader: jsonl, path: notes.jsonl}
translators:
  small:
    train: {parallel: pairs.jsonl, vocab_size: 110, hidden_size: 8, layers: 1, heads: 1, feed_forward_size: 8, steps: 1}
    decoding: {max_length: 20, compute_type: float32}
translations:
  german:
    source: notes
    translator: small
    documents_per_shard: 4
    max_flagged_ratio: 1
    quality: {retry: null, estimator: models/estimator}
"""


def write_estimator(folder: Path) -> None:
    """A classifier with random weights and one label."""
    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dose", "is", "mg")
    BertTokenizerFast(vocab={token: number for number, token in enumerate(tokens)}).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertForSequenceClassification(BertConfig(vocab_size=len(tokens), num_labels=1, **sizes)).save_pretrained(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fanned")
    pairs = [{"en": f"The dose is {n} mg.", "de": f"Die Dosis beträgt {n} mg."} for n in range(30)]
    notes = [{"text": f"The dose is {n} mg.\nDose {n}."} for n in range(18)]
    for name, rows in (("pairs", pairs), ("notes", notes)):
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    write_estimator(folder / "models" / "estimator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        commands.run(folder / "study.yaml", Selection(), store=str(folder / "alone"), observer=lambda *_: None)
    return folder / "study.yaml"


@pytest.fixture
def planned(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A store in which all but the translation is finished, and the plan."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(study.parent / "cache"))
    store = str(tmp_path / "store")
    for stage in ("ingest", "translator"):
        commands.run(study, Selection(only=stage), store=store, observer=lambda *_: None)
    return store, plan_study(str(study), store, str(study.parent))


def translation(store: str) -> dict[str, bytes]:
    opened = open_store(store)
    return {key: opened.read(key) for key in opened.list("translate")}


@pytest.mark.parametrize(("tasks", "starts"), [(1, [0]), (2, [0, 2]), (3, [0, 1, 3]), (50, [0, 1, 2, 3, 4])])
def test_workers_begin_spread_over_the_shards(planned: Any, tasks: int, starts: list[int]) -> None:
    assert plan_shards(*planned, tasks) == [f"translate/german#{number}" for number in starts]


def test_shards_made_by_tasks_and_merged_are_those_of_one_process(planned: Any, study: Path) -> None:
    store, plan = planned
    shards = plan_shards(store, plan, 3)
    folder = str(study.parent)  # the estimator's path is relative to it
    assert [translate_shard(store, plan, shard, folder) for shard in shards] == ["done"] * 3
    result = run_planned_node(store, plan, "translate/german", folder)
    assert result.manifest is not None
    assert result.manifest.counters["in"] == 18
    assert translation(store) == translation(str(study.parent / "alone"))
    assert plan_shards(store, plan, 3) == []
    assert translate_shard(store, plan, shards[0]) == "finished before"


def test_an_estimator_is_copied_from_a_study_folder_on_s3(
    planned: Any, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, bucket = fan_out.local_study_folder, LocalStore(study.parent)
    monkeypatch.setattr("gmlm.kubernetes.study_folder.open_store", lambda address: bucket)
    asked: list[Path] = []
    monkeypatch.setattr(fan_out, "local_study_folder", lambda *given: asked.append(opened(*given)) or asked[-1])
    assert translate_shard(*planned, "translate/german#0", "s3://bucket/study") == "done"
    assert (asked[0] / "models" / "estimator" / "model.safetensors").is_file()
    assert not (asked[0] / "notes.jsonl").exists()


def test_shards_whose_estimator_is_not_found_are_left_to_the_task_that_merges(planned: Any) -> None:
    assert translate_shard(*planned, "translate/german#0") == "failed"


def test_merging_alone_makes_what_is_missing(planned: Any, study: Path) -> None:
    assert run_planned_node(*planned, "translate/german", str(study.parent)).status == "done"
    assert translation(planned[0]) == translation(str(study.parent / "alone"))


def test_a_translation_whose_inputs_are_missing_is_left_out(study: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "empty")
    plan = plan_study(str(study), store, str(study.parent))
    assert plan_shards(store, plan, 3) == []
    assert translate_shard(store, plan, "translate/german#0").startswith("left out; not finished: ingest/notes")


def test_a_node_that_the_study_lacks_is_named(planned: Any) -> None:
    with pytest.raises((ConfigError, KeyError), match="unknown"):
        translate_shard(*planned, "translate/unknown#0")


@pytest.mark.parametrize(("error", "outcome"), [(ModelMismatchError, "failed"), (StorageError, None)])
def test_only_what_another_pod_may_not_meet_fails_the_task(
    planned: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception], outcome: str | None
) -> None:
    def fail(*_: Any) -> None:
        raise error("no")

    monkeypatch.setattr("gmlm.translation.shard_translator.open_engine", fail)
    if outcome is None:
        with pytest.raises(StorageError):
            translate_shard(*planned, "translate/german#0")
    else:
        assert translate_shard(*planned, "translate/german#0") == outcome
