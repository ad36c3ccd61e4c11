"""Early stopping: training ends when dev has not improved for some epochs, and the best epoch's weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_model, save_model
from torch import nn

from gmlm.storage.files import explained, flush, publish
from gmlm.training import TrainingState

HISTORY = "dev"
"""Name of the dev scores in the training's history: a list of `{"step", "score"}`."""

Evaluation = Mapping[str, Any]


class EarlyStopping:
    """A hook that scores dev at the end of each epoch.

    Weights of the best epoch lie in `folder`, named by their step. Those of the last checkpoint's best epoch stay
    beside them, so that an interrupted training that goes on from there finds what its history speaks of.

    Args:
        ends: Steps at which an epoch ends.
        patience: Epochs in a row without a better score that end training.
        score: The dev score of a model; higher is better.
        folder: Where weights are kept.
    """

    def __init__(self, ends: Collection[int], patience: int, score: Callable[[nn.Module], float], folder: Path) -> None:
        self._ends, self._patience, self._score, self._folder = ends, patience, score, folder

    def after_step(self, state: TrainingState) -> None:
        """At an epoch's end: score, keep the weights if they are the best so far, and stop if patience is over."""
        if state.step not in self._ends:
            return
        history = state.history.setdefault(HISTORY, [])
        history.append({"step": state.step, "score": self._score(state.model)})
        best = best_evaluation(history)
        if best["step"] == state.step:
            self._keep(state)
        state.stopped = len(history) - 1 - history.index(best) >= self._patience

    def restore(self, model: nn.Module, history: Sequence[Evaluation]) -> None:
        """Load the weights of the best epoch."""
        load_model(model, self._file(best_evaluation(history)["step"]), device=str(next(model.parameters()).device))

    def _keep(self, state: TrainingState) -> None:
        file = self._file(state.step)
        partial = file.with_suffix(".partial")
        with explained(str(partial)):
            self._folder.mkdir(parents=True, exist_ok=True)
            save_model(state.model, str(partial))
            flush(partial)
            publish(partial, file)
        saved = [one for one in state.history[HISTORY] if one["step"] <= state.checkpoint_step]
        kept = {file, self._file(best_evaluation(saved)["step"])} if saved else {file}
        for older in set(self._folder.glob("*.safetensors")) - kept:
            older.unlink()

    def _file(self, step: int) -> Path:
        return self._folder / f"{step:08d}.safetensors"


def best_evaluation(history: Sequence[Evaluation]) -> Evaluation:
    """The evaluation of the highest score, the first of equals."""
    return max(history, key=lambda evaluation: float(evaluation["score"]))
