"""Learns a lexical shortlist: the likely translations of each source token, and what is frequent in any output.

The projection onto the vocabulary is a large part of a small model's work; restricted to a shortlist it costs a tenth
(Jean et al. 2015; L'Hostis et al. 2016; Senellart et al. 2018).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gmlm.config.translation import ShortlistConfig
from gmlm.translation.engines.shortlist import SHORTLIST_FILE
from gmlm.translation.engines.vocabulary import Vocabulary
from gmlm.translation.parallel import Pair
from gmlm.translation.word_translation import TokenPairs, learn_translations

LEAST_SEEN = 3
"""Pairs that a source token must be in: what a rarer one may become is not known."""
LEAST_PROBABILITY = 1e-3
"""Targets below it are chance: they share sentences with the source token, and no more."""
ANY_LENGTH = 1_000_000


def write_shortlist(folder: Path, pairs: Sequence[Pair], config: ShortlistConfig) -> int:
    """Learn the shortlist of a model from pairs and write it into the model's folder; equal pairs give equal bytes.

    Returns:
        The number of source tokens that it knows.
    """
    vocabulary = Vocabulary(folder, ANY_LENGTH)
    chosen = pairs[:: max(1, -(-len(pairs) // config.pairs))]
    lines = list(_lines(_encoded(chosen, vocabulary), vocabulary, config))
    (folder / SHORTLIST_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines) - 1


def _encoded(pairs: Sequence[Pair], vocabulary: Vocabulary) -> TokenPairs:
    sources = vocabulary.encode([pair.en for pair in pairs])
    return list(zip(sources, vocabulary.encode_targets([pair.de for pair in pairs]), strict=True))


def _lines(pairs: TokenPairs, vocabulary: Vocabulary, config: ShortlistConfig) -> Iterator[str]:
    frequent = Counter(number for _, target in pairs for number in target)
    ranked = sorted(frequent, key=lambda number: (-frequent[number], number))[: config.frequent]
    yield "\t" + " ".join(vocabulary.source_tokens(ranked))
    seen = Counter(number for source, _ in pairs for number in set(source))
    for number, best in learn_translations(pairs).best(config.candidates, LEAST_PROBABILITY):
        token, *found = vocabulary.source_tokens([number, *best])
        # White space divides tokens in the file: a token that holds some stays unknown.
        if seen[number] >= LEAST_SEEN and token.split() == [token]:
            # The token itself: names, numbers and Latin terms stay as they are.
            yield f"{token}\t{' '.join(dict.fromkeys([token, *found]))}"
