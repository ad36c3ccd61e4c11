"""Compiles pipelines, one YAML file per pipeline and profile."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfp.compiler import Compiler

from pipelines.canonical import rewrite

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile

PIPELINES = ("study", "translate_corpus", "continue_pretraining", "evaluate_models")
"""Every pipeline, by the name of its folder."""


def build_pipeline(name: str, profile: "Profile") -> Any:
    """Build a pipeline for a profile."""
    return import_module(f"pipelines.{name}.pipeline").build(profile)


def compile_pipelines(names: Iterable[str], profiles: Iterable["Profile"], folder: Path) -> Iterator[Path]:
    """Compile each pipeline for each profile into `FOLDER/PIPELINE--PROFILE.yaml`; equal ones are equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(profiles)
    for name in names:
        for profile in chosen:
            target = folder / f"{name}--{profile.name}.yaml"
            Compiler().compile(build_pipeline(name, profile), str(target))
            rewrite(target)
            yield target
