"""CSV files, and the note tables of MIMIC-III and MIMIC-IV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import record_of
from gmlm.corpus.readers.record import LONGEST, BadRecord, InputFile, Record

csv.field_size_limit(LONGEST)


@dataclass(frozen=True)
class _Row:
    position: str
    values: dict[str, str]


def read_csv(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record a row after RFC 4180; quoted fields may hold line breaks. Columns are named in the first row."""
    columns = [*source.text_fields, *source.meta_fields, *([source.id_field] if source.id_field else [])]
    for row in _rows(file, source, columns):
        yield row if isinstance(row, BadRecord) else record_of(row.values, source, row.position)


MIMIC_III = ("row_id", "category", "description", "iserror", "text")
MIMIC_IV = ("note_id", "note_type", "text")


def read_mimic_csv(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """Notes of MIMIC-III (NOTEEVENTS) or MIMIC-IV (discharge, radiology); names of columns in either case.

    Notes that MIMIC-III marks by ISERROR as written in error are rejected. Identifiers of patients and stays are
    kept only where `meta_fields` names them. Tables: mimic.mit.edu/docs/iii/tables/noteevents, .../iv/modules/note.
    """
    for row in _rows(file, source, [], fold_case=True):
        if isinstance(row, BadRecord):
            yield row
        elif "note_id" in row.values or "row_id" in row.values:
            yield _note(row, source)
        else:
            fix = f"expected the columns {', '.join(MIMIC_III)} (MIMIC-III) or {', '.join(MIMIC_IV)} (MIMIC-IV)"
            raise file.fault("column 'note_id' or 'row_id' is missing", fix, "line 1")


def _note(row: _Row, source: SourceConfig) -> Record | BadRecord:
    values = row.values
    if values.get("iserror", "").strip() == "1":
        return BadRecord(row.position, "marked as written in error", values.get("text"))
    identity = (values.get("note_id") or values.get("row_id") or "").strip()
    if not identity:
        return BadRecord(row.position, "id missing", values.get("text"))
    wanted = ("category", "description", "note_type", *(field.lower() for field in source.meta_fields))
    meta = {key: values[key].strip() for key in wanted if values.get(key, "").strip()}
    return Record(row.position, identity, values["text"], meta)


def _rows(
    file: InputFile, source: SourceConfig, required: list[str], *, fold_case: bool = False
) -> Iterator[_Row | BadRecord]:
    with file.open_text(source.encoding) as stream:
        reader = csv.reader(file.lines(stream), delimiter=source.delimiter, strict=True)
        header = _header(file, reader, required or ["text"], fold_case=fold_case)
        while True:
            position = f"line {reader.line_num + 1}"
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end" in str(error):
                    fix = "the file is cut off or a quote is not closed; fetch or export it again"
                    raise file.fault("a quoted field has no end", fix, position) from None
                if "field limit" in str(error):
                    fix = "check that quotes are closed and that 'delimiter' is right"
                    raise file.fault(f"a field of more than {LONGEST:,} characters", fix, position) from None
                yield BadRecord(position, "not a valid CSV row")
                continue
            if len(row) == len(header):
                yield _Row(position, dict(zip(header, row, strict=True)))
            elif row:
                yield BadRecord(position, "wrong number of columns", source.delimiter.join(row))


def _header(file: InputFile, reader: Iterator[list[str]], required: list[str], *, fold_case: bool) -> list[str]:
    """The names of the columns; none where the file is empty."""
    try:
        header = [name.strip().lower() if fold_case else name.strip() for name in next(reader, [])]
    except csv.Error:
        raise file.fault("not a CSV file", "check 'reader' and 'delimiter'", "line 1") from None
    missing = [name for name in required if name not in header]
    if missing and header:
        fix = f"its columns are {', '.join(header)[:300]}; correct the source's fields or its 'delimiter'"
        raise file.fault(f"column {missing[0]!r} is missing", fix, "line 1")
    return header
