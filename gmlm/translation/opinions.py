"""Second opinions on translations by models: chrF of their translation back into English, and a learnt estimate.

Both are kept beside the score that needs no model, and enter neither it nor the flags: what they mean depends on the
models, so a recipe says which of the three it looks at, and from which value on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gmlm.config.paths import resolve_path
from gmlm.config.translation import QualityConfig, TranslateConfig
from gmlm.errors import ModelMismatchError
from gmlm.stage import StageRun
from gmlm.translation.batching import batches_by_length, fold, translate_lines
from gmlm.translation.engines import Engine, TranslationModel, open_engine
from gmlm.translation.quality import has_letters

BACK_CHRF, ESTIMATE = "back_chrf", "estimate"
"""Columns of the alignment, and keys of a document's metadata."""
BATCH_TOKENS = 4096
"""Tokens of the pairs that an estimator reads at once."""

Opinions = dict[str, list[float | None]]
"""One value for each segment by the name of the opinion; None where there was nothing to translate."""


class OpinionModels:
    """The models that a translation's `quality` names; each is loaded when it is first needed."""

    def __init__(self, config: TranslateConfig, run: StageRun) -> None:
        self._run, self._decoding = run, config.back_decoding or config.decoding
        quality = config.translation.quality or QualityConfig()
        self._estimator = Estimator(quality.estimator, run.study_folder) if quality.estimator else None
        asked = {BACK_CHRF: quality.back_translator, ESTIMATE: quality.estimator}
        self.names = [name for name, model in asked.items() if model is not None]

    @cached_property
    def back_engine(self) -> Engine:
        """The model of the translator back into English."""
        return open_engine(TranslationModel.of(self._run, self._run.inputs["back_translator"]), self._decoding, "de-en")

    def on(self, texts: Sequence[str], outputs: Sequence[str], back: Engine) -> Opinions:
        """The opinions on the outputs; `back` translates as `back_engine` does."""
        pairs = list(dict.fromkeys(_translated(texts, outputs)))
        found = dict[str, list[float]]()
        if BACK_CHRF in self.names:
            found[BACK_CHRF] = back_chrf(back, pairs, self._decoding.batch_tokens)
        if self._estimator is not None:
            found[ESTIMATE] = self._estimator.estimate(pairs)
        opinions = Opinions()
        for name, values in found.items():
            known = iter(_translated(texts, outputs))
            by_pair = dict(zip(pairs, values, strict=True))
            opinions[name] = [by_pair[next(known)] if has_letters(text) else None for text in texts]
        return opinions


def _translated(texts: Sequence[str], outputs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Folded source and output of each segment that had something to translate."""
    pairs = zip(texts, outputs, strict=True)
    return ((fold(text), output) for text, output in pairs if has_letters(text))


def back_chrf(engine: Engine, pairs: Sequence[tuple[str, str]], budget: int) -> list[float]:
    """chrF2 (Popović 2016), from 0 to 1, of the outputs' translation back against their sources.

    Args:
        engine: Translates German into English.
        pairs: Source and output.
        budget: Tokens of a batch, padding included.
    """
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    returned = translate_lines(engine, [target for _, target in pairs], budget, lambda count: None)
    scores = (
        metric.sentence_score(back, [source]).score / 100 for back, (source, _) in zip(returned, pairs, strict=True)
    )
    return [round(score, 4) for score in scores]


@dataclass(frozen=True)
class Estimator:
    """A regression model over pairs of source and translation, such as COMET without references (Rei et al. 2022).

    It is loaded as a sequence classifier with one output, from a local folder with safetensors weights.
    """

    model: str
    study_folder: Path

    def estimate(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The model's output for each pair of source and translation, cut to 0 to 1; long pairs are truncated.

        Raises:
            ModelMismatchError: The folder holds no such model.
        """
        import torch

        tokenizer, model, limit = self._loaded
        encoded = [tokenizer(*pair, truncation=True, max_length=limit)["input_ids"] for pair in pairs]
        found = [0.0] * len(pairs)
        for batch in batches_by_length([len(ids) for ids in encoded], BATCH_TOKENS):
            chosen = [pairs[position] for position in batch]
            inputs = tokenizer(
                [source for source, _ in chosen], [target for _, target in chosen],
                truncation=True, max_length=limit, padding=True, return_tensors="pt",
            )  # fmt: skip
            with torch.inference_mode():
                values = model(**inputs).logits[:, 0].float().clamp(0, 1).tolist()
            for position, value in zip(batch, values, strict=True):
                found[position] = round(value, 4)
        return found

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        folder = resolve_path(self.model, self.study_folder)
        fix = "give the folder of a sequence classifier with one label and safetensors weights"
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            ).eval()
        except (OSError, ValueError):
            raise ModelMismatchError("no estimator of translations", where=str(folder), fix=fix) from None
        if model.config.num_labels != 1:
            what = f"a classifier with {model.config.num_labels} labels is no estimator"
            raise ModelMismatchError(what, where=str(folder), fix=fix)
        positions = int(getattr(model.config, "max_position_embeddings", 512))
        return tokenizer, model, min(512, int(tokenizer.model_max_length), positions)
