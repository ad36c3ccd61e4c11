"""The figures of a run as people ask for them: trainings, stages, scores. Read off two moments of its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gmlm.telemetry import names

Labels = tuple[tuple[str, str], ...]
"""Sorted labels of a sample."""
TRAINING_LABELS = ("study", "stage", "model", "task", "phase")


@dataclass(frozen=True)
class Snapshot:
    """All samples of gmlm at one moment, in Unix seconds, by name and labels."""

    time: float
    samples: Mapping[tuple[str, Labels], float]

    def of(self, name: str) -> dict[Labels, float]:
        """The samples of one name by their labels."""
        return {labels: value for (found, labels), value in self.samples.items() if found == name}


@dataclass(frozen=True)
class Training:
    """Where one training stands; None where it is not known."""

    name: str
    running: bool
    step: int
    steps: int
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None
    utilisation: float | None = None
    data_wait: float | None = None
    seconds_left: float | None = None
    since_checkpoint: float | None = None


@dataclass(frozen=True)
class Stage:
    """What became of the nodes of one stage, and how far the running one is (0 to 1)."""

    name: str
    running: bool
    outcomes: Mapping[str, int]
    progress: float | None = None


@dataclass(frozen=True)
class Score:
    """A score on a test set with its interval, where it has one."""

    model: str
    task: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Figures:
    """All that is shown of a run."""

    trainings: tuple[Training, ...] = ()
    stages: tuple[Stage, ...] = ()
    scores: tuple[Score, ...] = ()


def figures(before: Snapshot, now: Snapshot) -> Figures:
    """The figures at a moment; speeds are those since the moment before."""
    trainings = sorted(_trainings(before, now), key=lambda each: (not each.running, each.name))
    return Figures(tuple(trainings), tuple(_stages(now)), tuple(_scores(now)))


def _trainings(before: Snapshot, now: Snapshot) -> list[Training]:
    last = {labels: _Reading(before, now, labels) for labels in now.of(names.STEP.name)}
    return [reading.training() for reading in last.values()]


class _Reading:
    """Reads the metrics that share the labels of one training."""

    def __init__(self, before: Snapshot, now: Snapshot, labels: Labels) -> None:
        self._before, self._now, self._labels = before, now, labels

    def _value(self, name: str) -> float | None:
        return self._now.samples.get((name, self._labels))

    def _speed(self, name: str) -> float | None:
        """Growth of a counter a second; None where it did not grow, or is new."""
        later, earlier = self._value(name), self._before.samples.get((name, self._labels))
        seconds = self._now.time - self._before.time
        return (later - earlier) / seconds if later is not None and earlier is not None and later > earlier else None

    def training(self) -> Training:
        labels = dict(self._labels)
        step, steps = self._value(names.STEP.name) or 0.0, self._value(names.PLANNED_STEPS.name) or 0.0
        steps_per_second = self._speed(f"{names.STEP_SECONDS.name}_count")
        busy, waiting = self._speed(f"{names.STEP_SECONDS.name}_sum"), self._speed(names.DATA_WAIT.name)
        flop, peak = self._speed(names.FLOP.name), self._value(names.PEAK_FLOP.name)
        checkpoint = self._value(names.CHECKPOINT.name)
        return Training(
            name=" ".join(labels[name] for name in TRAINING_LABELS[1:] if labels.get(name)),
            running=self._value(names.RUNNING.name) == 1,
            step=int(step),
            steps=int(steps),
            loss=self._value(names.LOSS.name),
            learning_rate=self._value(names.LEARNING_RATE.name),
            gradient_norm=self._value(names.GRADIENT_NORM.name),
            tokens_per_second=self._speed(names.TOKENS.name),
            utilisation=flop / peak if flop and peak else None,
            data_wait=waiting / busy if busy and waiting else None,
            seconds_left=(steps - step) / steps_per_second if steps_per_second else None,
            since_checkpoint=None if checkpoint is None else self._now.time - checkpoint,
        )


def _stages(now: Snapshot) -> list[Stage]:
    outcomes: dict[str, dict[str, int]] = {}
    for labels, value in now.of(names.STAGE_RUNS.name).items():
        given = dict(labels)
        counts = outcomes.setdefault(given["stage"], {})
        counts[given["outcome"]] = counts.get(given["outcome"], 0) + int(value)
    running = {dict(labels)["stage"] for labels, value in now.of(names.STAGE_RUNNING.name).items() if value == 1}
    planned = now.of(names.PROGRESS_PLANNED.name)
    done = {
        dict(labels)["stage"]: value / planned[labels]
        for labels, value in now.of(names.PROGRESS_DONE.name).items()
        if planned.get(labels)
    }
    return [
        Stage(stage, stage in running, outcomes.get(stage, {}), done.get(stage))
        for stage in sorted(running | set(outcomes))
    ]


def _scores(now: Snapshot) -> list[Score]:
    low, high = now.of(names.SCORE_LOW.name), now.of(names.SCORE_HIGH.name)
    found: dict[tuple[str, str, str], Score] = {}
    for labels, value in now.of(names.SCORE.name).items():
        given = dict(labels)
        if given["split"] == "test":
            key = (given["task"], given["metric"], given["model"])
            found[key] = Score(key[2], key[0], key[1], value, low.get(labels), high.get(labels))
    return [found[key] for key in sorted(found)]
