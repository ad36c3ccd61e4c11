"""Conversion of FSMT, the port of fairseq's WMT19 models (Ng et al. 2019), for which CTranslate2 has no loader.

The layers are those of BART without a norm after the embeddings, with sinusoidal positions and two vocabularies. Tokens
are named by their numbers, so that neither vocabulary nor its tokenizer is needed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctranslate2.converters.converter import Converter
from ctranslate2.converters.transformers import _SUPPORTED_ACTIVATIONS, BartLoader
from ctranslate2.specs import transformer_spec

MODEL_TYPE = "fsmt"
"""The architecture's name in transformers."""


class FsmtConverter(Converter):  # type: ignore[misc]
    """Converts a folder with an FSMT model and safetensors weights."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _load(self) -> Any:
        from transformers import FSMTForConditionalGeneration

        model = FSMTForConditionalGeneration.from_pretrained(self._folder, use_safetensors=True)
        spec = _FsmtLoader().get_model_spec(model)
        config = model.config
        spec.register_source_vocabulary([str(number) for number in range(config.src_vocab_size)])
        spec.register_target_vocabulary([str(number) for number in range(config.tgt_vocab_size)])
        spec.config.bos_token, spec.config.eos_token = str(config.bos_token_id), str(config.eos_token_id)
        spec.config.unk_token = UNKNOWN
        spec.config.decoder_start_token = str(config.decoder_start_token_id)
        return spec


UNKNOWN = "3"
"""Number of the unknown token in fairseq's dictionaries, behind <s>, <pad> and </s>."""


class _FsmtLoader(BartLoader):  # type: ignore[misc]
    """Takes the weights from where FSMT keeps them."""

    def get_model_spec(self, model: Any) -> Any:
        config = model.config
        spec = transformer_spec.TransformerSpec.from_config(
            (config.encoder_layers, config.decoder_layers),
            config.encoder_attention_heads,
            pre_norm=False,
            activation=_SUPPORTED_ACTIVATIONS[config.activation_function],
        )
        self.set_encoder(spec.encoder, model.model.encoder)
        self.set_decoder(spec.decoder, model.model.decoder)
        self.set_linear(spec.decoder.projection, model.model.decoder.output_projection)
        return spec

    def set_position_encodings(self, spec: Any, module: Any) -> None:
        """Positions begin behind that of padding."""
        spec.encodings = module.weight[module.padding_idx + 1 :]
