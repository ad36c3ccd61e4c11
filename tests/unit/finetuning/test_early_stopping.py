"""Training ends when dev gets no better, the best epoch's weights are kept, and a kill changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import FinetuneConfig, GridConfig, OptimisationConfig
from gmlm.errors import InterruptedRunError
from gmlm.finetuning import candidates
from gmlm.finetuning.early_stopping import HISTORY, EarlyStopping
from gmlm.training import TrainingState

EPOCH = 3
STEPS = 30


class Counter(nn.Module):
    """A model whose only weight is the number of the step, and a training that scores by a list."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


def run_epochs(scores: list[float], patience: int, folder: Path) -> tuple[TrainingState, Counter]:
    model = Counter()
    state, given = TrainingState(model, STEPS), iter(scores)
    hook = EarlyStopping(range(EPOCH, STEPS + 1, EPOCH), patience, lambda _: next(given), folder)
    while state.step < len(scores) * EPOCH and not state.stopped:
        state.step += 1
        model.weight.data.fill_(state.step)
        hook.after_step(state)
    hook.restore(model, state.history[HISTORY])
    return state, model


@pytest.mark.parametrize(
    ("scores", "patience", "ends", "best"),
    [
        ([0.1, 0.3, 0.2, 0.25, 0.9], 2, 4, 2),  # the later peak is out of patience's reach
        ([0.1, 0.3, 0.2, 0.25, 0.9], 3, 5, 5),
        ([0.4, 0.4, 0.4], 2, 3, 1),  # an equal score is no better one, and the first is kept
        ([0.1, 0.2, 0.3], 1, 3, 3),
    ],
)
def test_it_stops_behind_the_best_by_patience(
    scores: list[float], patience: int, ends: int, best: int, tmp_path: Path
) -> None:
    state, model = run_epochs(scores, patience, tmp_path)
    assert state.step == ends * EPOCH
    assert model.weight.item() == best * EPOCH
    assert [one["score"] for one in state.history[HISTORY]] == scores[:ends]


def test_the_best_of_the_last_checkpoint_stays_until_the_next(tmp_path: Path) -> None:
    model, given = Counter(), iter([0.1, 0.2, 0.3, 0.4])
    state = TrainingState(model, STEPS)
    hook = EarlyStopping(range(EPOCH, STEPS + 1, EPOCH), 5, lambda _: next(given), tmp_path)
    kept = []
    for step, checkpoint in ((3, 0), (6, 3), (9, 3), (12, 9)):
        state.step, state.checkpoint_step = step, checkpoint
        hook.after_step(state)
        kept.append(sorted(int(file.stem) for file in tmp_path.glob("*.safetensors")))
    assert kept == [[3], [3, 6], [3, 9], [9, 12]]


def test_a_cell_keeps_the_best_epoch_and_stops(fit, calm_model, fast_optimisation):
    cell = fit(model=calm_model, epochs=200, patience=2, name="early")
    training = cell.json("training.json")
    dev = training["dev"]
    best = max(one["score"] for one in dev)
    assert cell.json("scores.json")["dev"]["f1"] == best
    assert training["steps"] == dev[-1]["step"] < 200 * 6
    assert training["curve"][-1]["step"] == training["steps"]
    first = next(number for number, one in enumerate(dev) if one["score"] == best)
    assert len(dev) - 1 - first == 2


def test_an_interrupted_cell_stops_where_an_uninterrupted_one_does(fit, calm_model, monkeypatch, fast_optimisation):
    optimisation = fast_optimisation.model_copy(update={"checkpoint_every": 7})
    settings = {"model": calm_model, "epochs": 200, "patience": 2, "optimisation": optimisation}
    whole = fit(**settings, name="whole")
    last = whole.json("training.json")["dev"][-1]["step"]
    train, seen = candidates.train, []

    def stopped_at(places):
        def stopped(model, *, batches, **given):
            def counted(step):
                seen.append(step)
                if places and step == places[0]:
                    places.pop(0)
                    raise InterruptedRunError("stopped")
                return batches(step)

            return train(model, batches=counted, **given)

        return stopped

    monkeypatch.setattr(candidates, "train", stopped_at([last // 2, last - 1]))
    for _ in range(2):
        with pytest.raises(InterruptedRunError):
            fit(**settings, name="killed")
    resumed = fit(**settings, name="killed")
    assert resumed.hashes() == whole.hashes()
    assert max(seen) <= last, "one batch is made ahead"
    assert len(seen) < 2 * last  # it went on from checkpoints


def test_each_choice_of_a_grid_stops_by_itself(fit, calm_model):
    grid = GridConfig(learning_rate=(1e-7, 5e-3))
    cell = fit(model=calm_model, epochs=40, patience=2, grid=grid, name="grid")
    training = cell.json("training.json")
    assert training["chosen"]["learning_rate"] == 5e-3
    assert cell.json("scores.json")["dev"]["f1"] == max(one["score"] for one in training["dev"])
    assert max(choice["dev"] for choice in training["grid"]) == cell.json("scores.json")["dev"]["f1"]


def test_partitioned_weights_cannot_be_kept():
    with pytest.raises(ValueError, match="whole weights"):
        FinetuneConfig(patience=1, optimisation=OptimisationConfig(engine="deepspeed", zero_stage=3))
