import json
import shutil

import pytest
from transformers import AutoModelForSeq2SeqLM, BertConfig, BertModel

from gmlm.config import TranslatorConfig, TranslatorTraining
from gmlm.errors import CheckpointMismatchError, EmptyCorpusError, InputNotFoundError, ModelMismatchError
from gmlm.training.loop import train
from gmlm.translation.translator import build_translator

TRAINING = {
    "parallel": "pairs.jsonl",
    "vocab_size": 110,
    "hidden_size": 16,
    "layers": 1,
    "heads": 2,
    "feed_forward_size": 16,
    "steps": 6,
    "batch_tokens": 256,
}


def config(**changes):
    return TranslatorConfig(train=TRAINING | changes)


@pytest.fixture
def parallel(tmp_path):
    lines = [{"en": f"The dose is {n} mg.", "de": f"Die Dosis beträgt {n} mg."} for n in range(30)]
    lines += [{"en": "Fever"}, {"en": "Fever", "de": ""}, {"en": "pain " * 200, "de": "Schmerz " * 200}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.usefixtures("parallel")
class TestTraining:
    def test_every_pair_is_accounted_for(self, make_run):
        counters = build_translator(config(), make_run("translator")).counters
        assert (counters["in"], counters["out"], counters["rejected"], counters["dropped"]) == (33, 30, 2, 1)
        assert counters["rejected: empty side"] == 1

    def test_the_folder_is_what_transformers_loads(self, make_run):
        run = make_run("translator")
        manifest = build_translator(config(), run)
        model = AutoModelForSeq2SeqLM.from_pretrained(run.local_folder(manifest, "model"))
        assert manifest.kind == "model"
        positions = sum(part.embed_positions.weight.numel() for part in (model.get_encoder(), model.get_decoder()))
        assert manifest.counters["parameters"] == sum(p.numel() for p in model.parameters()) - positions
        assert not [file.path for file in manifest.files if file.path.endswith((".bin", ".pt"))]

    def test_the_record_has_the_loss_curve(self, make_run):
        run = make_run("translator")
        build_translator(config(), run)
        record = json.loads(run.store.read(run.key("training.json")))
        assert record["curve"][-1]["step"] == record["steps"] == 6

    def test_equal_work_gives_equal_bytes_and_resuming_changes_none(self, make_run, monkeypatch):
        whole = build_translator(config(), make_run("translator", "whole"))
        run = make_run("translator", "resumed")
        stop_after(monkeypatch, 3)
        with pytest.raises(KeyboardInterrupt):
            build_translator(checkpointed(), run)
        monkeypatch.undo()
        resumed = build_translator(checkpointed(), run)
        assert model_files(resumed) == model_files(whole)

    def test_a_checkpoint_of_other_work_is_refused(self, make_run, monkeypatch):
        stop_after(monkeypatch, 3)
        with pytest.raises(KeyboardInterrupt):
            build_translator(checkpointed(), make_run("translator"))
        with pytest.raises(CheckpointMismatchError):
            build_translator(checkpointed(), make_run("translator", fingerprint="a" * 64))


def checkpointed():
    optimisation = TranslatorTraining(parallel="pairs.jsonl").optimisation
    return config(optimisation=optimisation.model_copy(update={"checkpoint_every": 1}))


def stop_after(monkeypatch, steps):
    """Interrupt training in the middle of the step after so many."""

    def interrupted(model, *, batches, **options):
        def until(step):
            if step == steps:
                raise KeyboardInterrupt
            return batches(step)

        return train(model, batches=until, **options)

    monkeypatch.setattr("gmlm.translation.marian.train", interrupted)


def model_files(manifest):
    return [(file.path, file.sha256) for file in manifest.files if file.path.startswith("model/")]


def test_no_good_pair_at_all(tmp_path, make_run):
    (tmp_path / "pairs.jsonl").write_text("{}\n")
    with pytest.raises(EmptyCorpusError, match="no pair to train on"):
        build_translator(config(), make_run("translator"))


def test_pairs_that_are_all_too_long(tmp_path, make_run):
    line = json.dumps({"en": "The dose is five. " * 20, "de": "Die Dosis ist fünf. " * 20})
    (tmp_path / "pairs.jsonl").write_text(line + "\n")
    with pytest.raises(EmptyCorpusError, match="max_length"):
        build_translator(config(max_length=8, vocab_size=110), make_run("translator"))


class TestPretrained:
    def test_a_local_folder_is_copied_without_pickles_and_code(self, tmp_path, make_run, tiny_folder):
        shutil.copytree(tiny_folder, tmp_path / "models" / "mine")
        for name in ("pytorch_model.bin", "modeling.py"):
            (tmp_path / "models" / "mine" / name).write_bytes(b"evil")
        manifest = build_translator(TranslatorConfig(model="models/mine"), make_run("translator"))
        assert {file.path for file in manifest.files} == {
            f"model/{file.name}" for file in tiny_folder.iterdir() if file.is_file()
        }

    def test_a_model_that_cannot_be_had_offline(self, make_run):
        with pytest.raises(InputNotFoundError, match="nobody/nothing-en-de: neither a local folder nor"):
            build_translator(TranslatorConfig(model="nobody/nothing-en-de"), make_run("translator"))

    def test_a_name_that_the_hub_cannot_hold(self, make_run):
        with pytest.raises(InputNotFoundError, match="neither a local folder nor"):
            build_translator(TranslatorConfig(model="no/such/folder"), make_run("translator"))

    def test_weights_other_than_safetensors_are_refused(self, tmp_path, make_run):
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"")
        with pytest.raises(ModelMismatchError, match="no safetensors"):
            build_translator(TranslatorConfig(model="old"), make_run("translator"))

    def test_an_encoder_is_no_translator(self, tmp_path, make_run):
        sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        BertModel(BertConfig(**sizes, intermediate_size=8)).save_pretrained(tmp_path / "bert")
        with pytest.raises(ModelMismatchError, match="sequence-to-sequence"):
            build_translator(TranslatorConfig(model="bert"), make_run("translator"))
