"""Tokenise the corpora of a study and train its encoders."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.steps import PRETRAINING

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """Tokenise the corpora of a study and train its encoders."""
    return assemble(
        "continue-pretraining",
        "Tokenise the corpora of a study and train its encoders.",
        (PRETRAINING,) * profile.rounds,
        profile,
    )
