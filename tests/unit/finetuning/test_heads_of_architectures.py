"""An architecture for which transformers has no head of a kind is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification, EuroBertConfig, EuroBertModel

from gmlm.errors import ModelMismatchError
from gmlm.finetuning.objective import Encoder

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def test_eurobert_answers_no_questions_but_labels_tokens(tmp_path: Path) -> None:
    config = EuroBertConfig(
        vocab_size=30, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0
    )
    EuroBertModel(config).save_pretrained(tmp_path)
    encoder = Encoder(tmp_path, None, 64, False)
    assert encoder.with_head(AutoModelForTokenClassification, num_labels=2) is not None
    with pytest.raises(ModelMismatchError, match="no ModelForQuestionAnswering of the kind 'eurobert'"):
        encoder.with_head(AutoModelForQuestionAnswering)
