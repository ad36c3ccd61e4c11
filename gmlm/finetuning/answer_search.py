"""Finding the best answer spans in the outputs of a window, and when no answer is the better answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmlm.finetuning.spans import Offsets
from gmlm.finetuning.windows import Window

TRIED = 20
"""Best starts and ends of a window that are combined."""


@dataclass(frozen=True)
class Candidate:
    """An answer found in a context: its text, first character, and sum of start and end logit."""

    text: str
    start: int
    score: float


def best_candidates(
    context: str, offsets: Sequence[Offsets], window: Window, output: NDArray[np.float32], longest: int
) -> list[Candidate]:
    """All valid answers among the window's best starts and ends.

    Args:
        context: The text that the window is from.
        offsets: Characters of the text's tokens.
        window: Which tokens the window shows.
        output: Start and end logit of each input id, (input ids, 2).
        longest: Most tokens that an answer may have.
    """
    shown = output[window.prefix : window.prefix + window.end - window.start].astype(np.float64)
    starts, ends = (np.argsort(-shown[:, side], kind="stable")[:TRIED] for side in (0, 1))
    candidates = []
    for start in starts:
        for end in ends:
            if start <= end < start + longest:
                first, last = offsets[window.start + start][0], offsets[window.start + end][1]
                score = float(shown[start, 0] + shown[end, 1])
                candidates.append(Candidate(context[first:last], first, score))
    return [candidate for candidate in candidates if candidate.text]


def best_null_threshold(rows: Sequence[tuple[float, float, float]]) -> float:
    """The threshold of the highest summed score: "no answer" is given where the margin is greater.

    Args:
        rows: For each question, the margin by which "no answer" beats the best answer, the score if the answer is
            given, and the score if "no answer" is.
    """
    ranked = sorted(rows)
    score = sum(row[2] for row in ranked)
    best, threshold = score, ranked[0][0] - 1.0
    for (margin, answered, unanswered), above in zip(ranked, [*(row[0] for row in ranked[1:]), np.inf], strict=True):
        score += answered - unanswered
        if above > margin and score > best:  # a threshold cannot part equal margins
            best, threshold = score, (margin + above) / 2 if above < np.inf else margin + 1.0
    return float(threshold)
