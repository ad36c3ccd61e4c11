"""Connects to a Kubeflow Pipelines service: address and credentials, as kfp's own commands find them."""

import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import kfp
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH, ServiceAccountTokenVolumeCredentials
from urllib3 import Retry, Timeout

from gmlm.errors import ConfigError

HOST = "KF_PIPELINES_ENDPOINT"
"""Environment variable of the service's address, as for kfp's own commands."""
TOKEN = "KF_PIPELINES_TOKEN"
"""Environment variable of a bearer token."""
COOKIES = "KF_PIPELINES_COOKIES"
"""Environment variable of cookies, such as `authservice_session=...` of a service behind a login page."""
CONNECT_SECONDS, ANSWER_SECONDS = 10, 60


@dataclass(frozen=True)
class Connection:
    """Where the service is, and who asks.

    Without an address, the service is found within the cluster, or through the API server of a kube context, whose
    credentials then count. With one, token and cookies do, or where there is neither, the projected token of the pod's
    service account.
    """

    host: str | None = None
    """Address; default: the environment variable KF_PIPELINES_ENDPOINT."""
    namespace: str | None = None
    """Namespace of the runs, where the service serves several."""
    token: str | None = None
    """Bearer token; default: the environment variable KF_PIPELINES_TOKEN."""
    cookies: str | None = None
    """Cookies; default: the environment variable KF_PIPELINES_COOKIES."""
    context: str | None = None
    """Context of the kubeconfig instead of the current one, where there is no address."""

    @property
    def where(self) -> str:
        """The service, as messages name it."""
        return self._host or f"the cluster of the kube context{f' {self.context}' if self.context else ''}"

    def open(self) -> kfp.Client:
        """Connect, asking the service once how it is.

        Raises:
            ConfigError: There is neither an address, nor a cluster around, nor a kube context.
            ApiException, HTTPError: The service refuses, or does not answer.
        """
        if self._host is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
            self._check_context()
        token = self.token or os.environ.get(TOKEN)
        cookies = self.cookies or os.environ.get(COOKIES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # kfp warns of services before 2.0
            client = _Service(
                host=self._host,
                namespace=self.namespace or "kubeflow",
                existing_token=token,
                cookies=cookies,
                kube_context=self.context,
                credentials=None if token or cookies else _service_account(),
            )
        if not isinstance(client.get_kfp_healthz().multi_user, bool):  # such as a login page
            fix = "check the address; a service behind a login page wants --token or its cookies"
            raise ConfigError("no service of Kubeflow Pipelines answers there", where=self.where, fix=fix)
        return client

    @property
    def _host(self) -> str | None:
        return self.host or os.environ.get(HOST) or None

    def _check_context(self) -> None:
        """Without an address and a context, kfp goes on and fails much later."""
        from kubernetes import config

        try:
            known, _ = config.list_kube_config_contexts()
        except config.ConfigException:
            known = []
        if not known or (self.context and self.context not in [context["name"] for context in known]):
            fix = f"give --host or a --context of the kubeconfig, or set {HOST}"
            raise ConfigError("no such service or kube context", where=self.context, fix=fix)


class _Service(kfp.Client):  # type: ignore[misc]
    """kfp's client, which says at once that a service does not answer instead of trying for minutes."""

    def _load_config(self, *settings: Any) -> Any:
        """Keep the address of the service: renewing a context's token sets it back to the API server's own."""
        config = super()._load_config(*settings)
        hook, host = config.refresh_api_key_hook, config.host

        def renew(renewed: Any) -> None:
            hook(renewed)
            renewed.host, renewed.refresh_api_key_hook = host, renew

        if hook is not None:
            config.refresh_api_key_hook = renew
        return config

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        """Ask how the service is, once."""
        _limit_requests(self._healthz_api.api_client.rest_client.pool_manager)
        return self._healthz_api.healthz_service_get_healthz()


def _limit_requests(pool: Any) -> None:
    """Bound the time of every request: kfp asks for none, and urllib3 takes None for as long as you like."""
    if "retries" in pool.connection_pool_kw:
        return
    pool.connection_pool_kw["retries"] = Retry(total=None, connect=0, read=0, other=0, redirect=5)
    limit = Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    pool.request = partial(_request, pool.request, limit=limit)


def _request(send: Any, method: str, url: str, *, limit: Timeout, timeout: Any = None, **settings: Any) -> Any:
    return send(method, url, timeout=timeout or limit, **settings)


def _service_account() -> Any:
    path = os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or KF_PIPELINES_SA_TOKEN_PATH
    return ServiceAccountTokenVolumeCredentials(path) if Path(path).is_file() else None
