"""Whether the store can hold the study: reached from here, and by pods."""

from __future__ import annotations

from pathlib import PurePosixPath

from gmlm.errors import AccessDeniedError, GmlmError, StorageError
from gmlm.kubernetes.doctor.finding import Finding, fail, failed_by, ok, warn
from gmlm.kubernetes.profile import Profile
from gmlm.storage import open_store, probe_conditional_writes

SUBJECT = "store"


def check_store(uri: str, profile: Profile | None) -> Finding:
    """Probe a bucket by two conditional writes; of a folder, see that pods mount it.

    What cannot be reached from here may be reachable for pods, which have credentials and an endpoint of their own.
    """
    if "://" not in uri:
        return _check_folder(uri, profile)
    try:
        store = open_store(uri)
        store.exists(".probe/reachable")
    except (AccessDeniedError, StorageError) as error:
        fix = (
            "set AWS_* as docs/reference/storage.md says, to have it checked from here; pods have settings of their own"
        )
        return warn(SUBJECT, f"{uri} cannot be checked from here: {error.what}", fix)
    except GmlmError as error:
        return failed_by(SUBJECT, error)
    try:
        probe_conditional_writes(store)
    except GmlmError as error:
        return failed_by(SUBJECT, error)
    return ok(SUBJECT, f"{uri} is written once by one writer")


def _check_folder(uri: str, profile: Profile | None) -> Finding:
    mounts = [volume.path for volume in profile.volumes] if profile is not None else []
    if any(PurePosixPath(uri).is_relative_to(path) for path in mounts):
        return ok(SUBJECT, f"{uri} lies in a volume of the profile")
    fix = "use s3://bucket/prefix, or a folder in one of the profile's volumes"
    return fail(SUBJECT, f"{uri} is a folder of each pod's own, and lost with it", fix)
