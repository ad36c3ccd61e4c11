"""Where figures come from: Prometheus, the exporter of a running process, or the JSON log that a run has written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.request import urlopen

from gmlm.errors import ClusterError, InputNotFoundError
from gmlm.monitoring.figures import Figures, Snapshot, Stage, Training, figures
from gmlm.monitoring.prometheus import Prometheus

OWN_LABELS = frozenset(
    {"study", "stage", "model", "task", "phase", "outcome", "split", "metric", "side", "kind", "operation", "error"}
)
"""Labels of gmlm; those that Prometheus adds to tell targets apart are left out."""
WINDOW = 60.0
"""Seconds over which Prometheus' counters are turned into speeds."""
PAUSE = 2.0
"""Seconds between the two looks at an exporter."""


class Source(Protocol):
    """Gives the figures of now."""

    def figures(self) -> Figures:
        """Look, and read them off."""
        ...


class PrometheusSource:
    """A Prometheus server; of one study, or of all that it knows."""

    def __init__(self, url: str, study: str | None) -> None:
        self._server = Prometheus(url)
        self._selector = '{__name__=~"gmlm_.+"' + (f',study="{study}"' if study else "") + "}"

    def figures(self) -> Figures:
        """The figures of now, with the speeds of the last minute."""
        now = time.time()
        return figures(self._look(now - WINDOW), self._look(now))

    def _look(self, moment: float) -> Snapshot:
        found = self._server.query(self._selector, moment)
        return snapshot(moment, ((each.labels["__name__"], each.labels, each.points[0][1]) for each in found))


class ExporterSource:
    """The `/metrics` of a running process."""

    def __init__(self, url: str, study: str | None) -> None:
        self._url, self._study = url, study
        self._before: Snapshot | None = None

    def figures(self) -> Figures:
        """The figures of now, with the speeds since the last look."""
        if self._before is None:
            self._before = self._look()
            time.sleep(PAUSE)
        now = self._look()
        shown, self._before = figures(self._before, now), now
        return shown

    def _look(self) -> Snapshot:
        from prometheus_client.parser import text_string_to_metric_families

        try:
            with urlopen(self._url, timeout=10) as answer:
                text = answer.read().decode()
        except (OSError, ValueError) as error:
            fix = "start the run with --metrics-port 9464, or name --prometheus or --log"
            raise ClusterError(f"no exporter answers ({type(error).__name__})", where=self._url, fix=fix) from None
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        chosen = (s for s in samples if self._study is None or s.labels.get("study") == self._study)
        return snapshot(time.time(), ((s.name, s.labels, s.value) for s in chosen))


class LogSource:
    """The lines that `gmlm run --log-format json --log-level info` writes to standard error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def figures(self) -> Figures:
        """What the last lines say of each training and stage."""
        trainings: dict[str, Training] = {}
        outcomes: dict[str, dict[str, int]] = {}
        for line in self._lines():
            if line.get("message") == "training" and "step" in line:
                training = _training_of(line)
                trainings[training.name] = training
            elif line.get("message") in ("stage started", "stage failed") and "node" in line:
                counts = outcomes.setdefault(str(line["node"]).partition("/")[0], {})
                name = str(line["message"]).removeprefix("stage ")
                counts[name] = counts.get(name, 0) + 1
        stages = tuple(Stage(name, running=False, outcomes=counts) for name, counts in outcomes.items())
        return Figures(tuple(trainings.values()), stages)

    def _lines(self) -> Iterable[dict[str, Any]]:
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            raise InputNotFoundError("no such log", where=str(self._path), fix="give the file of --log") from None
        for line in text.splitlines():
            try:
                found = json.loads(line)
            except ValueError:  # progress lines stand between the others
                continue
            if isinstance(found, dict):
                yield found


def snapshot(moment: float, samples: Iterable[tuple[str, dict[str, str], float]]) -> Snapshot:
    """Samples by name and gmlm's own labels; of equal ones (two pods, or scraped and pushed) the largest counts."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for name, labels, value in samples:
        own = tuple(sorted((label, text) for label, text in labels.items() if label in OWN_LABELS and text))
        found[name, own] = max(value, found.get((name, own), value))
    return Snapshot(moment, found)


def _training_of(line: dict[str, Any]) -> Training:
    step, steps, speed = int(line["step"]), int(line["steps"]), line.get("tokens_per_second")
    name = " ".join(str(line[key]) for key in ("stage", "model", "task", "phase") if line.get(key))
    return Training(
        name=name,
        running=step < steps,
        step=step,
        steps=steps,
        loss=line.get("loss"),
        learning_rate=line.get("learning_rate"),
        gradient_norm=line.get("gradient_norm"),
        tokens_per_second=speed,
    )
