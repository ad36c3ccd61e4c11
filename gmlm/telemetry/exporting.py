"""The ways of metrics to Prometheus: an HTTP exporter that is scraped, and a push of results for short pods.

Both are chosen by options of the command line or, in pods, by the environment. Neither ever stops work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gmlm.telemetry import names
from gmlm.telemetry.logs import get_logger
from gmlm.telemetry.registry import name_study, registry

if TYPE_CHECKING:
    from prometheus_client import Metric

PORT_VARIABLE = "GMLM_METRICS_PORT"
GATEWAY_VARIABLE = "GMLM_PUSHGATEWAY"
PUSH_TIMEOUT = 5.0
"""Seconds that a push may take."""

_logger = get_logger(__name__)
_served: set[int] = set()


@contextmanager
def exported(study: str, node: str, *, push: bool = True) -> Iterator[None]:
    """Export the work of a pod as its environment says: served while the block runs, results pushed when it ends.

    Of several workers only the first one does. `push` is False for a pod that only waits for others.
    """
    name_study(study)
    is_main = os.environ.get("RANK", "0") == "0"
    if is_main and (port := _port()) is not None:
        serve_metrics(port)
    try:
        yield
    finally:
        if push and is_main and (gateway := os.environ.get(GATEWAY_VARIABLE)):
            push_metrics(gateway, study=study, node=node)


def _port() -> int | None:
    text = os.environ.get(PORT_VARIABLE, "")
    if text and not text.isdigit():
        _logger.warning("metrics are not served", extra={"error": "ValueError"})
    return int(text) if text.isdigit() else None


def serve_metrics(port: int, address: str = "0.0.0.0") -> int | None:
    """Serve `/metrics` from a background thread and return the port; 0 takes a free one. Once a port is enough.

    An occupied or forbidden port is logged and None returned: the work goes on without an exporter.
    """
    from prometheus_client import start_http_server

    if port in _served:
        return port
    try:
        server, _ = start_http_server(port, address, registry())
    except (OSError, OverflowError) as error:
        _logger.warning("metrics are not served", extra={"port": port, "error": type(error).__name__})
        return None
    _served.add(int(server.server_port))
    return int(server.server_port)


def push_metrics(gateway: str, *, study: str, node: str = "") -> bool:
    """Push the results to a Pushgateway, in one group a study and node; False, and a log line, where that fails.

    Only metrics that stay true when the process is gone are pushed: how stages ended, documents, scores. Everything
    else is scraped (https://prometheus.io/docs/practices/pushing/).
    """
    from prometheus_client import push_to_gateway

    group = {"study": study} | ({"node": node} if node else {})
    try:
        push_to_gateway(gateway, job="gmlm", registry=_Results(), grouping_key=group, timeout=PUSH_TIMEOUT)
    except Exception as error:  # whatever a gateway or its address does, the work goes on
        _logger.warning("metrics are not pushed", extra={"gateway": gateway, "error": type(error).__name__})
        return False
    return True


class _Results:
    """The part of the registry that is pushed."""

    def collect(self) -> Iterator[Metric]:
        pushed = {metric.name.removesuffix("_total") for metric in names.METRICS if metric.result}
        for family in registry().collect():
            if family.name in pushed:
                yield family

    def __getattr__(self, name: str) -> Any:
        return getattr(registry(), name)
