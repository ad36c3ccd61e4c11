"""What a run of a study is started with: the compiled pipeline, its name and its parameters."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gmlm.config import StudyConfig, load_study, study_text
from gmlm.errors import InputNotFoundError
from gmlm.kubernetes.planning import fit_profile
from gmlm.kubernetes.profile import load_profile
from pipelines.compiling import compile_pipelines


@dataclass(frozen=True)
class Submission:
    """A study that is to run on a cluster. The study file is checked before anything is sent."""

    study: Path
    """The study file."""
    store: str
    """Store, as pods see it."""
    study_folder: str = ""
    """Where relative input paths start, as pods see it."""
    pipeline: str = "study"
    """Name of the pipeline."""
    profile: str = "single-gpu"
    """Name or file of the profile."""
    image: str | None = None
    """Image instead of the profile's."""
    compiled: Path | None = None
    """A compiled pipeline instead of a fresh one."""

    @cached_property
    def config(self) -> StudyConfig:
        """The study.

        Raises:
            ConfigError: It is wrong.
        """
        return load_study(self.study)

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.config.name} {self.pipeline}"

    @property
    def arguments(self) -> dict[str, str]:
        """Parameters of the pipeline."""
        return {"study": study_text(self.study), "store": self.store, "study_folder": self.study_folder}

    @property
    def service_account(self) -> str | None:
        """Service account of the run's pods; it is asked for when a run is made, not when a pipeline is compiled."""
        return load_profile(self.profile).service_account

    @contextmanager
    def package(self) -> Iterator[Path]:
        """The compiled pipeline that was given, or a fresh one with the steps that the study needs.

        Raises:
            InputNotFoundError: The one that was given does not exist, or there is no such profile.
            ConfigError: Study or profile is wrong.
        """
        config = self.config
        if self.compiled is not None:
            if not self.compiled.is_file():
                fix = "run 'gmlm pipeline compile'"
                raise InputNotFoundError("no such file", where=str(self.compiled), fix=fix)
            yield self.compiled
            return
        profile = fit_profile(load_profile(self.profile, image=self.image), config)
        with tempfile.TemporaryDirectory(prefix="gmlm-compiled-") as folder:
            yield next(compile_pipelines([self.pipeline], [profile], Path(folder)))
