"""Secrets, config maps, claims and the image: what a profile names and pods cannot start without."""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.kubernetes.doctor.api import Api
from gmlm.kubernetes.doctor.finding import Finding, fail, ok, warn
from gmlm.kubernetes.profile import EnvFrom, Profile

DIGEST = "@sha256:"
MANY = "ReadWriteMany"


def check_objects(profile: Profile, api: Api) -> Iterator[Finding]:
    """Whether what the profile names is there, with the keys that it takes."""
    for secret in profile.secrets:
        yield from _check_keys("secret", secret, api)
    for config_map in profile.config_maps:
        yield from _check_keys("configmap", config_map, api)
    for name in profile.image_pull_secrets:
        yield from _check_keys("secret", EnvFrom(name=name, variables={"-": ".dockerconfigjson"}), api)
    claims = {volume.claim: False for volume in profile.volumes}
    if profile.multi_node is not None and profile.multi_node.scratch_claim is not None:
        claims[profile.multi_node.scratch_claim] = profile.multi_node.nodes > 1
    for claim, shared in claims.items():
        yield _check_claim(claim, shared, api)


def _check_keys(kind: str, wanted: EnvFrom, api: Api) -> Iterator[Finding]:
    subject = f"{kind} {wanted.name}"
    answer = api.get(f"/api/v1/namespaces/{api.namespace}/{kind}s/{wanted.name}")
    if answer.refused:
        fix = f"ask for the right to get {kind}s in {api.namespace}, or look for it in another way"
        yield warn(subject, "may not be read, so it was not checked", fix)
    elif not answer.found:
        if not wanted.optional:
            keys = ", ".join(sorted(wanted.variables.values()))
            yield fail(subject, f"is missing in {api.namespace}", f"make it with the keys {keys}, or name yours")
    elif missing := sorted(set(wanted.variables.values()) - set(answer.body.get("data") or {})):
        verdict = warn if wanted.optional else fail
        yield verdict(subject, f"lacks the keys {', '.join(missing)}", "add them, or name yours in the profile")
    else:
        yield ok(subject, "is there with its keys")


def _check_claim(name: str, shared: bool, api: Api) -> Finding:
    subject = f"claim {name}"
    answer = api.get(f"/api/v1/namespaces/{api.namespace}/persistentvolumeclaims/{name}")
    if answer.refused:
        return warn(subject, "may not be read, so it was not checked", "ask for the right to get claims")
    if not answer.found:
        return fail(subject, f"is missing in {api.namespace}", "make it, or name yours in the profile")
    if shared and MANY not in answer.body["spec"]["accessModes"]:
        return fail(subject, "cannot be mounted by several nodes", f"make one with the access mode {MANY}")
    return ok(subject, "is there")


def check_image(profile: Profile, api: Api | None) -> Iterator[Finding]:
    """Whether the image is named by what it holds; and whether a node has it where none may be pulled."""
    if DIGEST in profile.image:
        yield ok("image", profile.image)
    else:
        fix = "name it by digest (--image NAME@sha256:...): pods of one run must not mix two versions"
        yield warn("image", f"{profile.image} is a tag, which may come to mean another image", fix)
    if profile.image_pull_policy == "Never" and api is not None and (answer := api.get("/api/v1/nodes")).found:
        names = {
            name
            for node in answer.body["items"]
            for image in node["status"].get("images") or ()
            for name in image.get("names") or ()
        }
        if not any(profile.image in (name, name.removeprefix("docker.io/library/")) for name in names):
            fix = "load it into the nodes, or change image_pull_policy; a node reports its 50 largest images only"
            yield warn("image", f"no node reports {profile.image}, and none may pull it", fix)
