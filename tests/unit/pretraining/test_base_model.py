"""The stage `base-model` brings a model into the store or says why it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from gmlm.config import BaseModelConfig
from gmlm.errors import DataFormatError, GmlmError, InputNotFoundError, ModelMismatchError
from gmlm.pretraining.base_model import import_model
from gmlm.stage import StageRun

MakeRun = Callable[..., StageRun]


def tiny_config(tokens: int = 100) -> BertConfig:
    return BertConfig(
        vocab_size=tokens, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )


@pytest.fixture
def folder(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A folder `models/tiny` beside the study, with model and tokenizer."""
    path = tmp_path / "models" / "tiny"
    BertForMaskedLM(tiny_config()).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_local_model_relative_to_the_study_enters_the_store(make_run: MakeRun, folder: Path) -> None:
    run = make_run("base-model")
    manifest = import_model(BaseModelConfig(model="models/tiny"), run)
    assert manifest.kind == "model"
    imported = AutoModelForMaskedLM.from_pretrained(run.local_folder(manifest, "model"))
    original = AutoModelForMaskedLM.from_pretrained(folder)
    for name, parameter in original.named_parameters():
        assert torch.equal(imported.get_parameter(name), parameter)


def test_no_local_path_enters_the_store(make_run: MakeRun, folder: Path, tmp_path: Path) -> None:
    run = make_run("base-model")
    manifest = import_model(BaseModelConfig(model=str(folder)), run)
    for entry in manifest.files:
        assert str(tmp_path).encode() not in run.store.read(run.key(entry.path)), entry.path


def test_a_machine_without_network_writes_the_same_tokenizer(make_run: MakeRun, folder: Path) -> None:
    run = make_run("base-model")
    manifest = import_model(BaseModelConfig(model="models/tiny"), run)
    settings = json.loads(run.store.read(manifest.key("model/tokenizer_config.json")))
    assert not {"local_files_only", "is_local"} & set(settings)


def test_a_model_without_head_gets_the_same_head_in_every_run(make_run: MakeRun, folder: Path) -> None:
    BertModel(tiny_config()).save_pretrained(folder)
    first = import_model(BaseModelConfig(model="models/tiny"), make_run("base-model", "a"))
    second = import_model(BaseModelConfig(model="models/tiny"), make_run("base-model", "b"))
    assert first.files == second.files


@pytest.mark.parametrize("name", ["models/absent", "no-such-organisation/no-such-model", "/no/such/folder", "a b"])
def test_a_name_that_is_neither_folder_nor_on_the_hub(name: str, make_run: MakeRun) -> None:
    with pytest.raises(InputNotFoundError) as caught:
        import_model(BaseModelConfig(model=name), make_run("base-model"))
    assert caught.value.where == name


@pytest.mark.parametrize("tokens", [90, 5000])
def test_an_embedding_of_another_size_than_the_tokenizer_is_refused(
    tokens: int, make_run: MakeRun, folder: Path
) -> None:
    BertForMaskedLM(tiny_config(tokens)).save_pretrained(folder)
    with pytest.raises(ModelMismatchError, match=f"100 tokens and the embedding {tokens} rows"):
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))


def test_an_embedding_that_is_rounded_up_is_taken(make_run: MakeRun, folder: Path) -> None:
    BertForMaskedLM(tiny_config(128)).save_pretrained(folder)
    assert import_model(BaseModelConfig(model="models/tiny"), make_run("base-model")).files


def test_pickled_weights_are_not_read(make_run: MakeRun, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataFormatError, match="safetensors"):
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))


def test_a_truncated_weight_file_is_named(make_run: MakeRun, folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(DataFormatError):
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))


def test_a_checkpoint_without_a_layer_is_refused(make_run: MakeRun, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(ModelMismatchError, match="encoder are missing"):
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))


def test_a_checkpoint_of_another_width_is_refused(make_run: MakeRun, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 24}))
    with pytest.raises(GmlmError) as caught:
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))
    assert caught.value.where == "models/tiny"


def test_a_folder_without_tokenizer_is_named(make_run: MakeRun, folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(DataFormatError, match="tokenizer"):
        import_model(BaseModelConfig(model="models/tiny"), make_run("base-model"))
