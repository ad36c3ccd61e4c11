"""English clinical notes of the world as a table like MIMIC-III's NOTEEVENTS."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence

from gmlm.demo.documents import Document, render

_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CATEGORY", "DESCRIPTION", "TEXT")


def noteevents_csv(notes: Sequence[Document], choose: random.Random) -> bytes:
    """The table; texts span several lines and are quoted."""
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row, note in enumerate(notes, start=1):
        day = f"{choose.randint(2100, 2199)}-{choose.randint(1, 12):02d}-{choose.randint(1, 28):02d}"
        subject, admission = choose.randint(10_000, 99_999), choose.randint(100_000, 199_999)
        text = render(note, "en")[0]
        writer.writerow((row, subject, admission, day, note.type, "Report", text))
    return table.getvalue().encode()
