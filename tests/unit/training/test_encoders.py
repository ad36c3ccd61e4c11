"""Documents of one stream have the hidden states and gradients that each has alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel

from gmlm.training.encoders import PACKABLE, hidden_states, packable, position_offset

LENGTHS = (20, 19, 12, 7, 7, 3)
"""The first is longer than ModernBERT's local window below; the fourth and fifth are a bucket without padding."""

SETTINGS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
    "camembert": {"pad_token_id": 1},
    "electra": {"embedding_size": 16},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
    "eurobert": {"num_attention_heads": 4, "num_key_value_heads": 2},
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
    },
    "distilbert": {"dim": 32, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
}


def tiny(model_type: str, attention: str = "eager", **more: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    config = AutoConfig.for_model(
        model_type,
        vocab_size=50,
        max_position_embeddings=64,
        attn_implementation=attention,
        **{
            **({} if model_type == "distilbert" else sizes),
            **{"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3},
            **SETTINGS[model_type],
            **more,
        },
    )
    model = AutoModelForMaskedLM.from_config(config).eval()
    for parameter in model.parameters():  # Initial weights are too small for leaks to be seen.
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def stream() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {"input_ids": torch.randint(5, 50, (sum(LENGTHS),)), "lengths": torch.tensor(LENGTHS)}


def alone(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Hidden states of all documents, each given to the plain model by itself."""
    pieces = batch["input_ids"].split(LENGTHS)
    return torch.cat([model.base_model(input_ids=piece[None]).last_hidden_state[0] for piece in pieces])


def gradients(model: PreTrainedModel, states: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gradients of a loss in which each place has a weight of its own."""
    weights = torch.linspace(-1, 1, states.numel()).reshape(states.shape)
    model.zero_grad()
    (states * weights).sum().backward()
    return {name: part.grad.clone() for name, part in model.named_parameters() if part.grad is not None}


@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_documents_of_a_stream_equal_documents_alone(model_type: str) -> None:
    batch = stream()
    expected, found = alone(model := tiny(model_type), batch), hidden_states(same := tiny(model_type), batch)
    assert torch.allclose(found, expected, atol=1e-5)
    expected_gradients, found_gradients = gradients(model, expected), gradients(same, found)
    assert expected_gradients.keys() == found_gradients.keys()
    for name, gradient in expected_gradients.items():
        assert torch.allclose(found_gradients[name], gradient, atol=1e-5 * max(1.0, float(gradient.abs().max()))), name


PLACES = torch.tensor([0, 5, 19, 20, 45, 58, 67])
"""Three of the first document, none of the third and fifth."""


@pytest.mark.parametrize("places", [PLACES, PLACES[:0]], ids=["some", "none"])
@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_states_at_some_places_are_those_of_all_there(model_type: str, places: torch.Tensor) -> None:
    batch = stream()
    expected, found = alone(model := tiny(model_type), batch)[places], hidden_states(model, batch, places)
    assert torch.allclose(found, expected, atol=1e-5)
    expected_gradients, found_gradients = gradients(model, expected), gradients(model, found)
    assert expected_gradients.keys() == found_gradients.keys()
    for name, gradient in expected_gradients.items():
        assert torch.allclose(found_gradients[name], gradient, atol=1e-5 * max(1.0, float(gradient.abs().max()))), name
    assert torch.equal(hidden_states(model, batch), hidden_states(tiny(model_type), batch)), "the model is as it was"


def test_dropout_of_attention_is_that_of_transformers_in_the_mean() -> None:
    model, batch = tiny("bert", attention_probs_dropout_prob=0.2, hidden_dropout_prob=0.0).train(), stream()
    model.base_model.encoder.layer = model.base_model.encoder.layer[:1]
    with torch.no_grad():
        ours = torch.stack([hidden_states(model, batch) for _ in range(600)])
        theirs = torch.stack([alone(model, batch) for _ in range(600)])
    error = (ours.var(0) / 600 + theirs.var(0) / 600).sqrt()
    assert float(((ours.mean(0) - theirs.mean(0)).abs() / error.clamp_min(1e-6)).max()) < 6
    assert float(ours.var(0).mean() / theirs.var(0).mean()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("model_type", sorted(PACKABLE - {"deberta-v2"}))
def test_position_ids_alone_do_not_isolate(model_type: str) -> None:
    model, batch = tiny(model_type, "sdpa"), stream()
    positions = torch.cat([torch.arange(length) for length in LENGTHS]) + position_offset(model)
    with torch.no_grad():
        leaking = model.base_model(input_ids=batch["input_ids"][None], position_ids=positions[None])
        assert float((leaking.last_hidden_state[0] - alone(model, batch)).abs().max()) > 1e-3


def test_every_packable_architecture_is_tested() -> None:
    assert set(SETTINGS) >= PACKABLE


def test_a_convolution_over_tokens_is_not_packed() -> None:
    model, batch = tiny("deberta-v2", conv_kernel_size=3, conv_act="gelu"), stream()
    assert not packable(model)
    with torch.no_grad():
        found = hidden_states(model, batch)
        mask = torch.ones(1, LENGTHS[2], dtype=torch.long)
        third = batch["input_ids"].split(LENGTHS)[2]
        alone = model.base_model(input_ids=third[None], attention_mask=mask).last_hidden_state[0]
    assert torch.allclose(found.split(LENGTHS)[2], alone, atol=1e-5)


def test_positions_start_where_the_architecture_starts_them() -> None:
    assert position_offset(tiny("bert")) == 0
    assert position_offset(tiny("roberta")) == 2
