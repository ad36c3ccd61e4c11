"""The Hugging Face Hub as a target: a folder that is complete and checked becomes a commit of a private repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gmlm.errors import AccessDeniedError, AlreadyExistsError, ConfigError, StorageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"
OWN_FILES = {".gitattributes"}
"""What the Hub itself puts into a new repository."""


def is_hub(target: str) -> bool:
    """Whether a target is a repository of the Hub, `hf://OWNER/NAME`."""
    return target.startswith(SCHEME)


def push(folder: Path, target: str, checksums: str) -> None:
    """Make a private repository if there is none and commit the folder to it; done again, it changes nothing.

    Args:
        folder: The export.
        target: `hf://OWNER/NAME`.
        checksums: Name of the file in the folder that says what the export is.

    Raises:
        ConfigError: The address names no repository, or the Hub may not be used (HF_HUB_OFFLINE).
        AccessDeniedError: The Hub refuses: HF_TOKEN is missing, or may not write there.
        AlreadyExistsError: The repository holds something else.
        StorageError: The Hub does not answer, or does not take it.
    """
    name = target.removeprefix(SCHEME)
    if name.count("/") != 1 or not all(name.split("/")):
        raise ConfigError("not a repository of the Hub", where=target, fix="use hf://OWNER/NAME")
    with _explained(target):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        api.create_repo(name, private=True, exist_ok=True)
        if not _is_there(api, name, folder, checksums, target):
            api.upload_folder(repo_id=name, folder_path=folder, commit_message="Export from gmlm")


def _is_there(api: HfApi, name: str, folder: Path, checksums: str, target: str) -> bool:
    """Whether the repository holds this export already."""
    found = set(api.list_repo_files(name)) - OWN_FILES
    if not found:
        return False
    if checksums in found:
        known = Path(api.hf_hub_download(name, checksums)).read_bytes()
        if known == (folder / checksums).read_bytes():
            return True
    raise AlreadyExistsError("holds other files", where=target, fix="choose an empty or new repository")


@contextmanager
def _explained(target: str) -> Iterator[None]:
    from httpx2 import HTTPError  # the client of huggingface_hub, which lets its errors through
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled:
        raise ConfigError("the Hub may not be used", where=target, fix="set HF_HUB_OFFLINE=0 for this export") from None
    except HFValidationError:
        raise ConfigError("not a repository of the Hub", where=target, fix="use hf://OWNER/NAME") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            fix = "set HF_TOKEN to a token that may write there"
            raise AccessDeniedError(f"the Hub refuses ({status})", where=target, fix=fix) from None
        raise StorageError(f"the Hub does not take it ({status})", where=target, fix="try again later") from None
    except (HTTPError, OSError) as error:
        fix = "check the network; behind a mirror set HF_ENDPOINT"
        raise StorageError(f"the Hub does not answer ({type(error).__name__})", where=target, fix=fix) from None
