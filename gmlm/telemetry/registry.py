"""The project's one registry of metrics.

prometheus_client costs 0.1 CPU-seconds to import, so it is imported when the first metric is touched.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from gmlm import __version__
from gmlm.telemetry import names
from gmlm.telemetry.progress import LIVE

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

_study: str = ""


def name_study(study: str) -> None:
    """Label every metric with the study's name from now on."""
    global _study
    _study = study


def study_name() -> str:
    """The study that metrics are labelled with; empty before it is known."""
    return _study


@cache
def instruments() -> tuple[CollectorRegistry, dict[str, Any]]:
    """The registry, and its instruments by name."""
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
    from prometheus_client.metrics import disable_created_metrics

    class StudyRegistry(CollectorRegistry):
        """Adds the study to every sample: the client library has no constant labels."""

        def collect(self) -> Iterator[Metric]:
            for family in super().collect():
                if _study:
                    family.samples = [s._replace(labels={"study": _study, **s.labels}) for s in family.samples]
                yield family

    disable_created_metrics()  # type: ignore[no-untyped-call]
    made: dict[str, Any] = {}
    registry = StudyRegistry()
    ProcessCollector(registry=registry)
    for metric in names.METRICS:
        if metric.kind == "histogram":
            made[metric.name] = Histogram(
                metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
            )
        elif metric.kind != "live":
            kind = Counter if metric.kind == "counter" else Gauge
            made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=registry)
    registry.register(_LiveCollector())
    made[names.BUILD.name].labels(__version__).set(1)
    return registry, made


def registry() -> CollectorRegistry:
    """The project's own registry: the metrics of `names.METRICS` and the process's memory, CPU and open files."""
    return instruments()[0]


def instrument(metric: names.MetricName, *labels: str) -> Any:
    """The counter, gauge or histogram of a metric with these values of its labels."""
    found = instruments()[1][metric.name]
    return found.labels(*labels) if metric.labels else found


class _LiveCollector:
    """What is read when Prometheus asks, so that the work itself pays nothing for it."""

    def collect(self) -> Iterator[Metric]:
        yield from _progress()
        yield from _device_memory()

    def describe(self) -> Iterable[Metric]:
        return ()


def _progress() -> Iterator[Metric]:
    """The outermost piece of work of each stage that has a known length."""
    current = {work.stage: work for work in reversed(list(LIVE)) if work.stage and work.total}
    figures = ((names.PROGRESS_DONE, "done"), (names.PROGRESS_PLANNED, "total"), (names.PROGRESS_START, "started"))
    for metric, attribute in figures:
        yield _family(metric, ((stage, float(getattr(work, attribute))) for stage, work in current.items()))


def _device_memory() -> Iterator[Metric]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return
    cuda = torch.cuda
    figures = {"allocated": cuda.memory_allocated, "reserved": cuda.memory_reserved, "peak": cuda.max_memory_allocated}
    yield _family(names.DEVICE_MEMORY, ((kind, float(read())) for kind, read in figures.items()))


def _family(metric: names.MetricName, values: Iterable[tuple[str, float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for label, value in values:
        family.add_metric([label], value)
    return family
