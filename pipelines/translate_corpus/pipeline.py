"""Ingest the sources of a study, translate them, and build its corpora."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.phases import TRANSLATION, stages_of, translation_phase

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """Ingest the sources of a study, translate them, and build its corpora."""
    phases = (translation_phase,)
    return assemble(
        "translate-corpus",
        "Ingest the sources of a study, translate them, and build its corpora.",
        phases,
        profile,
        stages=stages_of(TRANSLATION),
    )
