"""The loop gives the loss curve of Hugging Face's Trainer on the same batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, Trainer, TrainingArguments

from gmlm.config import OptimisationConfig
from gmlm.training import Batch, train
from gmlm.training.interface import WEIGHT

STEPS, ROWS, COLUMNS = 20, 4, 16


def tiny_bert() -> BertForMaskedLM:
    """Without dropout: the two loops draw random numbers at different moments."""
    torch.manual_seed(0)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=120,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def examples() -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 120, (STEPS * ROWS, COLUMNS), generator=generator)
    chosen = torch.rand(ids.shape, generator=generator) < 0.3
    chosen[:, 0] = True
    return [{"input_ids": row, "labels": torch.where(mask, row, -100)} for row, mask in zip(ids, chosen, strict=True)]


def masked_lm(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    loss: torch.Tensor = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
    return loss


def mean_over_step(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
    """The Trainer's own way to accumulate; BERT's built-in loss ignores `num_items_in_batch`."""
    summed = functional.cross_entropy(outputs.logits.flatten(0, 1), labels.flatten(), reduction="sum")
    return summed / num_items_in_batch


class InOrderTrainer(Trainer):
    def _get_train_sampler(self, *_: object) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def trainer_curve(schedule: str, micro_batches: int, folder: Path) -> list[tuple[float, float]]:
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=ROWS // micro_batches,
        gradient_accumulation_steps=micro_batches,
        learning_rate=3e-3,
        lr_scheduler_type=schedule,
        warmup_steps=4,
        weight_decay=0.1,
        max_grad_norm=0.5,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    trainer = InOrderTrainer(
        model=tiny_bert(), args=arguments, train_dataset=examples(), compute_loss_func=mean_over_step
    )
    trainer.train()
    return [(entry["loss"], entry["learning_rate"]) for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize(("schedule", "micro_batches"), [("linear", 1), ("cosine", 2), ("constant_with_warmup", 4)])
def test_the_loss_curve_is_the_one_of_the_trainer(schedule: str, micro_batches: int, tmp_path: Path) -> None:
    rows = examples()
    each = ROWS // micro_batches

    def batches(step: int) -> list[Batch]:
        result = []
        for start in range(step * ROWS, (step + 1) * ROWS, each):
            batch = {name: torch.stack([row[name] for row in rows[start : start + each]]) for name in rows[0]}
            result.append({**batch, WEIGHT: (batch["labels"] != -100).sum()})
        return result

    ours = train(
        tiny_bert(),
        loss=masked_lm,
        batches=batches,
        steps=STEPS,
        optimisation=OptimisationConfig(
            learning_rate=3e-3,
            schedule="constant" if schedule.startswith("constant") else schedule,
            warmup_ratio=4 / STEPS,
            weight_decay=0.1,
            max_gradient_norm=0.5,
            log_every=1,
        ),
        seed=0,
        fingerprint="parity",
    )
    for point, (loss, rate) in zip(ours.curve, trainer_curve(schedule, micro_batches, tmp_path), strict=True):
        assert point.loss == pytest.approx(loss, abs=1e-5), f"step {point.step}"
        assert point.learning_rate == pytest.approx(rate, abs=1e-9), f"step {point.step}"
