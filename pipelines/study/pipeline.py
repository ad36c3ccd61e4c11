"""A whole study: raw text to a table with significance."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.phases import evaluation_phase, pretraining_phase, translation_phase

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """A whole study: raw text to a table with significance."""
    phases = (
        translation_phase,
        pretraining_phase,
        evaluation_phase,
    )
    return assemble("study", "A whole study: raw text to a table with significance.", phases, profile)
