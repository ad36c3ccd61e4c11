"""Compiled parts compute what they computed before, for any number of tokens, by few graphs for many layers."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch._dynamo import config as dynamo
from torch._dynamo.utils import counters

from gmlm.config import OptimisationConfig
from gmlm.training.compilation import compile_parts, release_parts
from gmlm.training.encoders import hidden_states
from tests.unit.training.test_encoders import PLACES, gradients, stream, tiny
from tests.unit.training.test_engines import TORCH, deepspeed, run, tiny_bert

COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")


@COMPILER
@pytest.mark.slow
@pytest.mark.parametrize("model_type", ["bert", "modernbert", "eurobert", "deberta-v2"])
def test_states_and_gradients_stay(model_type: str) -> None:
    model, batch = tiny(model_type, num_hidden_layers=12), stream()
    found = [hidden_states(model, batch, places) for places in (None, PLACES, PLACES[:5])]
    expected = [(states, gradients(model, states)) for states in found]
    counters.clear()
    torch._dynamo.reset()
    assert compile_parts(model) >= 12
    for places, (states, wanted) in zip((None, PLACES, PLACES[:5]), expected, strict=True):
        compiled = hidden_states(model, batch, places)
        assert torch.allclose(compiled, states, atol=1e-4)
        for name, gradient in gradients(model, compiled).items():
            assert torch.allclose(gradient, wanted[name], atol=1e-4 * max(1.0, float(wanted[name].abs().max()))), name
    assert 0 < counters["stats"]["unique_graphs"] <= dynamo.recompile_limit, "layers share their graphs"
    release_parts(model)
    graphs = counters["stats"]["unique_graphs"]
    assert torch.equal(hidden_states(model, batch), expected[0][0])
    assert counters["stats"]["unique_graphs"] == graphs


def test_a_cpu_does_not_compile() -> None:
    counters.clear()
    assert run(TORCH.model_copy(update={"compile": True}), tiny_bert()) == run(TORCH, tiny_bert())
    assert not counters["stats"]


def test_weights_that_are_taken_apart_are_not_compiled() -> None:
    with pytest.raises(ValueError, match="whole weights"):
        OptimisationConfig(**{**deepspeed(3).model_dump(), "compile": True})
