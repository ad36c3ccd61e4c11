"""Language identification between English and German."""

from __future__ import annotations

from functools import cache
from typing import Any

SURE_FROM = 200
"""Characters from which the language is identified; shorter texts, such as lists of drugs, are too often misjudged."""
JUDGED_BY = 500
"""Characters from the start of a text that are looked at. Of 3,894 real letters, summaries, answers and abstracts none
was misjudged by these, nor by the whole text, which takes three times as long."""


def is_in_language(text: str, language: str) -> bool:
    """Whether the text is in the language, by langid (Lui and Baldwin 2012) restricted to English and German.

    Texts shorter than `SURE_FROM` characters count as being in it.
    """
    return len(text) < SURE_FROM or identified_language(text) == language


def identified_language(text: str) -> str:
    """`en` or `de`, whichever is likelier."""
    return str(_identifier().classify(text[:JUDGED_BY])[0])


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(["de", "en"])
    return identifier
