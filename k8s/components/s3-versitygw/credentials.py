"""Makes the key of the S3 server where there is none yet, and the bucket. Runs before the server in its pod.

The key never leaves the cluster: it is drawn here, written to a Secret, and copied to the other namespaces that
are named. What exists is left as it is, so that the pod may be restarted at any time.
"""

from __future__ import annotations

import argparse
import base64
import secrets
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
CONFLICT, NOT_FOUND = 409, 404


def main() -> None:
    """Make Secret and bucket."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secret", required=True, help="name of the Secret")
    parser.add_argument("--bucket", required=True, type=Path, help="folder of the bucket")
    parser.add_argument("--copy-to", action="append", default=[], help="another namespace that needs the Secret")
    options = parser.parse_args()
    config.load_incluster_config()
    share_key(client.CoreV1Api(), options.secret, NAMESPACE_FILE.read_text().strip(), options.copy_to)
    options.bucket.mkdir(parents=True, exist_ok=True)


def share_key(api: Any, name: str, namespace: str, others: list[str]) -> None:
    """Let the Secret `name` exist in a namespace, and its copies in others."""
    data = find(api, name, namespace)
    if data is None:
        create(api, name, namespace, new_key())
        data = find(api, name, namespace)
    for other in others:
        create(api, name, other, data or {})


def new_key() -> dict[str, str]:
    """An access key of 20 characters and a secret of 240 random bits, in base64 as a Secret holds them."""
    key = {"access-key-id": secrets.token_hex(10), "secret-access-key": secrets.token_urlsafe(30)}
    return {field: base64.b64encode(value.encode()).decode() for field, value in key.items()}


def find(api: Any, name: str, namespace: str) -> dict[str, str] | None:
    """The data of a Secret, or None."""
    try:
        return dict(api.read_namespaced_secret(name, namespace).data)
    except ApiException as error:
        if error.status == NOT_FOUND:
            return None
        raise


def create(api: Any, name: str, namespace: str, data: dict[str, str]) -> None:
    """Create a Secret; one that is there already, perhaps from another pod a moment ago, stays."""
    metadata = client.V1ObjectMeta(name=name, labels={"app.kubernetes.io/part-of": "gmlm"})
    try:
        api.create_namespaced_secret(namespace, client.V1Secret(metadata=metadata, data=data))
    except ApiException as error:
        if error.status != CONFLICT:
            raise


if __name__ == "__main__":
    main()
