"""Readers of task data, one file a format. Each yields examples and sets aside what it cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.finetuning.examples import Example
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.readers.brat import read_brat
from gmlm.finetuning.readers.cas import read_cas
from gmlm.finetuning.readers.clef_nts import read_clef_nts
from gmlm.finetuning.readers.conll import read_conll
from gmlm.finetuning.readers.ggponc import read_ggponc
from gmlm.finetuning.readers.labels_jsonl import read_labels
from gmlm.finetuning.readers.spans_jsonl import read_spans
from gmlm.finetuning.readers.squad import read_squad

Reader = Callable[[Path, TaskConfig, Intake], Iterator[Example]]

READERS: Mapping[str, Reader] = {
    "spans_jsonl": read_spans,
    "conll": read_conll,
    "labels_jsonl": read_labels,
    "squad": read_squad,
    "brat": read_brat,
    "cas": read_cas,
    "ggponc": read_ggponc,
    "clef_nts": read_clef_nts,
}
"""Readers by the name that a task gives."""
