"""Runs all checks of a study, a profile and a cluster, each as far as the ones before let it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gmlm.config import load_study
from gmlm.errors import ClusterError, GmlmError
from gmlm.kubernetes.doctor.api import Api
from gmlm.kubernetes.doctor.finding import Finding, Verdict, failed_by, ok, warn
from gmlm.kubernetes.doctor.nodes import check_nodes
from gmlm.kubernetes.doctor.objects import check_image, check_objects
from gmlm.kubernetes.doctor.queues import check_launcher, check_queues
from gmlm.kubernetes.doctor.rights import check_rights
from gmlm.kubernetes.doctor.service import Service, check_service
from gmlm.kubernetes.doctor.store import check_store
from gmlm.kubernetes.profile import Profile, load_profile

Given = TypeVar("Given")
Loaded = TypeVar("Loaded")

SERVICE = "ml-pipeline"
"""Kubernetes' name of the service of Kubeflow Pipelines."""
HOME = "kubeflow"
"""Namespace of that service, where users have namespaces of their own."""


@dataclass(frozen=True)
class Examination:
    """What is to be checked, and how the cluster is reached.

    Attributes:
        connect: Connects to Kubeflow Pipelines.
        connect_api: Connects to Kubernetes.
        study: The study file, if one is to be run.
        profile: Name or file of the profile; None where a compiled pipeline is given, which holds its own.
        image: Image instead of the profile's.
        store: The store, as pods see it; default: the study's.
    """

    connect: Callable[[], Service]
    connect_api: Callable[[], Api]
    study: Path | None = None
    profile: str | None = None
    image: str | None = None
    store: str | None = None


def examine(subject: Examination) -> Iterator[Finding]:
    """Check everything; a check that cannot be made is a warning, so that the others are made too."""
    findings: list[Finding] = []
    study = _attempt(findings, "study", subject.study, load_study)
    profile = _attempt(findings, "profile", subject.profile, lambda name: load_profile(name, image=subject.image))
    yield from findings
    store = subject.store or (study.store if study is not None else None)
    yield from check_service(subject.connect, study.name if study is not None else None, store)
    if profile is not None:
        yield from _check_cluster(subject, profile)
    if store is not None:
        yield check_store(store, profile)


def require_fit(subject: Examination) -> Iterator[Finding]:
    """The warnings of an examination, if nothing fails.

    Raises:
        ClusterError: Something fails; the message has all of it.
    """
    findings = list(examine(subject))
    failures = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if failures:
        listed = "\n".join(map(str, failures))
        fix = "cure what fails, see 'gmlm doctor'; --no-check submits all the same"
        raise ClusterError(f"{len(failures)} of {len(findings)} checks fail:\n{listed}", where="submit", fix=fix)
    yield from (finding for finding in findings if finding.verdict is Verdict.WARN)


def _attempt(
    findings: list[Finding], subject: str, given: Given | None, load: Callable[[Given], Loaded]
) -> Loaded | None:
    if given is None:
        return None
    try:
        loaded = load(given)
    except GmlmError as error:
        findings.append(failed_by(subject, error))
        return None
    findings.append(ok(subject, f"{given} is valid"))
    return loaded


def _check_cluster(subject: Examination, profile: Profile) -> Iterator[Finding]:
    try:
        api = subject.connect_api()
        yield from check_image(profile, api)
        if not _is_home_of_pipelines(api):
            what = "the kube context shows no Kubeflow Pipelines, so Secrets, queues and nodes were not checked"
            yield warn("cluster", what, "choose the context of its cluster (--context) and the runs' --namespace")
            return
        for check in (check_rights, check_objects, check_queues, check_launcher, check_nodes):
            yield from check(profile, api)
    except GmlmError as error:
        what = f"Secrets, queues and nodes were not checked: {error.what}"
        yield warn("cluster", what, error.fix or "choose a kube context of the cluster")


def _is_home_of_pipelines(api: Api) -> bool:
    """Whether this is the cluster of the service: the kube context may be of another one."""
    return any(
        api.get(f"/api/v1/namespaces/{name}/services/{SERVICE}").status in (200, 403) for name in {api.namespace, HOME}
    )
