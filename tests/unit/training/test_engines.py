"""DeepSpeed's ZeRO stages train as plain PyTorch does, and resume as exactly."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM

from gmlm.config import OptimisationConfig
from gmlm.errors import CheckpointMismatchError, InterruptedRunError, StorageError
from gmlm.training import Batch, TrainingState, train
from gmlm.training.interface import WEIGHT

TORCH = OptimisationConfig(learning_rate=1e-3, warmup_ratio=0.25, log_every=1)


def deepspeed(stage: int) -> OptimisationConfig:
    return TORCH.model_copy(update={"engine": "deepspeed", "zero_stage": stage})


STABLE = {"optimiser": "stable_adamw"}
ENGINES = {
    "torch": TORCH,
    "torch-stable": TORCH.model_copy(update=STABLE),
    **{f"zero-{stage}": deepspeed(stage) for stage in range(4)},
}


def tiny_bert() -> BertForMaskedLM:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=2000, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    return BertForMaskedLM(config)


def batches(step: int) -> list[Batch]:
    """Two micro-batches with different numbers of targets."""
    generator = torch.Generator().manual_seed(step)
    ids = torch.randint(5, 2000, (3, 12), generator=generator)
    labels = torch.where(torch.rand(ids.shape, generator=generator) < 0.4, ids, -100)
    labels[:, 0] = ids[:, 0]
    parts = [slice(0, 1), slice(1, 3)]
    return [
        {"input_ids": ids[part], "labels": labels[part], WEIGHT: (labels[part] != -100).sum().float()} for part in parts
    ]


def masked_lm(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    loss: torch.Tensor = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
    return loss


def run(
    optimisation: OptimisationConfig, model: BertForMaskedLM, checkpoints: Path | None = None, **options: object
) -> list[float]:
    settings = {"steps": 4, "fingerprint": "f", **options}
    result = train(
        model,
        loss=masked_lm,
        batches=batches,
        optimisation=optimisation,
        seed=1,
        checkpoints=checkpoints,
        **settings,
    )
    return [point.loss for point in result.curve]


class Stop:
    """Asks the process to stop after two steps, as SIGTERM does."""

    def after_step(self, state: TrainingState) -> None:
        if state.step == 2:
            signal.raise_signal(signal.SIGTERM)


def weights_agree(a: BertForMaskedLM, b: BertForMaskedLM, tolerance: float) -> None:
    for name, parameter in a.named_parameters():
        torch.testing.assert_close(b.get_parameter(name), parameter, atol=tolerance, rtol=0)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_zero_trains_as_plain_pytorch(stage: int) -> None:
    plain, zero = tiny_bert(), tiny_bert()
    assert run(deepspeed(stage), zero) == pytest.approx(run(TORCH, plain), abs=1e-5)
    weights_agree(plain, zero, tolerance=1e-5)


@pytest.mark.parametrize("optimisation", ENGINES.values(), ids=ENGINES)
def test_a_stopped_run_resumes_to_the_same_bits(optimisation: OptimisationConfig, tmp_path: Path) -> None:
    straight, resumed = tiny_bert(), tiny_bert()
    expected = run(optimisation, straight)
    with pytest.raises(InterruptedRunError, match="step 2 of 4"):
        run(optimisation, tiny_bert(), tmp_path, hooks=[Stop()])
    assert run(optimisation, resumed, tmp_path) == expected
    weights_agree(straight, resumed, tolerance=0)


def test_stable_adamw_trains_the_same_under_both_engines() -> None:
    plain, zero = tiny_bert(), tiny_bert()
    losses = run(TORCH.model_copy(update=STABLE), plain)
    assert run(deepspeed(0).model_copy(update=STABLE), zero) == pytest.approx(losses, abs=1e-5)
    assert losses != run(TORCH, tiny_bert())
    weights_agree(plain, zero, tolerance=1e-5)


CHANGES = [pytest.param(a, b, marks=[] if (a, b) in {(0, 1), (2, 3), (3, 0)} else pytest.mark.slow)
           for a, b in itertools.permutations(range(4), 2)]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_stopped_run_goes_on_at_another_zero_stage(before: int, after: int, tmp_path: Path) -> None:
    straight, resumed = tiny_bert(), tiny_bert()
    expected = run(TORCH, straight)
    with pytest.raises(InterruptedRunError):
        run(deepspeed(before), tiny_bert(), tmp_path, hooks=[Stop()])
    assert run(deepspeed(after), resumed, tmp_path) == pytest.approx(expected, abs=1e-6)
    weights_agree(straight, resumed, tolerance=1e-6)


def test_a_damaged_checkpoint_of_another_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError):
        run(deepspeed(1), tiny_bert(), tmp_path, hooks=[Stop()])
    (part,) = tmp_path.rglob("*optim_states.pt")
    part.write_bytes(b"half")
    with pytest.raises(StorageError, match="damaged") as caught:
        run(deepspeed(2), tiny_bert(), tmp_path)
    assert caught.value.where == str(tmp_path / "step-00000002")


def test_no_pickled_code_is_run_by_a_conversion(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "attacked",))

    with pytest.raises(InterruptedRunError):
        run(deepspeed(1), tiny_bert(), tmp_path, hooks=[Stop()])
    (part,) = tmp_path.rglob("*optim_states.pt")
    torch.save({"optimizer_state_dict": Attack()}, part)
    with pytest.raises(StorageError, match="damaged"):
        run(deepspeed(2), tiny_bert(), tmp_path)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize(("before", "after"), [(TORCH, deepspeed(1)), (deepspeed(0), TORCH)])
def test_a_checkpoint_of_another_engine_is_refused(
    before: OptimisationConfig, after: OptimisationConfig, tmp_path: Path
) -> None:
    run(before, tiny_bert(), tmp_path)
    with pytest.raises(CheckpointMismatchError, match="another engine"):
        run(after, tiny_bert(), tmp_path)


def test_bf16_keeps_weights_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": True}, raising=False)
    model = tiny_bert()
    losses = run(TORCH.model_copy(update={"precision": "bf16"}), model)
    assert losses == pytest.approx(run(TORCH, tiny_bert()), abs=0.05)
    assert losses != run(TORCH, tiny_bert())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


AVERAGED = TORCH.model_copy(update={"checkpoint_every": 1, "average_last": 3})


def test_the_result_is_the_mean_of_the_last_checkpoints(tmp_path: Path) -> None:
    model = tiny_bert()
    assert run(AVERAGED, model, tmp_path) == run(TORCH, tiny_bert())
    files = sorted(tmp_path.glob("step-*/model.safetensors"))
    assert [file.parent.name[-1] for file in files] == ["2", "3", "4"]
    weights = [load_file(file) for file in files]
    for name in weights[0]:
        mean = torch.stack([part[name] for part in weights]).double().mean(0)
        torch.testing.assert_close(model.state_dict()[name].double(), mean, rtol=0, atol=1e-7)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_a_finished_run_is_restored_to_the_mean(tmp_path: Path) -> None:
    first, again = tiny_bert(), tiny_bert()
    run(AVERAGED, first, tmp_path)
    run(AVERAGED, again, tmp_path)
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name)), name


def test_sharded_checkpoints_are_refused() -> None:
    with pytest.raises(ValueError, match="whole weights"):
        OptimisationConfig(engine="deepspeed", average_last=2)
