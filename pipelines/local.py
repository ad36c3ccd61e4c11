"""Runs a pipeline on this machine by kfp.local: each task in a process of its own, no cluster."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kfp import local

from pipelines.compiling import build_pipeline

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def run_local(name: str, profile: "Profile", *, study: str, store: str, study_folder: str) -> bool:
    """Run a pipeline in subprocesses, and say whether all of it succeeded.

    kfp deletes its workspace after each run, hence it is given folders of its own.
    """
    with tempfile.TemporaryDirectory(prefix="gmlm-pipeline-") as folder:
        root, workspace = Path(folder) / "root", Path(folder) / "workspace"
        workspace.mkdir()
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            workspace_root=str(workspace),
            raise_on_error=True,
        )
        try:
            build_pipeline(name, profile)(study=study, store=store, study_folder=study_folder)
        except RuntimeError:
            return False
    return True
