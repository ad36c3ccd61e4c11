"""What training on a GPU must keep: documents apart, losses near fp32's, dropout's share. Run by `make gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from gmlm.training import varlen
from gmlm.training.compilation import compile_parts
from gmlm.training.encoders import PACKABLE, hidden_states
from tests.unit.training.test_encoders import PLACES, alone, gradients, stream, tiny
from tests.unit.training.test_engines import TORCH, deepspeed, run
from tests.unit.training.test_recomputation import three_layers

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """TF32 has ten bits of mantissa."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


def on_gpu(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: part.cuda() for name, part in batch.items()}


def larger(model_type: str, **more: Any) -> torch.nn.Module:
    """With heads of 32, as kernels like them."""
    return tiny(model_type, **{"hidden_size": 64, **more}).cuda()


@pytest.mark.parametrize("places", [None, PLACES], ids=["everywhere", "some"])
@pytest.mark.parametrize("model_type", sorted(PACKABLE))
def test_documents_of_a_stream_equal_documents_alone(model_type: str, places: torch.Tensor | None) -> None:
    model, batch = larger(model_type), on_gpu(stream())
    chosen = slice(None) if places is None else places.cuda()
    expected = alone(model, batch)[chosen]
    found = hidden_states(model, batch, None if places is None else places.cuda())
    assert torch.allclose(found, expected, atol=1e-4)
    wanted, got = gradients(model, expected), gradients(model, found)
    for name, gradient in wanted.items():
        assert torch.allclose(got[name], gradient, atol=1e-4 * max(1.0, float(gradient.abs().max()))), name


@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("model_type", sorted(PACKABLE - {"deberta-v2"}))
def test_bf16_takes_one_kernel_and_stays_near_fp32(
    model_type: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels, kernel_for = [], varlen.kernel_for
    monkeypatch.setattr(varlen, "kernel_for", lambda streams: kernels.append(kernel_for(streams)) or kernels[-1])
    model, batch = larger(model_type), on_gpu(stream())
    reference = hidden_states(model, batch)
    if share:
        for module in model.modules():
            if hasattr(module, "attention_dropout"):
                module.attention_dropout = share
        model.train()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        states = hidden_states(model, batch)
    assert kernels
    assert all(kernel is not None for kernel in kernels) or share, "a kernel serves all layers"
    if not share:
        assert float((states.float() - reference).norm() / reference.norm()) < 0.05


@pytest.mark.parametrize("compiled", [False, True])
def test_places_alone_give_the_states_there_in_bf16(compiled: bool) -> None:
    model, batch = larger("bert"), on_gpu(stream())
    if compiled:
        assert compile_parts(model)
    with torch.autocast("cuda", dtype=torch.bfloat16), torch.no_grad():
        everywhere, some = hidden_states(model, batch), hidden_states(model, batch, PLACES.cuda())
    assert torch.allclose(some.float(), everywhere[PLACES.cuda()].float(), atol=0.05, rtol=0.05)


def test_losses_in_bf16_compiled_or_recomputed_are_near_those_in_fp32() -> None:
    expected = run(TORCH, three_layers())
    half = TORCH.model_copy(update={"precision": "bf16"})
    for settings in (half, *(half.model_copy(update={name: True}) for name in ("compile", "activation_checkpointing"))):
        assert run(settings, three_layers()) == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_zero_trains_as_plain_pytorch(stage: int) -> None:
    assert run(deepspeed(stage), three_layers()) == pytest.approx(run(TORCH, three_layers()), abs=0.1)
