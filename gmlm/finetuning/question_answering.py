"""Extractive question answering: start and end of the answer among the tokens of a context's windows (BERT, SQuAD 2).

A window without the answer, as the context of an unanswerable question, points to the first token: "not here".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForQuestionAnswering

from gmlm.config import FinetuneConfig
from gmlm.evaluation.answers import answer_f1
from gmlm.finetuning.answer_search import Candidate, best_candidates, best_null_threshold
from gmlm.finetuning.batching import Batch, TrainingItem, run_windows
from gmlm.finetuning.examples import Answer, Example, Question
from gmlm.finetuning.objective import Encoder, Predicted
from gmlm.finetuning.windows import TokenizedText, Window, tokenize
from gmlm.training.heads import run_with_head

NULL = 0
"""Input id that stands for "no answer in this window": the first, a special token in every supported encoder."""


class QuestionAnswering:
    """Finds the answer's first and last token; long contexts are read through windows.

    An answer may be as long as the longest of the training questions. "No answer" is possible only where a training
    question has none.
    """

    def __init__(self, encoder: Encoder, config: FinetuneConfig, train: Sequence[Example], articles: str) -> None:
        self._encoder, self._windower, self._articles = encoder, encoder.windower(config, pair=True), articles
        self._nullable = any(isinstance(example, Question) and not example.answers for example in train)
        self._longest_answer, self._n_best = 1, config.n_best
        self.unplaceable = 0

    def load_model(self) -> nn.Module:
        """The encoder with a fresh layer of two logits a token."""
        return self._encoder.with_head(AutoModelForQuestionAnswering)

    def training_items(self, examples: Sequence[Example]) -> list[TrainingItem]:
        """One item a window; the target is the places of the first answer's start and end, or NULL twice."""
        items = []
        for question, tokens, windows in self._read(examples):
            place = _token_range(question.answers[0], tokens) if question.answers else None
            if question.answers and place is None:
                self.unplaceable += 1
                continue
            if place is not None:
                self._longest_answer = max(self._longest_answer, place[1] - place[0] + 1)
            items += [TrainingItem((window,), _target(window, place)) for window in windows]
        return items

    def _read(self, examples: Sequence[Example]) -> list[tuple[Question, TokenizedText, list[Window]]]:
        questions = [example for example in examples if isinstance(example, Question)]
        asked = tokenize(self._encoder.tokenizer, [question.question for question in questions])
        contexts = tokenize(self._encoder.tokenizer, [question.context for question in questions])
        windows = [self._windower.windows(i, contexts[i], asked[i].ids) for i in range(len(questions))]
        return list(zip(questions, contexts, windows, strict=True))

    def collate(self, items: Sequence[TrainingItem]) -> Batch:
        """The windows, padded, with `start_positions` and `end_positions`."""
        batch = self._encoder.padding.tensors([item.windows[0] for item in items])
        starts, ends = zip(*(item.target for item in items), strict=True)
        return {**batch, "start_positions": torch.tensor(starts), "end_positions": torch.tensor(ends)}

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean of the cross entropies of start and end over a window's input ids; transformers counts padding too."""
        inputs = {name: tensor for name, tensor in batch.items() if not name.endswith("_positions")}
        result, padding = run_with_head(model, inputs), batch["attention_mask"] == 0
        start, end = (
            cross_entropy(logits.float().masked_fill(padding, -torch.inf), batch[f"{side}_positions"])
            for side, logits in (("start", result.start_logits), ("end", result.end_logits))
        )
        return (start + end) / 2

    def outputs(self, model: nn.Module, examples: Sequence[Example], description: str) -> list[Any]:
        """For each question its best answers, and the score of "no answer" (the least of its windows)."""
        read = self._read(examples)
        every = [window for _, _, windows in read for window in windows]
        rows = iter(run_windows(model, every, self._encoder.padding, _start_and_end, description))
        return [self._search(*one, [next(rows) for _ in one[2]]) for one in read]

    def _search(
        self, question: Question, tokens: TokenizedText, windows: Sequence[Window], rows: list[NDArray[np.float32]]
    ) -> tuple[list[Candidate], float]:
        found = [
            candidate
            for window, row in zip(windows, rows, strict=True)
            for candidate in best_candidates(question.context, tokens.offsets, window, row, self._longest_answer)
        ]
        best: dict[str, Candidate] = {}
        for candidate in sorted(found, key=lambda candidate: (-candidate.score, candidate.start)):
            best.setdefault(candidate.text, candidate)
        return list(best.values())[: self._n_best], float(min(row[NULL].sum() for row in rows))

    def tune(self, outputs: Sequence[Any], dev: Sequence[Example]) -> float | None:
        """By how much "no answer" must beat the best answer, for the highest F1 on dev; None where all have one."""
        if not self._nullable:
            return None
        rows = []
        for (candidates, null), question in zip(outputs, dev, strict=True):
            assert isinstance(question, Question)
            gold = [answer.text for answer in question.answers]
            text, score = (candidates[0].text, candidates[0].score) if candidates else ("", -np.inf)
            rows.append((null - score, answer_f1(gold, text, self._articles), answer_f1(gold, "", self._articles)))
        return best_null_threshold(rows)

    def decide(self, outputs: Sequence[Any], examples: Sequence[Example], threshold: float | None) -> list[Predicted]:
        """The answer as `{"text", "start", "best": [...]}`; text "" and start null where there is none."""
        return [self._decide(candidates, null, threshold) for candidates, null in outputs]

    def _decide(self, candidates: Sequence[Candidate], null: float, threshold: float | None) -> Predicted:
        best = [{"text": one.text, "start": one.start, "score": round(one.score, 4)} for one in candidates]
        none = not candidates or (threshold is not None and null - candidates[0].score > threshold)
        text, start = ("", None) if none else (candidates[0].text, candidates[0].start)
        return {"text": text, "start": start, "best": best}


def _start_and_end(result: Any) -> torch.Tensor:
    return torch.stack([result.start_logits, result.end_logits], dim=-1)


def _token_range(answer: Answer, tokens: TokenizedText) -> tuple[int, int] | None:
    """First and last token that the answer touches."""
    end = answer.start + len(answer.text)
    touched = [i for i, (s, e) in enumerate(tokens.offsets) if s < end and e > answer.start and e > s]
    return (touched[0], touched[-1]) if touched else None


def _target(window: Window, place: tuple[int, int] | None) -> tuple[int, int]:
    if place is None or place[0] < window.start or place[1] >= window.end:
        return NULL, NULL
    shift = window.prefix - window.start
    return place[0] + shift, place[1] + shift
