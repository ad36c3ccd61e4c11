"""Tokenise the corpora of a study and train its encoders."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.phases import PRETRAINING, pretraining_phase, stages_of

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """Tokenise the corpora of a study and train its encoders."""
    phases = (pretraining_phase,)
    return assemble(
        "continue-pretraining",
        "Tokenise the corpora of a study and train its encoders.",
        phases,
        profile,
        stages=stages_of(PRETRAINING),
    )
