"""Which checkpoints are kept: the last few, the best, and every so many steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gmlm.config.optimisation import OptimisationConfig


def kept_steps(
    scores: Mapping[int, float | None], optimisation: OptimisationConfig, always: Collection[int] = ()
) -> set[int]:
    """The steps whose checkpoints stay.

    Args:
        scores: For the step of each whole checkpoint its held-out loss, where there is one; lower is better.
        optimisation: Has the rules: `keep_last`, `keep_best`, `keep_every`.
        always: Steps that stay whatever the rules say.
    """
    kept = set(sorted(scores)[-max(optimisation.keep_last, optimisation.average_last) :])
    if optimisation.keep_every:
        kept |= {step for step in scores if step and step % optimisation.keep_every == 0}
    kept |= set(scores) & set(always)
    rated = {step: score for step, score in scores.items() if score is not None}
    if optimisation.keep_best and rated:
        kept.add(min(rated, key=lambda step: (rated[step], step)))
    return kept
