"""The stage `task-translation`: a task's English examples in German, their spans and answers projected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gmlm.config import TaskTranslationConfig
from gmlm.errors import EmptyCorpusError
from gmlm.finetuning.examples import (
    Answer,
    Example,
    LabelledDocument,
    Question,
    Span,
    SpanDocument,
    from_json_lines,
    to_json_lines,
)
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.prepare import labels_json
from gmlm.finetuning.spans import flatten
from gmlm.finetuning.splits import SPLITS
from gmlm.manifest import Manifest
from gmlm.shards import Quarantine
from gmlm.stage import StageRun
from gmlm.telemetry import progress
from gmlm.translation.batching import translate_segments
from gmlm.translation.clauses import split_overlong
from gmlm.translation.engines import Engine, TranslationModel, open_engine
from gmlm.translation.projection import AlignedSegment, Placed, place
from gmlm.translation.saved_batches import SavedBatches
from gmlm.translation.segmentation import Segment, join, segment

UNPLACED = "no answer could be placed in the translation"


def translate_task(config: TaskTranslationConfig, run: StageRun) -> Manifest:
    """Translate a task. Writes what `prepare_task` writes, and `alignment.jsonl`.

    A line of `alignment.jsonl` is one span or answer: `split`, `id`, `source` and `target` (first character and the one
    behind the last; null where it was not placed) and `score`. A question of which no answer could be placed is set
    aside; a span that could not be placed is left out and counted, and its text stays.

    Raises:
        EmptyCorpusError: All examples of a split were set aside.
    """
    task = run.inputs["task"]
    english = {name: from_json_lines(run.store.read(task.key(f"{name}.jsonl")), config.task) for name in SPLITS}
    engine = SavedBatches(
        lambda: open_engine(TranslationModel.of(run, run.inputs["translator"]), config.decoding), run, "task", _no_check
    )
    translated = _Translation(engine, config)
    translated.read([example for examples in english.values() for example in examples])
    german = {name: [made for each in english[name] if (made := translated.german(each, name))] for name in SPLITS}
    for name, examples in german.items():
        if not examples:
            fix = "use a better translator, or lower 'min_alignment'"
            raise EmptyCorpusError(f"nothing of the {name} split is left", where=f"task {run.name}", fix=fix)
    manifest = _publish(config, run, english, german, translated)
    engine.forget()
    return manifest


def _no_check() -> None:
    """One worker translates a task: there is no lease to lose."""


@dataclass
class _Document:
    """A text, cut into segments."""

    segments: list[Segment]

    def aligned(self, known: Mapping[str, str]) -> list[AlignedSegment]:
        """The segments with their translations, and where they begin."""
        found, source, target = list[AlignedSegment](), 0, 0
        for piece in self.segments:
            german = known[piece.text]
            found.append(AlignedSegment(piece.text, source, german, target))
            source += len(piece.text) + len(piece.separator)
            target += len(german) + len(piece.separator)
        return found

    def text(self, known: Mapping[str, str]) -> str:
        """The German text in the layout of the English one."""
        return join([Segment(known[piece.text], piece.separator) for piece in self.segments])


@dataclass
class _Translation:
    engine: Engine
    config: TaskTranslationConfig
    known: dict[str, str] = field(default_factory=dict)
    documents: dict[str, _Document] = field(default_factory=dict)
    alignment: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[str, Example]] = field(default_factory=list)
    left_out: int = 0

    def read(self, examples: Sequence[Example]) -> None:
        """Translate every segment, question and marked piece of text, equal ones once."""
        for text in dict.fromkeys(text for example in examples for text in _texts(example)):
            pieces = split_overlong(segment(text, "en"), self.engine.source_limit, self.engine.lengths)
            self.documents[text] = _Document(pieces)
        texts = list(dict.fromkeys(piece.text for each in self.documents.values() for piece in each.segments))
        with progress("Translate task", total=len(texts), unit="segment") as bar:
            outputs = translate_segments(self.engine, texts, self.config.decoding.batch_tokens, bar.advance)
        self.known = dict(zip(texts, outputs, strict=True))

    def text(self, english: str) -> str:
        """The translation of a text that was read."""
        return self.documents[english].text(self.known)

    def german(self, example: Example, split: str) -> Example | None:
        """The German example; None where it has to be set aside."""
        match example:
            case LabelledDocument():
                return replace(example, text=self.text(example.text))
            case SpanDocument():
                spans = [self._placed(example, split, span.start, span.end) for span in example.spans]
                placed = [
                    Span(found.start, found.end, span.label)
                    for found, span in zip(spans, example.spans, strict=True)
                    if found is not None
                ]
                self.left_out += len(spans) - len(placed)
                return replace(example, text=self.text(example.text), spans=tuple(placed))
            case Question():
                return self._question(example, split)

    def _question(self, example: Question, split: str) -> Question | None:
        context = self.text(example.context)
        ends = [(answer.start, answer.start + len(answer.text)) for answer in example.answers]
        found = [self._placed(example, split, start, end) for start, end in ends]
        answers = dict.fromkeys(Answer(context[at.start : at.end], at.start) for at in found if at is not None)
        if example.answers and not answers:
            self.rejected.append((split, example))
            return None
        self.left_out += sum(at is None for at in found)
        return replace(example, question=self.text(example.question), context=context, answers=tuple(answers))

    def _placed(self, example: Example, split: str, start: int, end: int) -> Placed | None:
        aligned = self.documents[example.text].aligned(self.known)
        found = place(aligned, start, end, self.text(example.text[start:end]))
        kept = found if found is not None and found.score >= self.config.task.min_alignment else None
        self.alignment.append(
            {
                "split": split,
                "id": example.id,
                "source": [start, end],
                "target": [kept.start, kept.end] if kept else None,
                "score": round(found.score, 4) if found else 0.0,
            }
        )
        return kept


def _texts(example: Example) -> Iterator[str]:
    """All that is translated of an example: its text, its question, and each marked piece of the text alone."""
    yield example.text
    match example:
        case Question():
            yield example.question
            yield from (answer.text for answer in example.answers)
        case SpanDocument():
            yield from (example.text[span.start : span.end] for span in example.spans)


def _flattened(split: Sequence[Example], intake: Intake) -> list[Example]:
    """Projected spans may fall on the same words: the longest stay, the others are counted."""
    return [
        replace(each, spans=flatten(each.spans, intake)) if isinstance(each, SpanDocument) else each for each in split
    ]


def _publish(
    config: TaskTranslationConfig,
    run: StageRun,
    english: Mapping[str, Sequence[Example]],
    german: Mapping[str, Sequence[Example]],
    made: _Translation,
) -> Manifest:
    quarantine = Quarantine(run)
    for split, example in made.rejected:
        record = json.dumps(asdict(example), ensure_ascii=False)
        quarantine.reject(file=f"{split}.jsonl", position=example.id, reason=UNPLACED, record=record)
    intake = Intake(run.name, quarantine)
    splits = {name: _flattened(examples, intake) for name, examples in german.items()}
    labels = json.loads(run.store.read(run.inputs["task"].key("labels.json")))["labels"]
    files = [run.write(f"{name}.jsonl", to_json_lines(splits[name]), rows=len(splits[name])) for name in SPLITS]
    files.append(run.write("labels.json", labels_json(labels, splits)))
    rows = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in made.alignment).encode()
    files.append(run.write("alignment.jsonl", rows, rows=len(made.alignment)))
    scores = [row["score"] for row in made.alignment if row["target"] is not None]
    counters = {
        "in": sum(map(len, english.values())),
        "out": sum(map(len, splits.values())),
        **quarantine.counters(),
        **{name: len(splits[name]) for name in SPLITS},
        "labels": len(labels),
        "spans and answers": len(made.alignment),
        "spans and answers placed": len(scores),
        "left out: spans and answers that could not be placed": made.left_out,
        **{f"left out: {reason}": count for reason, count in sorted(intake.left_out.items())},
    }
    metrics = {"mean_alignment": sum(scores) / len(scores)} if scores else {}
    return run.publish("task", config, [*files, *quarantine.write()], counters=counters, metrics=metrics)
