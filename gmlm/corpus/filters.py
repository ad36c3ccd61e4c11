"""What a document must pass to enter a corpus, in order; each filter says where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.decontamination import TaskNgrams
from gmlm.corpus.language import is_in_language
from gmlm.corpus.normalisation import share_of, text_digest


@dataclass(frozen=True)
class Candidate:
    """A document on its way into the corpus: its source, its normalised text and the digest of that."""

    source: str
    text: str
    digest: bytes

    @classmethod
    def of(cls, source: str, text: str) -> Candidate:
        """The candidate for a normalised text."""
        return cls(source, text, text_digest(text))


@dataclass(frozen=True)
class Filter:
    """A reason to drop documents: `drops` tells whether it applies."""

    reason: str
    drops: Callable[[Candidate], bool]


class SeenTexts:
    """Remembers texts by 16-byte digests; two texts share one with a probability below 1e-20 at a billion texts."""

    def __init__(self) -> None:
        self._digests = set[bytes]()

    def occurred(self, candidate: Candidate) -> bool:
        """Whether the text was seen before; it is from now on."""
        if candidate.digest in self._digests:
            return True
        self._digests.add(candidate.digest)
        return False


class Contamination:
    """Drops documents that share an n-gram with a test set, and counts them by task."""

    def __init__(self, ngrams: TaskNgrams) -> None:
        self._ngrams = ngrams
        self.hits = Counter[str]()

    def found(self, candidate: Candidate) -> bool:
        """Whether the document is contaminated."""
        tasks = self._ngrams.tasks_in(candidate.text)
        self.hits.update(tasks)
        return bool(tasks)


def recipe_filters(config: RecipeConfig, contamination: Contamination | None) -> Sequence[Filter]:
    """The filters that a recipe asks for.

    Sampling comes before de-duplication: a text that one source's sample leaves out is still taken from another.
    """
    weights = {name: mix.weight for name, mix in config.sources.items()}
    filters = [
        Filter("too short", lambda candidate: len(candidate.text) < config.min_characters),
        Filter("not sampled", lambda candidate: copies(candidate, weights) == 0),
    ]
    if config.identify_language:
        filters.append(Filter("other language", lambda candidate: not is_in_language(candidate.text, config.language)))
    if config.deduplicate == "exact":
        filters.append(Filter("duplicate", SeenTexts().occurred))
    if contamination is not None:
        filters.append(Filter("contaminated", contamination.found))
    return filters


def copies(candidate: Candidate, weights: Mapping[str, float]) -> int:
    """How often a document is repeated: its source's weight, whose fraction is a sample drawn by the text's digest."""
    whole, fraction = divmod(weights[candidate.source], 1)
    return int(whole) + (share_of(candidate.digest, "weight") < fraction)


def is_held_out(candidate: Candidate, ratio: float) -> bool:
    """Whether a document is set apart for evaluation.

    It depends on nothing but the text, so equal texts never straddle training and evaluation, and a text held out of
    one corpus is held out of every other with at least that ratio.
    """
    return share_of(candidate.digest, "holdout") < ratio
