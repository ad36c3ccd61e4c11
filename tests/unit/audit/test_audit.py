"""The audit finds what a model has by heart, and finds nothing in a model that never saw the text."""

from __future__ import annotations

import json

import pytest

from gmlm.audit.audit import audit
from gmlm.errors import EmptyCorpusError, ModelMismatchError

STEPS = 320


def _audit(world, config, name, model, reference):
    run = world.run("audit", name, {"model": model, "reference": reference, "corpus:letters": world.corpus})
    manifest = audit(config, run)
    return json.loads(run.store.read(run.key("audit.json"))), manifest


@pytest.fixture(scope="module")
def memoriser(world):
    """An encoder that has read the training documents, canaries among them, over and over."""
    return world.model("memoriser", world.trained_on, STEPS)


def test_a_model_that_knows_its_text_by_heart_is_found(world, reference, memoriser, audit_config):
    found, manifest = _audit(world, audit_config, "memoriser", memoriser, reference)
    assert found["membership"]["found"]
    assert found["membership"]["p_holm"] < 0.001
    assert found["membership"]["auc"]["low"] > 0.6
    assert [row["repeats"] for row in found["canaries"]] == [1, 8]
    often = found["canaries"][1]
    assert often["found"]
    assert often["p_holm"] < 0.001
    assert often["auc"]["value"] > 0.95
    assert often["exposure"] > 4.5  # of log2(41) = 5.36 at most
    assert manifest.metrics["auc"] == found["membership"]["auc"]["value"]


def test_a_model_that_never_saw_the_text_is_cleared(world, reference, audit_config):
    stranger = world.model("stranger", world.strangers, 150)
    strict = audit_config.model_copy(update={"confidence": 0.999})  # of a hundred machines' roundings five pass 0.95
    found, manifest = _audit(world, strict, "stranger", stranger, reference)
    assert not found["membership"]["found"]
    assert found["membership"]["auc"]["low"] < 0.5 < found["membership"]["auc"]["high"]
    assert not any(row["found"] for row in found["canaries"])
    assert found["names"]["members"]["names"] == 50
    assert manifest.counters == {"in": 100, "out": 100, "rejected": 0, "dropped": 0, "canaries": 56}


def test_no_text_enters_the_record(world, reference, audit_config):
    run = world.run("audit", "silent", {"model": reference, "reference": reference, "corpus:letters": world.corpus})
    audit(audit_config, run)
    written = run.store.read(run.key("audit.json")).decode()
    words = {word for text in world.trained_on for word in text.split() if len(word) > 3}
    assert not [word for word in words if word in written]


def test_a_model_compared_with_itself_scores_as_guessing(world, reference, audit_config):
    found, _ = _audit(world, audit_config, "itself", reference, reference)
    assert found["membership"]["auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert found["canaries"][0]["exposure"] == 0.0


def test_equal_work_gives_equal_bytes(world, reference, memoriser, audit_config):
    records = [_audit(world, audit_config, name, memoriser, reference)[0] for name in ("first", "second")]
    assert records[0] == records[1]


def test_models_with_different_tokenizers_cannot_be_compared(world, reference, audit_config):
    other = world.run("pretrain", "other")
    model = other.store.local_path(reference.key("model"))
    (other.scratch / "model").mkdir(exist_ok=True)
    for file in model.iterdir():
        text = file.read_bytes()
        (other.scratch / "model" / file.name).write_bytes(
            text.replace(b'"Fallnummer"', b'"Aktennummer"') if file.name == "tokenizer.json" else text
        )
    made = other.publish("model", audit_config, other.upload_folder(other.scratch / "model", "model"))
    with pytest.raises(ModelMismatchError, match="different tokenizers"):
        _audit(world, audit_config, "other", made, reference)


def test_a_corpus_without_held_out_documents_cannot_be_audited(world, reference, audit_config):
    corpus = world.treated("all", 0.0)
    inputs = {"model": reference, "reference": reference, "corpus:all": corpus}
    with pytest.raises(EmptyCorpusError, match="100 training and 0 held-out"):
        audit(audit_config, world.run("audit", "all", inputs))
