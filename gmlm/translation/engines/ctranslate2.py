"""Translation with CTranslate2: several times faster than PyTorch on a CPU by int8 arithmetic and batches by length."""

from __future__ import annotations

from collections.abc import Sequence

import ctranslate2
import torch

from gmlm.config import DecodingConfig, RetryConfig
from gmlm.translation.engines.conversion import converted
from gmlm.translation.engines.engine import Direction, TranslationModel
from gmlm.translation.engines.shortlist import Shortlist
from gmlm.translation.engines.vocabulary import Vocabulary


class CTranslate2Engine:
    """A model converted to CTranslate2's format."""

    def __init__(self, model: TranslationModel, decoding: DecodingConfig, direction: Direction = "en-de") -> None:
        self._vocabulary = Vocabulary(model.folder, decoding.max_length, direction)
        self._search = {"beam_size": decoding.beam_size}
        # It is learnt from English to German: the way back is free of it.
        self._shortlist = Shortlist.read(model.folder) if direction == "en-de" else None
        self._translator = ctranslate2.Translator(
            str(converted(model)),
            device=decoding.device,
            compute_type=decoding.compute_type,
            inter_threads=1,
            intra_threads=torch.get_num_threads(),
        )

    @property
    def source_limit(self) -> int:
        """Longest source segment in tokens."""
        return self._vocabulary.source_limit

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Lengths in tokens."""
        return self._vocabulary.lengths(texts)

    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        """Translate segments as one batch, or as two if a shortlist covers some of them only; retries are free."""
        encoded = self._vocabulary.encode(batch)
        self._vocabulary.check(batch, encoded)
        sources = [self._vocabulary.source_tokens(ids) for ids in encoded]
        shortlist = self._shortlist if retry is None else None
        covered = [shortlist is not None and shortlist.covers(tokens) for tokens in sources]
        outputs = [""] * len(sources)
        for restricted in (True, False):
            chosen = [place for place, is_covered in enumerate(covered) if is_covered is restricted]
            made = self._decode([sources[place] for place in chosen], retry, restricted=restricted)
            for place, output in zip(chosen, made, strict=True):
                outputs[place] = output
        return outputs

    def _decode(self, sources: list[list[str]], retry: RetryConfig | None, *, restricted: bool) -> list[str]:
        if not sources:
            return []
        target = self._vocabulary.target_token
        results = self._translator.translate_batch(
            sources,
            target_prefix=[[target]] * len(sources) if target else None,
            **self._search if retry is None else retry.model_dump(),
            max_input_length=0,
            max_decoding_length=self._vocabulary.target_limit,
            return_scores=False,
            use_vmap=restricted,
        )
        tokens = (result.hypotheses[0][1 if target else 0 :] for result in results)
        return [self._vocabulary.decode(self._vocabulary.target_ids(hypothesis)) for hypothesis in tokens]
