"""Asks a Prometheus server over its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from gmlm.errors import ClusterError, ConfigError

TIMEOUT = 20.0
"""Seconds that an answer may take."""


@dataclass(frozen=True)
class Series:
    """The labels of a series, `__name__` included, and its (Unix time, value) pairs."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def finite(self) -> tuple[tuple[float, float], ...]:
        """The points whose value is a number."""
        return tuple(point for point in self.points if math.isfinite(point[1]))


class Prometheus:
    """A Prometheus server, or what speaks its API (Thanos, Mimir, VictoriaMetrics).

    Every method raises ClusterError where the server does not answer, and ConfigError where it refuses the query.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def query(self, expr: str, time: float | None = None) -> list[Series]:
        """The series of an expression at one moment; now by default."""
        data = self._ask("query", query=expr, **({} if time is None else {"time": f"{time:.3f}"}))
        if data["resultType"] == "scalar":
            return [Series({}, (_point(data["result"]),))]
        return [Series(each["metric"], (_point(each["value"]),)) for each in data["result"]]

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """The series of an expression from start to end, a point every `step` seconds."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        data = self._ask("query_range", query=expr, **span)
        return [Series(each["metric"], tuple(map(_point, each["values"]))) for each in data["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their state, health and alerts."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, endpoint: str, **parameters: str) -> Any:
        address = f"{self._url}/api/v1/{endpoint}?{urlencode(parameters)}"
        if not address.startswith(("http://", "https://")):
            raise ConfigError("not an http address", where=self._url, fix="use http://HOST:9090")
        try:
            with urlopen(address, timeout=TIMEOUT) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            raise _refused(error, self._url) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            fix = "check the address, and that the server is up"
            raise ClusterError(f"no Prometheus answers ({type(error).__name__})", where=self._url, fix=fix) from None


def _refused(error: HTTPError, where: str) -> ConfigError | ClusterError:
    try:
        reason = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return ClusterError(f"refused ({error.code})", where=where, fix="check the address and its access rights")
    return ConfigError(f"the query is refused: {reason}", where=where, fix="correct the query")


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
