"""One reader a format: each yields the records of one file, good and bad, in order."""

from gmlm.config.corpora import ReaderName
from gmlm.corpus.readers.columnar import read_dataset, read_parquet
from gmlm.corpus.readers.delimited import read_csv, read_mimic_csv
from gmlm.corpus.readers.jats import read_jats
from gmlm.corpus.readers.jsonl import read_jsonl
from gmlm.corpus.readers.pubmed import read_pubmed
from gmlm.corpus.readers.record import BadRecord, Deletion, InputFile, Reader, Record
from gmlm.corpus.readers.text import read_text

READERS: dict[ReaderName, Reader] = {
    "pubmed_xml": read_pubmed,
    "jats": read_jats,
    "mimic_csv": read_mimic_csv,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "text": read_text,
    "dataset": read_dataset,
}

__all__ = ["READERS", "BadRecord", "Deletion", "InputFile", "Reader", "Record"]
