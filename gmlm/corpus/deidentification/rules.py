"""All rules together."""

from __future__ import annotations

from itertools import chain

from gmlm.corpus.deidentification.dates import find_dates
from gmlm.corpus.deidentification.identifiers import Identifier, without_overlaps
from gmlm.corpus.deidentification.names import find_names
from gmlm.corpus.deidentification.numbers import find_numbers
from gmlm.corpus.deidentification.places import find_places


def find_identifiers(text: str) -> list[Identifier]:
    """What the rules find, in order and without overlaps."""
    rules = (find_dates, find_names, find_numbers, find_places)
    return without_overlaps(chain.from_iterable(rule(text) for rule in rules), text)
