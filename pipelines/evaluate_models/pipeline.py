"""Fine-tune the encoders of a study on its tasks, compare them, and report."""

from typing import TYPE_CHECKING, Any

from pipelines.assembly import assemble
from pipelines.steps import GRID

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile


def build(profile: "Profile") -> Any:
    """Fine-tune the encoders of a study on its tasks, compare them, and report."""
    return assemble(
        "evaluate-models",
        "Fine-tune the encoders of a study on its tasks, compare them, and report.",
        (GRID,),
        profile,
        compare=True,
    )
