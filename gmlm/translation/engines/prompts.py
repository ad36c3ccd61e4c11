"""How families of decoder-only translators are asked for German, by the wording on their model cards."""

from __future__ import annotations

from typing import Any

from gmlm.config.translation import PromptFamily

Message = dict[str, Any]

INSTRUCTION = "Translate the following English source text to German:\nEnglish: {}\nGerman: "
WORDINGS: dict[str, str] = {
    "plain": "Translate the following English medical text to German. Reply with the translation alone.\n\n{}",
    "eurollm": INSTRUCTION,
    "tower": "Translate the following text from English into German.\nEnglish: {}\nGerman:",
}
"""The user's turn; the server puts its model's chat template around it."""


def messages(family: PromptFamily, text: str) -> list[Message]:
    """The conversation that asks for the translation of a text."""
    if family == "translategemma":
        part = {"type": "text", "source_lang_code": "en", "target_lang_code": "de-DE", "text": text}
        return [{"role": "user", "content": [part]}]
    return [{"role": "user", "content": WORDINGS[family].format(text)}]
