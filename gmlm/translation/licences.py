"""Licences of translation models: weights that forbid commercial use are refused unless the study takes them knowingly.

The table holds what model cards state; a model folder's own README.md is asked first. It is no legal advice: what is
not listed, and names no licence, is taken as the user's responsibility.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from gmlm.errors import ConfigError

LICENCES: tuple[tuple[str, str], ...] = (
    ("facebook/wmt19-*", "apache-2.0"),
    ("helsinki-nlp/opus-mt-*", "cc-by-4.0"),
    ("google/madlad400-*", "apache-2.0"),
    ("facebook/m2m100_*", "mit"),
    ("facebook/nllb-*", "cc-by-nc-4.0"),
    ("unbabel/tower*", "cc-by-nc-4.0"),
    ("utter-project/eurollm-*", "apache-2.0"),
    ("google/translategemma-*", "gemma"),
    ("google-t5/t5-*", "apache-2.0"),
)
"""Patterns of names on the Hub in lower case, and the licence on the card; the first that fits holds."""


def licence_of(name: str, folder: Path | None = None) -> str | None:
    """The licence of a model: from the card in its folder, else from the table; None if neither names one."""
    if folder is not None and (stated := _on_card(folder / "README.md")) is not None:
        return stated
    lower = name.lower()
    return next((licence for pattern, licence in LICENCES if fnmatchcase(lower, pattern)), None)


def check_licence(name: str, folder: Path | None, *, non_commercial: bool) -> None:
    """Refuse weights that forbid commercial use, unless the study says `non_commercial`.

    Raises:
        ConfigError: They do, and it does not.
    """
    licence = licence_of(name, folder)
    if licence is not None and "-nc" in licence and not non_commercial:
        raise ConfigError(
            f"its licence {licence} forbids commercial use",
            where=name,
            fix="choose another model, or set 'non_commercial: true' for this translator if your use is none",
        )


def _on_card(card: Path) -> str | None:
    """The licence in the YAML header of a model card."""
    try:
        _, _, rest = card.read_text(encoding="utf-8").partition("---\n")
        header = yaml.safe_load(rest.partition("\n---")[0])
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    licence = header.get("license") if isinstance(header, dict) else None
    return licence.lower() if isinstance(licence, str) else None
