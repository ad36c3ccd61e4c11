"""A whole study: raw text to a table with significance."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.steps import GRID, PRETRAINING, TRANSLATION

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """A whole study: raw text to a table with significance."""
    return assemble(
        "study",
        "A whole study: raw text to a table with significance.",
        (TRANSLATION, *(PRETRAINING,) * profile.rounds, GRID),
        profile,
        compare=True,
    )
