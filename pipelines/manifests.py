"""Compiles pipelines to objects of Kubernetes, for GitOps: a Pipeline, and a PipelineVersion named by its content."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kfp.compiler import Compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from gmlm import __version__
from pipelines.canonical import canonicalise
from pipelines.compiling import build_pipeline

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile

ANNOTATIONS = {"argocd.argoproj.io/sync-options": "Prune=false", "kustomize.toolkit.fluxcd.io/prune": "disabled"}
"""A version that is replaced in Git must stay in the cluster: runs and schedules refer to it."""
DIGITS = 12
"""Digits of the content's sha256 in a version's name."""


def compile_manifests(
    names: Iterable[str], profiles: Iterable["Profile"], folder: Path, namespace: str | None = None
) -> Iterator[Path]:
    """Compile each pipeline for each profile into `FOLDER/PIPELINE--PROFILE.kubernetes.yaml`.

    A PipelineVersion cannot be changed, so its name has the version of the package and the hash of what it holds: equal
    content has an equal name, and another one is a new object.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(profiles)
    for name in names:
        for profile in chosen:
            target = folder / f"{name}--{profile.name}.kubernetes.yaml"
            target.write_text(_manifests(name, profile, namespace), encoding="utf-8")
            yield target


def _manifests(name: str, profile: "Profile", namespace: str | None) -> str:
    called = f"gmlm-{name}-{profile.name}".replace("_", "-")
    options = KubernetesManifestOptions(pipeline_name=called, namespace=namespace, include_pipeline_manifest=True)
    with tempfile.TemporaryDirectory(prefix="gmlm-compiled-") as folder:
        file = Path(folder) / "manifests.yaml"
        Compiler().compile(
            build_pipeline(name, profile),
            str(file),
            kubernetes_manifest_options=options,
            kubernetes_manifest_format=True,
        )
        pipeline, version = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    _name(version, called)
    for document in (pipeline, version):
        document["metadata"]["annotations"] = dict(ANNOTATIONS)
    return yaml.safe_dump_all([pipeline, version], sort_keys=True)


def _name(version: dict[str, Any], pipeline: str) -> None:
    """Name a version by package and content."""
    spec = version["spec"]
    canonicalise(spec["pipelineSpec"], spec.get("platformSpec", {}))
    content = json.dumps([spec["pipelineSpec"], spec.get("platformSpec")], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:DIGITS]
    version["metadata"]["name"] = spec["displayName"] = f"{pipeline}-{__version__}-{digest}".replace("+", "-")
