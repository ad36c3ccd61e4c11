"""Names and labels of what the launcher makes. The reaper touches nothing without them."""

from __future__ import annotations

import hashlib
import re

MANAGED_BY = {"app.kubernetes.io/managed-by": "gmlm-launcher", "app.kubernetes.io/part-of": "gmlm"}
"""Labels of every object."""
MANAGED_SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
"""Selects them."""
JOB_LABEL = "gmlm/job"
"""Label with the group's name, on objects and pods."""
RUN_LABEL = "gmlm/run"
"""Label with the id of the pipeline run that the group works for; what has none is not reaped."""
NODE_ANNOTATION = "gmlm/node"
"""The node of the study that is run."""
RESTARTS_ANNOTATION = "gmlm/restarts"
"""How often an Indexed Job was made again after a failure."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Kueue's LocalQueue; it suspends and admits the group as a whole."""
CONTAINER = "node"
"""The container and the replicated job that train; Kubeflow Trainer requires this name."""


def group_name(store: str, study: str, node: str, fingerprint: str) -> str:
    """The same name for the same work in the same store, so that a second launcher finds what the first one made.

    It has at most 36 characters, as JobSets and pods add theirs to a host name of 63.
    """
    identity = hashlib.sha256("\n".join((store, study, node, fingerprint)).encode()).hexdigest()[:10]
    part = re.sub(r"[^a-z0-9]+", "-", node.rpartition("/")[2].lower()).strip("-")[:20].strip("-")
    return "-".join(filter(None, ("gmlm", part, identity)))


def label_value(text: str) -> str:
    """The text as Kubernetes takes it for a label: at most 63 letters, digits and `-_.`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:63].strip("-_.")
