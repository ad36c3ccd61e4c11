"""Renders every overlay and GitOps folder, and checks them by kubeconform and kube-score.

No schema may be missing: kubeconform would count such a resource as skipped, and pass. Usage:
python scripts/check_manifests.py [FOLDER...]; kubectl and Go must be there, the two programs are built once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes_schemas import DEFINITIONS, KUBERNETES, TEMPLATE, write_schemas

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gmlm"
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
KUBE_SCORE = "github.com/zegl/kube-score/cmd/kube-score@v1.20.0"
TARGETS = (
    "overlays/kind",
    "overlays/single-gpu",
    "overlays/multi-node",
    "overlays/openshift",
    "gitops/argocd",
    "gitops/argocd/settings",
    "gitops/flux",
)
"""What is applied, below k8s/."""
IGNORED = {
    "container-image-pull-policy": "images are named by digest, which cannot change behind the name",
    "networkpolicy-targets-pod": "most policies are for pods that only runs make",
    "deployment-strategy": "one Pushgateway keeps the results; two would each have half of them",
    "deployment-replicas": "the same",
}
"""Checks of kube-score that do not fit, and why."""
IGNORED_IN = {"overlays/openshift": ("container-security-context-user-group-id",)}
"""Checks that do not fit one folder: OpenShift itself gives pods their users."""
WIDTHS = {"objects": 8, "valid": 7, "invalid": 8, "skipped": 8, "critical": 9, "warnings": 9}
"""Columns of the table."""


@dataclass
class Checked:
    """What became of one folder."""

    objects: int = 0
    valid: int = 0
    invalid: int = 0
    skipped: int = 0
    critical: int = 0
    warnings: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """All is valid, nothing was left unchecked, and nothing is critical."""
        return self.objects == self.valid > 0 and not self.critical and not self.warnings


def main() -> None:
    """Check, and print a table."""
    results = {target: check(target) for target in sys.argv[1:] or TARGETS}
    print("folder".ljust(24) + "".join(name.rjust(width) for name, width in WIDTHS.items()))
    for target, found in results.items():
        print(target.ljust(24) + "".join(str(getattr(found, name)).rjust(width) for name, width in WIDTHS.items()))
        for message in found.messages:
            print(f"  {message}")
    sys.exit(not all(found.passed for found in results.values()))


def render(target: str) -> str:
    """The YAML of a folder below k8s/."""
    folder = str(ROOT / "k8s" / target)
    return run([require("kubectl"), "kustomize", folder]).stdout


def check(target: str) -> Checked:
    """Check a folder by schema and by score."""
    found, manifests = Checked(), render(target)
    validate(manifests, found)
    score(manifests, found, (*IGNORED, *IGNORED_IN.get(target, ())))
    return found


def validate(manifests: str, found: Checked) -> None:
    """Count valid, invalid and skipped resources."""
    location = f"{schemas()}/{TEMPLATE}"
    options = ["-strict", "-verbose", "-output", "json", "-schema-location", location, "-"]
    answer = json.loads(run([program(KUBECONFORM), *options], text=manifests, codes=(0, 1)).stdout)
    for resource in answer["resources"]:
        status = resource["status"]
        found.objects += 1
        found.valid += status == "statusValid"
        found.skipped += status == "statusSkipped"
        if status in ("statusInvalid", "statusError"):
            found.invalid += 1
            found.messages.append(f"{resource['kind']} {resource['name']}: {resource['msg']}")


def score(manifests: str, found: Checked, left_out: Sequence[str] = ()) -> None:
    """Count what kube-score finds critical or warns of."""
    ignored = [option for name in left_out for option in ("--ignore-test", name)]
    options = ["score", "--kubernetes-version", "v1.34", "--output-format", "ci", *ignored, "-"]
    done = run([program(KUBE_SCORE), *options], text=manifests, codes=(0, 1))
    if done.stderr.strip():  # what it cannot read ends it with the same code as what it finds critical
        sys.exit(f"kube-score: {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    found.critical += sum(line.startswith("[CRITICAL]") for line in lines)
    found.warnings += sum(line.startswith("[WARNING]") for line in lines)
    found.messages += [line for line in lines if line.startswith(("[CRITICAL]", "[WARNING]"))]


def schemas() -> Path:
    """The folder of schemas, made anew when a version has changed."""
    folder, wanted = CACHE / "schemas", repr((KUBERNETES, DEFINITIONS))
    stamp = folder / "versions.txt"
    if not stamp.is_file() or stamp.read_text() != wanted:
        write_schemas(folder)
        stamp.write_text(wanted)
    return folder


def program(module: str) -> str:
    """A program of Go: from PATH, or built once into ~/.cache/gmlm/bin."""
    name, bin_folder = module.partition("@")[0].rpartition("/")[2], CACHE / "bin"
    found = shutil.which(name) or shutil.which(name, path=bin_folder)
    if found is None:
        environment = {**os.environ, "GOBIN": str(bin_folder), "CGO_ENABLED": "0"}
        run([require("go"), "install", module], environment=environment)
    return found or str(bin_folder / name)


def require(name: str) -> str:
    """Where a program lies; the check cannot be done without it."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not on PATH, and manifests cannot be checked without it")
    return found


def run(
    command: Sequence[str],
    *,
    text: str | None = None,
    codes: tuple[int, ...] = (0,),
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program; what it must not end with ends the check."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command[:3])}: exit code {done.returncode}\n{done.stderr.strip()}")
    return done


if __name__ == "__main__":
    main()
