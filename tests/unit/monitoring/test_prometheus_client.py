"""What Prometheus answers is read as it is, and what it refuses becomes one of our errors."""

from __future__ import annotations

import math

import pytest

from gmlm.errors import ClusterError, ConfigError
from gmlm.monitoring.prometheus import Prometheus, Series


def test_an_instant_query_gives_labels_and_value_at_a_time(server, as_vector):
    server.replies = [as_vector(({"__name__": "up", "job": "gmlm"}, 1.0))]
    (found,) = Prometheus(server.url + "/").query("up", 123.4567)
    assert found == Series({"__name__": "up", "job": "gmlm"}, ((100.0, 1.0),))
    assert server.asked == [("/api/v1/query", {"query": "up", "time": "123.457"})]


def test_without_a_time_the_server_takes_its_own(server, as_vector):
    server.replies = [as_vector()]
    assert Prometheus(server.url).query("up") == []
    assert "time" not in server.asked[0][1]


def test_a_scalar_is_a_series_without_labels(server):
    server.replies = [{"status": "success", "data": {"resultType": "scalar", "result": [1.0, "42"]}}]
    assert Prometheus(server.url).query("42") == [Series({}, ((1.0, 42.0),))]


def test_a_range_query_gives_all_points(server):
    values = [[1.0, "2"], [2.0, "NaN"], [3.0, "+Inf"]]
    result = [{"metric": {"a": "b"}, "values": values}]
    server.replies = [{"status": "success", "data": {"resultType": "matrix", "result": result}}]
    (found,) = Prometheus(server.url).query_range("x", 1, 3, 1)
    assert [point[0] for point in found.points] == [1.0, 2.0, 3.0]
    assert math.isnan(found.points[1][1])
    assert found.finite == ((1.0, 2.0),)
    assert server.asked[0][1] == {"query": "x", "start": "1.000", "end": "3.000", "step": "1.000"}


def test_rules_of_all_groups_come_as_one_list(server):
    groups = [{"rules": [{"name": "A"}]}, {"rules": [{"name": "B"}, {"name": "C"}]}]
    server.replies = [{"status": "success", "data": {"groups": groups}}]
    assert [rule["name"] for rule in Prometheus(server.url).rules()] == ["A", "B", "C"]


def test_a_wrong_query_is_the_users_to_correct(server):
    server.status, server.replies = 400, [{"status": "error", "error": "parse error: unexpected end"}]
    with pytest.raises(ConfigError, match="unexpected end"):
        Prometheus(server.url).query("rate(")


def test_a_gateway_that_refuses_without_a_reason_is_told(server):
    server.status, server.replies = 403, ["<html>forbidden</html>"]
    with pytest.raises(ClusterError, match="403"):
        Prometheus(server.url).query("up")


@pytest.mark.parametrize("reply", ["<html>hello</html>", {"nothing": 1}, "[]"])
def test_a_server_that_is_no_prometheus_is_told(server, reply):
    server.replies = [reply]
    with pytest.raises(ClusterError, match="no Prometheus answers"):
        Prometheus(server.url).query("up")


def test_nobody_at_the_address_is_told():
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:9"):
        Prometheus("http://127.0.0.1:9").query("up")


@pytest.mark.parametrize("address", ["localhost:9090", "file:///etc/passwd"])
def test_only_http_is_asked(address):
    with pytest.raises(ConfigError, match="not an http address"):
        Prometheus(address).query("up")
