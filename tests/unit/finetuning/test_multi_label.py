"""Losses for rare labels, and what a long document's windows make together."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn.functional import binary_cross_entropy_with_logits

from gmlm.finetuning.multi_label import focal_loss, positive_weights


def test_positives_weigh_as_scikit_learn_balances_them_against_negatives():
    targets = (np.random.default_rng(1).random((60, 4)) < [0.05, 0.2, 0.5, 0.9]).astype(float)
    expected = []
    for column in targets.T:
        negative, positive = compute_class_weight("balanced", classes=np.array([0, 1]), y=column.astype(int))
        expected.append(positive / negative)
    torch.testing.assert_close(positive_weights(targets), torch.tensor(expected, dtype=torch.float32))


def test_a_label_that_none_or_all_have_is_left_alone():
    assert positive_weights(np.array([[0.0, 1.0], [0.0, 1.0]])).tolist() == [1.0, 1.0]


def test_focal_loss_is_lins_formula():
    logits, labels = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    right = torch.sigmoid(logits * (2 * labels - 1))
    torch.testing.assert_close(focal_loss(logits, labels), (-((1 - right) ** 2) * right.log()).mean())
    sure = torch.tensor([[8.0]]), torch.tensor([[1.0]])
    assert focal_loss(*sure) < 1e-5 * binary_cross_entropy_with_logits(*sure)


@pytest.mark.parametrize("settings", [{"imbalance": "weighted"}, {"imbalance": "focal"}, {"long_documents": "mean"}])
def test_every_choice_learns_a_small_task_by_heart_in_a_way_of_its_own(fit, calm_model, settings):
    short = {"model": calm_model, "max_length": 12, "stride": 2}
    cell, plain = fit("multi_label", **short, **settings), fit("multi_label", **short, name="plain")
    assert cell.manifest.metrics["test_f1"] > 0.9
    assert cell.json("training.json")["curve"][0]["loss"] != plain.json("training.json")["curve"][0]["loss"]


@pytest.mark.parametrize("long_documents", ["head_tail", "max"])
def test_head_and_tail_reads_both_ends_in_one_window(fit, calm_model, annotated, long_documents):
    filler = "Patient nimmt keine Medikamente . " * 12
    rows = annotated(8)
    for number, row in enumerate(rows):
        row["text"] = row["text"] + " " + filler if number % 2 else filler + row["text"]
        row["labels"] = row["labels"][:1]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    cell = fit("multi_label", model=calm_model, content=content, epochs=60, long_documents=long_documents)
    found = cell.manifest.counters["windows"]
    assert found == 8 if long_documents == "head_tail" else found > 8
    assert cell.manifest.metrics["test_f1"] > 0.9
