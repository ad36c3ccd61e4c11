"""The last layer of an encoder at some places of a stream only, such as those to predict.

All that a loss at these places needs of the others is their keys and values. With 15 % of the tokens masked, the layer
costs a third of what it costs at every token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch

from gmlm.training.attention import attend
from gmlm.training.recomputation import call_layer
from gmlm.training.stand_ins import forward_of
from gmlm.training.stream import Documents


def last_layer_at(model: Any, places: torch.Tensor | None) -> AbstractContextManager[None]:
    """For the time of a call the encoder's last layer, and so the encoder, gives the states at these places alone."""
    if places is None:
        return nullcontext()
    layer, forward = _layers(model.base_model)[-1], _FORWARD[model.config.model_type]
    return forward_of(layer, partial(call_layer, layer, partial(forward, layer, places)))


def _layers(encoder: Any) -> Any:
    return encoder.layers if hasattr(encoder, "layers") else encoder.encoder.layer


def _bert(layer: Any, places: torch.Tensor, hidden: torch.Tensor, *_: Any, documents: Documents, **__: Any) -> Any:
    """A layer of BERT or its kin: hidden states (1, tokens, hidden size) to those of the places."""
    states, attention = hidden[0], layer.attention.self
    chosen = states[places]
    projected = attention.query(chosen), attention.key(states), attention.value(states)
    query, key, value = (part.unflatten(1, (-1, attention.attention_head_size)) for part in projected)
    share = attention.dropout.p if attention.training else 0.0
    context = attend(query, key, value, documents, wanted=documents.at(places), share=share)
    return layer.feed_forward_chunk(layer.attention.output(context.flatten(1), chosen))[None]


def _modernbert(layer: Any, places: torch.Tensor, hidden: torch.Tensor, **given: Any) -> Any:
    """A layer of ModernBERT, whose projection gives queries, keys and values at once."""
    attended, _ = layer.attn(layer.attn_norm(hidden), **given)
    chosen = (hidden + attended)[:, places]
    return chosen + layer.mlp(layer.mlp_norm(chosen))


def _eurobert(layer: Any, places: torch.Tensor, hidden: torch.Tensor, **given: Any) -> Any:
    """A layer of EuroBERT, whose queries are turned by their positions."""
    attended, _ = layer.self_attn(hidden_states=layer.input_layernorm(hidden), **given)
    chosen = (hidden + attended)[:, places]
    return chosen + layer.mlp(layer.post_attention_layernorm(chosen))


_FORWARD: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), _bert),
    "modernbert": _modernbert,
    "eurobert": _eurobert,
}
"""By model type in transformers; DeBERTa-v2 runs layer by layer anyway."""
