"""What the caller and the pods of a run may do."""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.kubernetes.doctor.api import Answer, Api
from gmlm.kubernetes.doctor.finding import Finding, fail, ok, warn
from gmlm.kubernetes.profile import Profile

ACCOUNTS = ("gmlm-pipeline", "pipeline-runner", "default-editor")
"""Service accounts that runs have: that of k8s/base, or Kubeflow Pipelines' own for one user and for several."""
READING = (("list", "pods"), ("get", "pods/log"))
"""What `gmlm pipeline status` and `logs` need, and the last task of a run, which says why pods died."""
LAUNCHED = {
    "trainjob": (("trainer.kubeflow.org", "trainjobs"),),
    "jobset": (("jobset.x-k8s.io", "jobsets"),),
    "job": (("batch", "jobs"), ("", "services")),
}
"""API group and resource of what multi-node pre-training is launched as."""
LAUNCHING = ("create", "get", "list", "patch", "delete")


def check_rights(profile: Profile, api: Api) -> Iterator[Finding]:
    """Whether the caller may read pods, and the pods' account may do what tasks do."""
    missing = [f"{verb} {resource}" for verb, resource in READING if not api.may(verb, resource)]
    if missing:
        fix = f"ask for a role in {api.namespace} with them; runs work without"
        yield warn("your rights", f"no right to {', '.join(missing)}: no logs, and no reasons why pods die", fix)
    else:
        yield ok("your rights", "pods and logs may be read")
    named = [profile.service_account, profile.multi_node.service_account if profile.multi_node else None]
    for account in filter(None, named):
        if _account(api, account).status == 404:
            fix = "make it, see k8s/base/service-accounts.yaml, or name yours in the profile"
            yield fail(f"account {account}", f"there is no such service account in {api.namespace}", fix)
    account_of_runs = profile.service_account or next((name for name in ACCOUNTS if _account(api, name).found), None)
    if account_of_runs is not None:
        yield from _check_account(profile, api, account_of_runs)
    else:
        fix = "see which service account runs have, and that it may do what k8s/base/rbac.yaml lists"
        yield warn("rights of pods", f"none of {', '.join(ACCOUNTS)} found in {api.namespace}", fix)


def _account(api: Api, name: str) -> Answer:
    return api.get(f"/api/v1/namespaces/{api.namespace}/serviceaccounts/{name}")


def _check_account(profile: Profile, api: Api, account: str) -> Iterator[Finding]:
    subject = f"rights of {account}"
    needed = [(verb, resource, "") for verb, resource in READING[:1]]
    if profile.multi_node is not None:
        kinds = LAUNCHED[profile.multi_node.launcher]
        needed += [(verb, resource, group) for group, resource in kinds for verb in LAUNCHING]
    answers = {f"{verb} {resource}": api.may(verb, resource, group, account) for verb, resource, group in needed}
    if None in answers.values():
        fix = "have someone check who may create subjectaccessreviews"
        yield warn(subject, "you may not ask for them, so they were not checked", fix)
        return
    missing = [right for right, allowed in answers.items() if not allowed]
    fix = f"bind a role to {account} in {api.namespace}; see k8s/base/rbac.yaml"
    if missing == ["list pods"]:
        yield warn(subject, "no right to list pods: a run cannot say why its pods died", fix)
    elif missing:
        yield fail(subject, f"no right to {', '.join(missing)}", fix)
    else:
        yield ok(subject, "tasks may do what they do")
