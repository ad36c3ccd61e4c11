"""Non-technical summaries with ICD-10 codes as CLEF eHealth 2019, task 1, distributes them (Neves et al. 2019).

A split is a list of ids (`ids_training.txt`, `ids_development.txt`, `ids_test.txt`). Beside it lie the annotations
(`anns_train_dev.txt`, `anns_test.txt`; a line is an id, a tab, and codes separated by `|`) and a folder `docs*` with
one `ID.txt` a document. A document without a line of annotations has no codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError
from gmlm.finetuning.examples import LabelledDocument
from gmlm.finetuning.files import annotation_files, document_files
from gmlm.finetuning.intake import Intake, read_text


def read_clef_nts(path: Path, config: TaskConfig, intake: Intake) -> Iterator[LabelledDocument]:
    """The documents of a list of ids.

    Raises:
        DataFormatError: No annotations lie beside the list.
    """
    annotations = annotation_files(path)
    if not annotations:
        raise DataFormatError(
            "no file anns_*.txt beside the list of ids", where=str(path), fix="unpack the whole archive"
        )
    codes = {name: found for file in annotations for name, found in _codes(file)}
    documents = {file.stem: file for file in document_files(path)}
    for name in read_text(path).split():
        file = documents.get(name)
        text = read_text(file) if file is not None else ""
        if text.strip():
            yield LabelledDocument(name, text, codes.get(name, ()))
        else:
            intake.reject(name, "no document" if file is None else "no text")


def _codes(file: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in read_text(file).split("\n"):
        name, _, found = line.strip().partition("\t")
        if name:
            yield name, tuple(sorted({code.strip() for code in found.split("|") if code.strip()}))
