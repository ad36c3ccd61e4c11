"""Computing activations again changes nothing but memory: same losses, same gradients, dropout included."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from gmlm.config import OptimisationConfig
from gmlm.errors import TrainingError
from gmlm.training import train
from gmlm.training.activations import activations_of
from gmlm.training.encoders import hidden_states
from gmlm.training.recomputation import recompute_layers, release_layers
from tests.unit.training.test_encoders import PLACES, SETTINGS, stream, tiny
from tests.unit.training.test_engines import TORCH, deepspeed, run

ENGINES = {"torch": TORCH, **{f"zero-{stage}": deepspeed(stage) for stage in range(4)}}


def three_layers() -> BertForMaskedLM:
    """Their largest weights are such as ZeRO stage 3 does spread."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 2048}
    return BertForMaskedLM(BertConfig(vocab_size=2000, **sizes))


def learn(model: torch.nn.Module, places: torch.Tensor | None) -> tuple[dict[str, torch.Tensor], int]:
    """Gradients of a stream's states under dropout, and the bytes that were kept for them."""
    model.train().zero_grad()
    torch.manual_seed(2)
    with activations_of(model, torch.device("cpu")) as kept:
        states = hidden_states(model, stream(), places)
    states.square().sum().backward()
    gradients = {name: part.grad.clone() for name, part in model.named_parameters() if part.grad is not None}
    return gradients, kept.bytes


@pytest.mark.parametrize("places", [None, PLACES], ids=["everywhere", "some"])
@pytest.mark.parametrize("model_type", sorted(SETTINGS))
def test_gradients_are_the_same_for_less_memory(model_type: str, places: torch.Tensor | None) -> None:
    model = tiny(model_type)
    expected, much = learn(model, places)
    recompute_layers(model)
    found, little = learn(model, places)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())
    assert little < much / 2
    release_layers(model)
    assert learn(model, places)[1] == much


@pytest.mark.parametrize("optimisation", ENGINES.values(), ids=ENGINES)
def test_losses_are_the_same_for_every_engine(optimisation: OptimisationConfig) -> None:
    model = three_layers()
    again = optimisation.model_copy(update={"activation_checkpointing": True})
    assert run(again, model) == pytest.approx(run(optimisation, three_layers()), abs=1e-6)
    assert not any("forward" in vars(module) for module in model.modules()), "the model is as it was"


def test_a_model_without_layers_is_refused_before_any_work() -> None:
    with pytest.raises(TrainingError, match="activation_checkpointing"):
        train(
            torch.nn.Linear(2, 2),
            loss=lambda model, batch: model(batch["x"]).mean(),
            batches=lambda step: [],
            steps=1,
            optimisation=TORCH.model_copy(update={"activation_checkpointing": True}),
            seed=1,
            fingerprint="f",
        )
