"""Layer-wise learning rates fall from the head to the embeddings; every trainable parameter is in one group."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
)

from gmlm.config import OptimisationConfig
from gmlm.training.optimiser import optimiser_of, parameter_groups, set_learning_rate

SMALL = {
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "pad_token_id": 0,
}
ENCODERS = {
    "bert": lambda: BertForMaskedLM(BertConfig(**SMALL)),
    "deberta-v2": lambda: DebertaV2ForMaskedLM(DebertaV2Config(**SMALL)),
    "modernbert": lambda: ModernBertForMaskedLM(ModernBertConfig(**SMALL)),
}


def scales(model: nn.Module) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, 0.1, layer_decay=0.5)
    return {names[id(parameter)]: group["scale"] for group in groups for parameter in group["params"]}


@pytest.mark.parametrize("name", ENCODERS)
def test_each_layer_learns_half_as_fast_as_the_one_above(name: str) -> None:
    model = ENCODERS[name]()
    found = scales(model)
    assert set(found) == {name for name, _ in model.named_parameters()}
    by_layer = {
        number: {scale for name, scale in found.items() if f"layer.{number}." in name or f"layers.{number}." in name}
        for number in range(3)
    }
    assert by_layer == {2: {0.5}, 1: {0.25}, 0: {0.125}}
    assert {scale for name, scale in found.items() if "embeddings" in name} == {0.0625}
    assert (
        found[
            next(name for name in found if name.endswith(("predictions.transform.dense.weight", "head.dense.weight")))
        ]
        == 1.0
    )


def test_no_parameter_is_in_two_groups_and_decay_spares_vectors() -> None:
    model = ENCODERS["bert"]()
    groups = parameter_groups(model, 0.1, layer_decay=0.9)
    parameters = list(chain.from_iterable(group["params"] for group in groups))
    assert len({id(parameter) for parameter in parameters}) == len(parameters) == len(list(model.parameters()))
    assert {group["weight_decay"] for group in groups if group["params"][0].ndim == 1} == {0.0}


def test_without_layer_decay_there_are_two_groups_and_one_rate() -> None:
    optimiser = optimiser_of(ENCODERS["bert"](), OptimisationConfig())
    set_learning_rate(optimiser, 0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.5]


def test_the_rate_of_a_step_is_scaled_for_each_group() -> None:
    optimiser = optimiser_of(ENCODERS["bert"](), OptimisationConfig(layer_decay=0.5))
    set_learning_rate(optimiser, 0.8)
    assert {group["lr"] for group in optimiser.param_groups} == {0.8, 0.4, 0.2, 0.1, 0.05}


@pytest.mark.parametrize("kind", ["stable_adamw", "lamb"])
def test_optimisers_of_whole_tensors_are_refused_where_zero_cuts_them(kind: str) -> None:
    with pytest.raises(ValueError, match="whole tensors"):
        OptimisationConfig(optimiser=kind, engine="deepspeed", zero_stage=1)
    assert isinstance(optimiser_of(nn.Linear(2, 2), OptimisationConfig(optimiser=kind)), torch.optim.Optimizer)
