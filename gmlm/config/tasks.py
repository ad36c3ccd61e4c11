"""Downstream tasks and how models are fine-tuned on them."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from gmlm.config.base import Frozen, Name
from gmlm.config.catalogue import filled
from gmlm.config.optimisation import OptimisationConfig
from gmlm.config.translation import DecodingConfig

TaskKind = Literal["token_classification", "multi_label", "question_answering"]
SplitRule = Literal["near_duplicates", "document"]


class GridConfig(Frozen):
    """What a cell tries beside its settings; every combination is trained, and dev picks one."""

    learning_rate: tuple[float, ...] = ()
    """Peak learning rates; none: the one of `optimisation`."""
    batch_size: tuple[int, ...] = ()
    """Windows of one optimiser step; none: `batch_size`."""
    epochs: tuple[int, ...] = ()
    """Passes over the training windows; none: `epochs`."""

    @model_validator(mode="after")
    def _positive(self) -> Self:
        for name, values in self:
            if any(value <= 0 for value in values) or len(set(values)) < len(values):
                raise ValueError(f"'{name}' must hold positive numbers, each once")
        return self


class FinetuneConfig(Frozen):
    """Fine-tuning of one cell (model, task, seed)."""

    epochs: int = Field(3, gt=0)
    """Passes over the training windows."""
    batch_size: int = Field(16, gt=0)
    """Windows of one optimiser step."""
    max_length: int = Field(512, gt=7)
    """Length of a window in tokens; capped at what the model can take."""
    stride: int = Field(128, ge=0)
    """Tokens by which neighbouring windows of a long document overlap."""
    optimisation: OptimisationConfig = OptimisationConfig(learning_rate=3e-5, warmup_ratio=0.1)
    """Optimiser and schedule."""
    long_documents: Literal["max", "mean", "head_tail"] = "max"
    """How a document longer than a window gets one set of labels (multi-label): from the largest or the mean logit of
    all its windows, or from one window of its first quarter and its last three (Sun et al. 2019)."""
    tagging: Literal["tokens", "words"] = "tokens"
    """What gets a tag (token classification): every token, so that a span may begin or end within a word; or the first
    token of each word (Devlin et al. 2019; the default of run_ner), which is easier to learn, and where a span that
    begins or ends within a word is tagged as a whole word and counted as `unplaceable`."""
    imbalance: Literal["none", "weighted", "focal"] = "none"
    """What helps rare labels (multi-label): a label's positives weigh as much as its negatives, or focal loss with
    gamma 2 (Lin et al. 2017), which leaves well-learnt labels alone."""
    n_best: int = Field(5, gt=0)
    """Answers kept for each question."""
    patience: int = Field(0, ge=0)
    """Early stopping: epochs in a row without a better dev score that end training. Dev is scored after each epoch, and
    the weights of the best one are kept. 0 trains for all epochs and keeps the last."""
    grid: GridConfig | None = None
    """Learning rates, batch sizes and epochs to choose from by the dev score; none: the settings above."""

    @model_validator(mode="after")
    def _weights_are_whole(self) -> Self:
        if self.patience and self.optimisation.engine == "deepspeed" and self.optimisation.zero_stage == 3:
            raise ValueError("'patience' needs whole weights: use engine 'torch' or a lower 'zero_stage'")
        return self

    def choices(self) -> list[FinetuneConfig]:
        """Every combination of the grid, or these settings alone."""
        grid, rate = self.grid or GridConfig(), self.optimisation.learning_rate
        combined = product(
            grid.learning_rate or (rate,), grid.batch_size or (self.batch_size,), grid.epochs or (self.epochs,)
        )
        return [
            self.model_copy(
                update={
                    "grid": None,
                    "optimisation": self.optimisation.model_copy(update={"learning_rate": learning_rate}),
                    "batch_size": batch_size,
                    "epochs": epochs,
                }
            )
            for learning_rate, batch_size, epochs in combined
        ]

    def choice(self) -> dict[str, float]:
        """What a grid chooses, as numbers."""
        rate = self.optimisation.learning_rate
        return {"learning_rate": rate, "batch_size": self.batch_size, "epochs": self.epochs}


class TaskConfig(Frozen):
    """A downstream task: its data, its labels and its fine-tuning."""

    catalogue: Name | None = None
    """Name of a task of the [catalogue](tasks.md), which fills in all keys but `finetuning` that are not given here."""
    folder: str | None = None
    """Folder of the unpacked distribution of a task of the catalogue, which knows the files in it."""
    fold: int | None = None
    """Fold of a task of the catalogue that has some, counted from 1; default 1."""
    kind: TaskKind
    """What is predicted: spans of text, a set of labels for a document, or an answer span for a question."""
    reader: Literal["spans_jsonl", "conll", "brat", "cas", "ggponc", "labels_jsonl", "clef_nts", "squad"]
    """Format: JSONL with `text` and `spans` (start, end, label), CoNLL columns, brat standoff, UIMA CAS (XMI or JSON),
    the JSON of GGPONC 2.0, JSONL with `text` and `labels`, the files of CLEF eHealth 2019 task 1, or SQuAD 1.1/2.0
    JSON."""
    path: str | None = None
    """A file, folder or glob that is split by document into train, dev and test; or give `train`, `dev` and `test`;
    without `dev`, a part of `train` becomes it."""
    train: str | None = None
    """Training split."""
    dev: str | None = None
    """Development split; thresholds and epochs are chosen on it."""
    test: str | None = None
    """Test split; it is scored once per cell."""
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    """Shares of train, dev and test where one file is split; a document is never divided."""
    keep_together: SplitRule = "near_duplicates"
    """What a split may not divide beside a document: nearly equal texts (MinHash; surely found from 90 % of equal word
    5-grams on, half of them at 65 %), or by `document` only equal ones."""
    labels: tuple[str, ...] | None = None
    """The allowed labels; a label outside is an error. Default: those of the training split."""
    min_label_count: int = Field(1, gt=0)
    """Labels with fewer training documents are left out and counted (multi-label)."""
    text_field: str = "text"
    """Key of the text (JSONL)."""
    label_field: str | None = None
    """Key of the spans or labels (JSONL), default `spans` or `labels`; feature of the label (CAS), default `value`."""
    id_field: str | None = None
    """Key of the document's id (JSONL)."""
    label_column: int = 1
    """Column of the BIO tag (CoNLL), counted from 0, or from the last one, -1."""
    token_column: int = 0
    """Column of the token (CoNLL), counted from 0."""
    unit: Literal["document", "line"] = "document"
    """What is one example of a text: all of it, or each line (brat) or passage (GGPONC)."""
    nesting_level: int = Field(1, gt=0)
    """Which of the spans that nest or overlap are predicted (all formats of spans but CoNLL, where `label_column` says
    it): 1 is the longest, 2 the longest of those within or across them, and so on. The others are counted."""
    annotation_type: str | None = None
    """Type of the annotations (CAS), whole or its last part; default `NamedEntity`."""
    count_documents_without_labels: bool = True
    """Whether documents without gold labels enter the multi-label score; the report names the choice."""
    article_stripping: Literal["english", "german", "none"] = "german"
    """Articles that answer normalisation removes: SQuAD's script strips English ones, MLQA's German ones."""
    translator: Name | None = None
    """Translator of the study by which English data become German; their spans and answers are projected into the
    translation. Models are then fine-tuned and tested on what was translated."""
    min_alignment: float = Field(0.5, ge=0, le=1)
    """Spans and answers that are found in the translation with a lower score are not placed."""
    finetuning: FinetuneConfig = FinetuneConfig()
    """How models are fine-tuned on it."""

    @model_validator(mode="before")
    @classmethod
    def _from_catalogue(cls, data: Any) -> Any:
        return filled(data) if isinstance(data, dict) and data.get("catalogue") is not None else data

    @model_validator(mode="after")
    def _one_way_to_give_data(self) -> Self:
        splits = (self.train, self.dev, self.test)
        if (self.path is None) == (splits == (None, None, None)) or (
            self.path is None and None in (self.train, self.test)
        ):
            raise ValueError("give either 'path', or 'train', 'test' and perhaps 'dev'")
        if self.catalogue is None and (self.folder is not None or self.fold is not None):
            raise ValueError("'folder' and 'fold' are of a task of the 'catalogue'")
        if abs(sum(self.split) - 1) > 1e-6 or min(self.split) <= 0:
            raise ValueError("'split' must hold three positive shares that add up to 1")
        return self


class TaskTranslationConfig(Frozen):
    """A task and the way in which its examples are translated."""

    task: TaskConfig
    """The task, in English."""
    decoding: DecodingConfig
    """How the translator decodes."""


class CellConfig(Frozen):
    """One cell: a model fine-tuned on a task with a seed."""

    task: TaskConfig
    """The task."""
    seed: int
    """Seed of head initialisation, dropout and data order."""
