"""A correction of CTranslate2's conversion of T5 models with an output layer of their own, such as MADLAD-400.

Since transformers 5 their configuration says `tie_word_embeddings` whatever the weights are; `scale_decoder_outputs`
tells whether the decoder's outputs are scaled. CTranslate2 4.8 still reads the former and scales all of them: greedy
outputs stay the same, but the scores that beams are compared by become too even.
"""

from __future__ import annotations

from typing import Any

from ctranslate2.converters.transformers import T5Loader, register_loader
from ctranslate2.specs import model_spec


@register_loader("T5Config")
class UnscaledT5Loader(T5Loader):  # type: ignore[misc]
    """T5's loader, which scales the decoder's outputs only where the model does."""

    def get_model_spec(self, model: Any) -> Any:
        """The weights in CTranslate2's form."""
        spec = super().get_model_spec(model)
        if not model.config.scale_decoder_outputs:
            spec.decoder.scale_outputs = model_spec.OPTIONAL
        return spec
