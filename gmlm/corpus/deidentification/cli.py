"""`gmlm deidentify`. Imports nothing heavy: the command line loads it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def deidentify(
    path: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One object with `text` a line.")],
    output: Annotated[Path | None, typer.Option(help="Write the texts with surrogates to this file.")] = None,
    score: Annotated[bool, typer.Option("--score", help="Recall and precision against the marked `entities`.")] = False,
    model: Annotated[str | None, typer.Option(help="Folder of a token-classification model beside the rules.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other surrogates.")] = 13,
) -> None:
    """Replace names, dates and other identifiers in German clinical text, or score how many are found."""
    from gmlm.corpus.deidentification.command import deidentify_file, score_file
    from gmlm.errors import ConfigError

    if score == (output is not None):
        raise ConfigError("give either --score or --output", where="gmlm deidentify")
    typer.echo(score_file(path, model) if output is None else deidentify_file(path, output, model, seed))
