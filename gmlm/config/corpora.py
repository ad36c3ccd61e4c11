"""Sources of text, corpus recipes and tokenizers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from gmlm.config.base import Frozen, Name

ReaderName = Literal["pubmed_xml", "jats", "mimic_csv", "csv", "jsonl", "parquet", "text", "dataset"]


IdentifierKind = Literal["date", "name", "title", "id", "contact", "address", "institution", "age", "other"]


class DeidentificationConfig(Frozen):
    """What is replaced in own clinical text before anything else sees it."""

    kinds: tuple[IdentifierKind, ...] = ("date", "name", "id", "contact", "address", "institution", "other")
    """Kinds of identifiers that surrogates replace; titles of doctors and ages are left unless named here."""
    model: str | None = None
    """Folder of a token-classification model that finds more than the rules do; relative to the study file."""


class SourceConfig(Frozen):
    """One source of documents, read by the ingest stage."""

    reader: ReaderName
    """Format of the input."""
    path: str
    """A file, a folder (searched recursively), a glob, or an `s3://` address; relative paths start at the study file.
    For the reader `dataset`, a folder written by `datasets.Dataset.save_to_disk`, or a Hub name."""
    language: Literal["en", "de"] = "en"
    """Language of the text."""
    text_fields: tuple[str, ...] = ("text",)
    """Columns or keys that hold the text (csv, jsonl, parquet, dataset); several are joined by a blank line.
    A dotted key descends into nested objects and lists."""
    records_field: str | None = None
    """Dotted key of the objects that are one document each, where a JSON value holds several (jsonl): for SQuAD files
    `data.paragraphs`. The other fields start at these objects."""
    id_field: str | None = None
    """Column or key of the document's id; without one the id is file name and position."""
    meta_fields: tuple[str, ...] = ()
    """Columns or keys kept as metadata."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Column separator of csv files."""
    encoding: str = "utf-8"
    """Character encoding of csv, jsonl and text files."""
    restricted: bool = False
    """The text may not leave the house (MIMIC, clinical notes): hosted services and uploads refuse it."""
    deidentification: DeidentificationConfig | None = None
    """Replace names, dates and other identifiers in German clinical text; left out, the text stays as it is."""
    placeholders: Literal["keep", "surrogates"] = "keep"
    """What becomes of the blanks that MIMIC has for identifiers (`[**Hospital1 18**]`, `___`): kept, or filled with
    made-up names, dates and numbers of their type, the same for the same one throughout a note (mimic_csv)."""
    limit: int | None = Field(None, gt=0)
    """Read at most this many documents; for trying out."""
    max_rejected_ratio: float = Field(0.1, ge=0, le=1)
    """The stage fails when more than this share of the records is quarantined."""


class SourceMix(Frozen):
    """How one source enters a corpus."""

    weight: float = Field(1.0, gt=0)
    """Times that the source is repeated; a fraction takes a deterministic sample."""


class CanaryConfig(Frozen):
    """Invented secrets planted in a corpus, so that an audit can measure what a model remembers of its text."""

    number: int = Field(10, gt=0)
    """Canaries planted at each number of repeats."""
    repeats: tuple[int, ...] = (1, 4, 16)
    """How often a canary occurs in the training documents."""
    controls: int = Field(200, gt=0)
    """Canaries made in the same way and not planted: what the planted ones are ranked among."""


class RecipeConfig(Frozen):
    """How a corpus is built from sources and translations."""

    sources: dict[Name, SourceMix] = Field(min_length=1)
    """Names of sources or translations, each with its weight."""
    language: Literal["en", "de"] = "de"
    """Language that documents must be in when `identify_language` is on."""
    min_characters: int = Field(20, ge=0)
    """Shorter documents are dropped."""
    identify_language: bool = True
    """Drop documents in another language; texts under 200 characters are kept, as identification is unsure there."""
    min_translation_quality: float | None = Field(None, ge=0, le=1)
    """Drop translated documents whose segments score less on average; for translations with `quality`."""
    translation_score: Literal["translation_quality", "back_chrf", "estimate"] = "translation_quality"
    """Which score of translated documents the two keys beside this one look at: the one without a model, or those of
    the models that a translation's `quality` names."""
    weigh_translation_quality: bool = False
    """Sample translated documents by their quality: one with a mean score of 0.8 enters with a probability of 0.8 times
    its source's weight. Those that were not scored count as 1."""
    quality: tuple[Literal["gopher", "gopher_repetition", "c4", "clinical"], ...] = ()
    """Sets of quality rules that drop documents: published ones for web pages, which also drop short notes and lists,
    and one for clinical text."""
    deduplicate: Literal["exact", "near", "none"] = "exact"
    """Drop documents whose normalised text occurred before, across all sources; `near` also drops those that share
    about 70 % of their word 5-grams with an earlier one (MinHash)."""
    decontaminate: bool = True
    """Drop documents that share a word n-gram with the dev or test set of any task of the study."""
    decontamination_ngram: int = Field(13, ge=3)
    """Length in words of the n-grams compared by decontamination."""
    holdout_ratio: float = Field(0.02, ge=0, lt=0.5)
    """Share of the documents set apart for evaluation, chosen by a hash of the text."""
    keep_dropped: int = Field(0, ge=0)
    """Dropped documents kept in `quarantine.jsonl` for a person to look at, for each source and filter."""
    documents_per_shard: int = Field(50_000, gt=0)
    """Rows of one Parquet shard."""
    canaries: CanaryConfig | None = None
    """Plant canaries among the training documents, for the privacy audit. The model learns them: not for release."""
    shuffle_words: Literal["none", "document", "corpus"] = "none"
    """Put the words of each document, or of about a thousand documents together, in random order: a negative control,
    as such text teaches no language. Within a document, words still tell what others occur beside them."""


class TokenizerTraining(Frozen):
    """A tokenizer trained on a corpus of the study."""

    corpus: Name
    """Recipe whose documents it is trained on."""
    vocab_size: int = Field(31_102, gt=100)
    """Number of tokens, special ones included."""
    algorithm: Literal["wordpiece"] = "wordpiece"
    """WordPiece as in BERT."""
    lowercase: bool = False
    """Fold to lower case; German encoders keep case."""


class TokenizerConfig(Frozen):
    """A tokenizer: trained here, or taken from a model."""

    model: str | None = None
    """Hub name, local path, or name of a model of this study whose tokenizer is used."""
    train: TokenizerTraining | None = None
    """Train one on a corpus."""

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> Self:
        if (self.model is None) == (self.train is None):
            raise ValueError("give exactly one of 'model' and 'train'")
        return self


class TokensConfig(Frozen):
    """One corpus tokenised by one tokenizer."""

    documents_per_shard: int = Field(50_000, gt=0)
    """Rows of one Parquet shard."""


class TreatmentConfig(Frozen):
    """What is done to a finished corpus for an experiment."""

    canaries: CanaryConfig | None = None
    """Canaries to plant."""
    shuffle_words: Literal["none", "document", "corpus"] = "none"
    """Which words change places."""
    documents_per_shard: int = Field(50_000, gt=0)
    """Rows of one Parquet shard."""
