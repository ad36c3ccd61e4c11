"""What `gmlm deidentify` does."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from gmlm.config.corpora import DeidentificationConfig
from gmlm.corpus.deidentification.deidentify import Deidentifier
from gmlm.corpus.deidentification.identifiers import KINDS
from gmlm.corpus.deidentification.score import read_marked, score, table
from gmlm.errors import DataFormatError, InputNotFoundError


def score_file(path: Path, model: str | None) -> str:
    """Recall and precision on a file of marked texts, as a table; all kinds are looked for.

    Raises:
        InputNotFoundError: There is no such file.
        DataFormatError: It is no such file.
    """
    config = DeidentificationConfig(kinds=KINDS, model=model)
    return table(score(list(read_marked(_existing(path))), Deidentifier(config, Path.cwd(), seed=0).find))


def deidentify_file(path: Path, output: Path, model: str | None, seed: int) -> str:
    """Copy `id` and `text` of each line of a JSONL file, the text with surrogates; say how many were replaced.

    Raises:
        InputNotFoundError: There is no such file.
        DataFormatError: A line is no object with a text.
    """
    deidentifier = Deidentifier(DeidentificationConfig(model=model), Path.cwd(), seed)
    total = Counter[str]()
    with _existing(path).open(encoding="utf-8") as source, output.open("w", encoding="utf-8") as target:
        for number, line in enumerate(source, start=1):
            identity, text = _record(line, f"{path}, line {number}", number)
            replaced, counts = deidentifier.replaced(identity, text)
            total += counts
            target.write(json.dumps({"id": identity, "text": replaced}, ensure_ascii=False) + "\n")
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(total.items())) or "nothing replaced"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputNotFoundError("no such file", where=str(path), fix="give a JSONL file")
    return path


def _record(line: str, where: str, number: int) -> tuple[str, str]:
    try:
        record = json.loads(line)
        return str(record.get("id", number)), str(record["text"])
    except (ValueError, KeyError, AttributeError):
        fix = "give one JSON object with 'text' a line"
        raise DataFormatError("no object with a text", where=where, fix=fix) from None
