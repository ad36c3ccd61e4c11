"""What a document must pass by itself to enter a corpus, in order; each filter says where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.language import is_in_language
from gmlm.corpus.normalisation import share_of, text_digest


@dataclass(frozen=True)
class Candidate:
    """A document on its way into the corpus: its source and its normalised text."""

    source: str
    text: str

    @cached_property
    def digest(self) -> bytes:
        """The digest of its words."""
        return text_digest(self.text)


@dataclass(frozen=True)
class Filter:
    """A reason to drop documents: `drops` tells whether it applies."""

    reason: str
    drops: Callable[[Candidate], bool]


def recipe_filters(config: RecipeConfig) -> Sequence[Filter]:
    """The filters that a recipe asks for and that look at one document alone.

    Sampling comes before de-duplication: a text that one source's sample leaves out is still taken from another.
    """
    weights = {name: mix.weight for name, mix in config.sources.items()}
    filters = [
        Filter("too short", lambda candidate: len(candidate.text) < config.min_characters),
        Filter("not sampled", lambda candidate: copies(candidate, weights) == 0),
    ]
    if config.identify_language:
        filters.append(Filter("other language", lambda candidate: not is_in_language(candidate.text, config.language)))
    return filters


def copies(candidate: Candidate, weights: Mapping[str, float]) -> int:
    """How often a document is repeated: its source's weight, whose fraction is a sample drawn by the text's digest."""
    whole, fraction = divmod(weights[candidate.source], 1)
    return int(whole) + (fraction > 0 and share_of(candidate.digest, "weight") < fraction)


def is_held_out(candidate: Candidate, ratio: float) -> bool:
    """Whether a document is set apart for evaluation.

    It depends on nothing but the text, so equal texts never straddle training and evaluation, and a text held out of
    one corpus is held out of every other with at least that ratio.
    """
    return ratio > 0 and share_of(candidate.digest, "holdout") < ratio
