"""A head on a stream gives what the plain model gives on padded rows: logits, loss and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from gmlm.training.attention import ATTENTION
from gmlm.training.encoders import PACKABLE
from gmlm.training.heads import run_with_head

LENGTHS = (3, 20, 7, 12, 19, 7)
SETTINGS: dict[str, dict[str, Any]] = {
    "electra": {"embedding_size": 16},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2, "classifier_pooling": "mean"},
    "deberta-v2": {"relative_attention": True, "position_buckets": 8, "pos_att_type": "p2c|c2p"},
    "distilbert": {"dim": 32, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
}
HEADS = {
    "tokens": (AutoModelForTokenClassification, {}),
    "labels": (AutoModelForSequenceClassification, {"problem_type": "multi_label_classification"}),
    "answers": (AutoModelForQuestionAnswering, {}),
}
TARGETS = {
    "tokens": {"labels": torch.arange(6 * 20).view(6, 20) % 3},
    "labels": {"labels": (torch.arange(18).view(6, 3) % 2).float()},
    "answers": {},
}
TYPED = frozenset({"bert", "electra"})


def model_with(head: str, model_type: str) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3}
    config = AutoConfig.for_model(
        model_type,
        vocab_size=50,
        max_position_embeddings=64,
        **({} if model_type == "distilbert" else sizes),
        **{**special, **SETTINGS.get(model_type, {}), **HEADS[head][1]},
        **({} if head == "answers" else {"num_labels": 3}),
    )
    model = HEADS[head][0].from_config(config).eval()
    for parameter in model.parameters():  # Initial weights are too small for leaks to be seen.
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def padded_rows(model_type: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(20) < torch.tensor(LENGTHS)[:, None]
    rows = {"input_ids": torch.randint(5, 50, (6, 20)) * mask, "attention_mask": mask.long()}
    types = {"token_type_ids": (torch.arange(20) > 4) * mask.long()}
    return rows | (types if model_type in TYPED else {})


def loss_of(output: Any, head: str, mask: torch.Tensor) -> torch.Tensor:
    """Where transformers' own loss takes padding for places of an answer, one that does not."""
    if head != "answers":
        return output.loss
    logits = logits_of(output, head, mask)
    return (logits**2).mean()


def logits_of(output: Any, head: str, mask: torch.Tensor) -> torch.Tensor:
    if head == "answers":
        return torch.stack([output.start_logits, output.end_logits], -1)[mask]
    return output.logits if head == "labels" else output.logits[mask]


CASES = [(head, model_type) for head in HEADS for model_type in sorted({*PACKABLE, "distilbert"})]
CASES.remove(("answers", "eurobert"))  # transformers has no such model


@pytest.mark.parametrize(("head", "model_type"), CASES)
def test_logits_and_gradients_are_those_of_padded_rows(head: str, model_type: str) -> None:
    model, rows = model_with(head, model_type), padded_rows(model_type)
    mask = rows["attention_mask"].bool()
    targets = TARGETS[head]
    if head == "tokens":
        targets = {"labels": targets["labels"].masked_fill(~mask, -100)}
    found = []
    for run in (lambda: model(**rows, **targets), lambda: run_with_head(model, {**rows, **targets})):
        model.zero_grad()
        output = run()
        loss = loss_of(output, head, mask)
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found.append((logits_of(output, head, mask).detach(), loss.detach(), gradients))
    (plain, plain_loss, plain_gradients), (streamed, streamed_loss, gradients) = found
    scale = plain.abs().max()
    torch.testing.assert_close(streamed / scale, plain / scale, rtol=0, atol=1e-5)
    torch.testing.assert_close(streamed_loss, plain_loss, rtol=1e-5, atol=1e-5)
    assert gradients.keys() == plain_gradients.keys()
    for name, gradient in plain_gradients.items():
        bound = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(gradients[name] / bound, gradient / bound, rtol=0, atol=1e-4, msg=name)


def test_the_model_is_left_as_it_was() -> None:
    model, rows = model_with("tokens", "bert"), padded_rows("bert")
    before = model(**rows).logits
    run_with_head(model, rows)
    assert "forward" not in vars(model.base_model)
    assert model.config._attn_implementation != ATTENTION
    torch.testing.assert_close(model(**rows).logits, before, rtol=0, atol=0)


def test_the_encoder_computes_no_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = model_with("tokens", "bert"), padded_rows("bert")
    seen = []
    model.base_model.encoder.layer[0].intermediate.register_forward_hook(
        lambda _, given, __: seen.append(given[0].shape[:-1].numel())
    )
    run_with_head(model, rows)
    assert seen == [sum(LENGTHS)]
