"""The sparse head gives the loss that transformers computes at every token."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel

from gmlm.config import OptimisationConfig
from gmlm.pretraining.objective import masked_lm_loss
from gmlm.training import Batch, train

SETTINGS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 0, "max_position_embeddings": 40},
    "electra": {"embedding_size": 16},
    "modernbert": {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3},
    "eurobert": {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
    "deberta-v2": {"relative_attention": True, "pos_att_type": "p2c|c2p"},
    "distilbert": {"dim": 32, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
}


def tiny(model_type: str, **more: int) -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    plain = {"vocab_size": 50, **({} if model_type == "distilbert" else sizes)}
    config = AutoConfig.for_model(model_type, **{**plain, **SETTINGS[model_type], **more})
    return AutoModelForMaskedLM.from_config(config).eval()


def one_stream() -> tuple[Batch, dict[str, torch.Tensor]]:
    """A batch of documents, and the same as transformers takes it: padded rows, attention mask and labels."""
    torch.manual_seed(1)
    lengths = torch.tensor([12, 12, 11, 9])
    attention = (torch.arange(12) < lengths[:, None]).long()
    ids = torch.randint(5, 50, (4, 12)) * attention
    chosen = (torch.rand(ids.shape) < 0.3) & (attention == 1)
    labels = torch.where(chosen, torch.randint(5, 50, ids.shape), -100)
    stream = labels[attention == 1]
    batch = {"input_ids": ids[attention == 1], "lengths": lengths, "targets": (stream != -100).nonzero()[:, 0]}
    return {**batch, "labels": stream[stream != -100]}, {
        "input_ids": ids,
        "attention_mask": attention,
        "labels": labels,
    }


@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_the_loss_is_the_one_of_transformers(model_type: str) -> None:
    model = tiny(model_type)
    batch, rows = one_stream()
    with torch.no_grad():
        expected = model(**rows).loss
        assert masked_lm_loss(model, batch).item() == pytest.approx(expected.item(), abs=1e-5)


def test_non_legacy_deberta_heads_are_known_too() -> None:
    model = AutoModelForMaskedLM.from_config(
        AutoConfig.for_model(
            "deberta-v2",
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            legacy=False,
        )
    ).eval()
    batch, rows = one_stream()
    expected = model(**rows).loss
    assert masked_lm_loss(model, batch).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("recomputed", [False, True])
@pytest.mark.parametrize("model_type", ["bert", "modernbert", "deberta-v2"])
def test_weights_that_zero_takes_apart_are_there_in_the_last_layer(model_type: str, recomputed: bool) -> None:
    batch, _ = one_stream()

    def losses(**engine: Any) -> list[float]:
        result = train(
            tiny(model_type, intermediate_size=4096),  # Stage 3 leaves weights below 100,000 numbers whole.
            loss=masked_lm_loss,
            batches=lambda step: [batch],
            steps=3,
            optimisation=OptimisationConfig(log_every=1, learning_rate=1e-3, **engine),
            seed=1,
            fingerprint="f",
        )
        return [point.loss for point in result.curve]

    spread = {"engine": "deepspeed", "zero_stage": 3, "activation_checkpointing": recomputed}
    assert losses(**spread) == pytest.approx(losses(), abs=1e-5)
