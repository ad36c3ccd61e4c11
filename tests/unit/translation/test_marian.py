import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from gmlm.translation.length_batches import TokenPair, collate
from gmlm.translation.marian import translation_loss


@pytest.fixture
def model(tiny_folder):
    return AutoModelForSeq2SeqLM.from_pretrained(tiny_folder).eval()


def test_the_loss_is_that_of_transformers_but_for_padding_as_a_class(model):
    pad = model.config.pad_token_id
    batch = collate([TokenPair([5, 6, 0], [7, 8, 9, 0]), TokenPair([5, 0], [7, 0])], pad)
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"])
        without = logits.logits.clone()
        without[..., pad] = -torch.inf
        expected = cross_entropy(without.flatten(0, 1), batch["labels"].flatten())
        assert torch.allclose(translation_loss(pad, 0.0)(model, batch), expected)


def test_padding_stays_the_zero_vector_that_decoding_starts_from(model):
    assert not model.get_input_embeddings().weight[model.config.pad_token_id].any()


def test_embeddings_are_shared(model):
    weight = model.get_input_embeddings().weight
    assert model.lm_head.weight.data_ptr() == weight.data_ptr()
    assert model.model.decoder.embed_tokens.weight.data_ptr() == weight.data_ptr()


def test_decoding_settings_are_kept_apart_from_the_configuration(tiny_folder):
    assert (tiny_folder / "generation_config.json").exists()
    assert "num_beams" not in (tiny_folder / "config.json").read_text()


def test_a_segment_may_be_as_long_as_the_longest_trained_on(tiny_folder, model):
    assert 8 <= AutoTokenizer.from_pretrained(tiny_folder).model_max_length <= model.config.max_position_embeddings // 2
