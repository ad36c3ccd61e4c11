"""Documents packed into one row have the hidden states that each has alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel

from gmlm.pretraining.isolation import PACKABLE, encoder_inputs, position_offset

LENGTHS = (7, 12, 3, 20)
"""The last one is longer than ModernBERT's local window below."""

SETTINGS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
    "camembert": {"pad_token_id": 1},
    "electra": {"embedding_size": 16},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
}


def tiny(model_type: str, attention: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        model_type,
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        attn_implementation=attention,
        **{"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, **SETTINGS[model_type]},
    )
    model = AutoModelForMaskedLM.from_config(config).eval()
    for parameter in model.parameters():  # Initial weights are too small for leaks to be seen.
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def packed() -> dict[str, torch.Tensor]:
    """One row of all documents and five places of padding."""
    torch.manual_seed(1)
    documents = torch.cat([torch.full((n,), i + 1) for i, n in enumerate(LENGTHS)] + [torch.zeros(5, dtype=torch.long)])
    positions = torch.cat([torch.arange(n) for n in LENGTHS] + [torch.zeros(5, dtype=torch.long)])
    ids = torch.randint(5, 50, documents.shape)
    return {"input_ids": ids[None], "documents": documents[None], "positions": positions[None]}


def alone(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Hidden states of all documents, each given to the plain model by itself."""
    pieces = batch["input_ids"][0, : sum(LENGTHS)].split(LENGTHS)
    return torch.cat([model.base_model(input_ids=piece[None]).last_hidden_state[0] for piece in pieces])


def difference(model: PreTrainedModel, inputs: dict[str, Any], batch: dict[str, torch.Tensor]) -> float:
    with torch.no_grad():
        together = model.base_model(**inputs).last_hidden_state[0, : sum(LENGTHS)]
        return float((together - alone(model, batch)).abs().max())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_packed_documents_equal_documents_alone(model_type: str, attention: str) -> None:
    model, batch = tiny(model_type, attention), packed()
    assert difference(model, encoder_inputs(model, batch), batch) < 1e-5


@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_position_ids_alone_do_not_isolate(model_type: str) -> None:
    model, batch = tiny(model_type, "sdpa"), packed()
    inputs = {"input_ids": batch["input_ids"], "position_ids": batch["positions"] + position_offset(model)}
    assert difference(model, inputs, batch) > 1e-2


def test_every_packable_architecture_is_tested() -> None:
    assert set(SETTINGS) == PACKABLE


def test_positions_start_where_the_architecture_starts_them() -> None:
    assert position_offset(tiny("bert", "sdpa")) == 0
    assert position_offset(tiny("roberta", "sdpa")) == 2
