"""Ingest the sources of a study, translate them, and build its corpora."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.steps import TRANSLATION

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """Ingest the sources of a study, translate them, and build its corpora."""
    return assemble(
        "translate-corpus",
        "Ingest the sources of a study, translate them, and build its corpora.",
        (TRANSLATION,),
        profile,
    )
