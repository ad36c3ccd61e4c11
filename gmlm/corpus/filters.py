"""What a document must pass by itself to enter a corpus, in order; each filter says where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.normalisation import share_of, text_digest
from gmlm.corpus.quality import RULES, Measured, Rule
from gmlm.language import is_in_language
from gmlm.shards import TRANSLATION_QUALITY


@dataclass(frozen=True)
class Candidate:
    """A document on its way into a corpus: source, normalised text, quality of its translation, language."""

    source: str
    text: str
    quality: float | None = None
    language: str = "de"

    @cached_property
    def digest(self) -> bytes:
        """The digest of its words."""
        return text_digest(self.text)

    @cached_property
    def measured(self) -> Measured:
        """What quality rules look at; counted once."""
        return Measured(self.text, self.language)


@dataclass(frozen=True)
class Filter:
    """A reason to drop documents: `drops` tells whether it applies."""

    reason: str
    drops: Callable[[Candidate], bool]


def recipe_filters(config: RecipeConfig) -> Sequence[Filter]:
    """The filters that a recipe asks for and that look at one document alone.

    Sampling comes before de-duplication: a text that one source's sample leaves out is still taken from another.
    """
    filters = [
        Filter("too short", lambda candidate: len(candidate.text) < config.min_characters),
        Filter("not sampled", lambda candidate: copies(candidate, config) == 0),
    ]
    if config.identify_language:
        filters.append(Filter("other language", lambda candidate: not is_in_language(candidate.text, config.language)))
    if (least := config.min_translation_quality) is not None:
        filters.append(
            Filter("translated badly", lambda candidate: candidate.quality is not None and candidate.quality < least)
        )
    return [*filters, *(Filter(*rule) for rule in _quality_rules(config))]


def _quality_rules(config: RecipeConfig) -> Iterator[tuple[str, Callable[[Candidate], bool]]]:
    for name in config.quality:
        for looked_at, rule in RULES[name].items():
            yield f"{name}: {looked_at}", partial(_breaks, rule)


def _breaks(rule: Rule, candidate: Candidate) -> bool:
    return rule(candidate.measured)


def quality_in(meta: str, score: str = TRANSLATION_QUALITY) -> float | None:
    """How well a document was translated by a score, from its metadata as JSON; None where it has no such score."""
    value = json.loads(meta).get(score)
    return None if value is None else float(value)


def copies(candidate: Candidate, config: RecipeConfig) -> int:
    """How often a document is repeated: its weight, whose fraction is a sample drawn by the text's digest.

    The weight is its source's, times the quality of its translation where the recipe weighs that.
    """
    quality = candidate.quality if config.weigh_translation_quality else None
    weight = config.sources[candidate.source].weight * (1 if quality is None else quality)
    whole, fraction = divmod(weight, 1)
    return int(whole) + (fraction > 0 and share_of(candidate.digest, "weight") < fraction)


def is_held_out(candidate: Candidate, ratio: float) -> bool:
    """Whether a document is set apart for evaluation.

    It depends on nothing but the text, so equal texts never straddle training and evaluation, and a text held out of
    one corpus is held out of every other with at least that ratio.
    """
    return ratio > 0 and share_of(candidate.digest, "holdout") < ratio
