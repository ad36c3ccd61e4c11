from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertTokenizerFast

from gmlm.config import RecipeConfig, TokenizerConfig, TokenizerTraining
from gmlm.corpus.build import build_corpus
from gmlm.corpus.tokenizer import build_tokenizer
from gmlm.corpus.wordpiece import SPECIAL_TOKENS, train_wordpiece
from gmlm.errors import ConfigError, EmptyCorpusError, InputNotFoundError
from gmlm.manifest import Manifest

TEXTS = [
    "Die Herzinsuffizienz der Patientin besteht seit Jahren; Übelkeit und Größe unauffällig.",
    "Herzinsuffizienz NYHA III, Niereninsuffizienz, Übelkeit nach Café au lait. Temp. 38,5 °C ®.",
    "Arzt: Dr. Müller übernahm die Behandlung der Niereninsuffizienz.",
] * 4


@pytest.fixture
def corpus(make_run: Callable[..., object], make_documents: Callable[..., Manifest]) -> Manifest:
    """A corpus of all texts."""
    run = make_run("corpus", "de", inputs={"a": make_documents("a", TEXTS)})
    recipe = RecipeConfig(sources={"a": {}}, deduplicate="none", holdout_ratio=0, decontaminate=False)
    return build_corpus(recipe, run)


def trained(make_run, corpus, **training):
    run = make_run("tokenizer", "de", inputs={"corpus": corpus})
    config = TokenizerConfig(train=TokenizerTraining(corpus="de", **{"vocab_size": 260, **training}))
    made = build_tokenizer(config, run)
    return made, run.local_folder(made, "tokenizer")


def test_the_folder_is_what_auto_tokenizer_loads(make_run, corpus):
    made, folder = trained(make_run, corpus)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast
    assert len(tokenizer) == made.metrics["vocabulary"] == 260
    assert tokenizer.model_max_length == 512
    assert (
        tokenizer.convert_ids_to_tokens(range(5))
        == list(SPECIAL_TOKENS)
        == tokenizer.all_special_tokens[:0]
        + [
            tokenizer.pad_token,
            tokenizer.unk_token,
            tokenizer.cls_token,
            tokenizer.sep_token,
            tokenizer.mask_token,
        ]
    )


def test_pairs_are_laid_out_as_in_bert(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus)[1])
    pair = tokenizer("Übelkeit", "Arzt")
    first, second = tokenizer.tokenize("Übelkeit"), tokenizer.tokenize("Arzt")
    assert tokenizer.convert_ids_to_tokens(pair["input_ids"]) == ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    assert pair["token_type_ids"] == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def test_case_umlauts_and_accents_are_kept(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus)[1])
    text = "Übelkeit Größe Café Arzt"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    decomposed = "U\u0308belkeit Gro\u0308ße Cafe\u0301 Arzt"
    assert tokenizer(decomposed)["input_ids"] == tokenizer(text)["input_ids"]


def test_lower_case_is_folded_where_asked_and_umlauts_still_kept(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus, lowercase=True)[1])
    assert tokenizer.decode(tokenizer("ÜBELKEIT")["input_ids"], skip_special_tokens=True) == "übelkeit"


def test_frequent_words_are_whole_and_unknown_characters_unknown(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus, vocab_size=400)[1])
    assert tokenizer.tokenize("Niereninsuffizienz") == ["Niereninsuffizienz"]
    assert tokenizer.tokenize("Ж") == ["[UNK]"]


def test_special_tokens_in_text_are_recognised_and_word_pieces_are_not_special(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus)[1])
    assert "[MASK]" in tokenizer.tokenize("Die [MASK] der Patientin")
    assert "##e" not in tokenizer.tokenize("x ##e")


def test_encoding_agrees_with_transformers_own_bert_tokenizer(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus)[1])
    bert = BertTokenizerFast(vocab=tokenizer.get_vocab(), do_lower_case=False, strip_accents=False)
    for text in (*TEXTS, "Unbekanntes Wort: Ödem (links) -- 5mg/d, q.d. 10%"):
        assert tokenizer(text)["input_ids"] == bert(text)["input_ids"]


def test_equal_text_gives_an_equal_vocabulary_though_the_library_seeds_its_maps_at_random():
    symbols = [f"a{chr(code)}b" for code in range(0x2190, 0x2290)]
    vocabularies = [
        train_wordpiece(lambda: symbols, TokenizerTraining(corpus="x", vocab_size=900)).get_vocab() for _ in range(3)
    ]
    assert vocabularies[0] == vocabularies[1] == vocabularies[2]


def test_letters_digits_and_signs_of_units_are_known_even_if_the_corpus_lacks_them(make_run, corpus):
    tokenizer = AutoTokenizer.from_pretrained(trained(make_run, corpus)[1])
    assert tokenizer.unk_token_id not in tokenizer("5 µg/kg (bei 37,2 °C)? Xylometazolin, Öl, q4h")["input_ids"]


def test_a_vocabulary_smaller_than_the_alphabet_is_refused(make_run, corpus):
    with pytest.raises(ConfigError, match=r"vocab_size: 150 tokens cannot hold the \d+ single characters"):
        trained(make_run, corpus, vocab_size=150)


def test_an_empty_corpus_is_refused(make_run, make_documents):
    with pytest.raises(EmptyCorpusError, match="no document to train on"):
        trained(make_run, make_documents("empty", []))


def test_a_tokenizer_is_taken_from_a_local_folder_and_from_a_model_of_the_study(make_run, corpus, tmp_path):
    _, folder = trained(make_run, corpus)
    local = tmp_path / "model"
    AutoTokenizer.from_pretrained(folder).save_pretrained(local)
    run = make_run("tokenizer", "local")
    made = build_tokenizer(TokenizerConfig(model="model"), run)
    text = "Übelkeit der Patientin"
    expected = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(run.local_folder(made, "tokenizer"))(text)["input_ids"] == expected

    model_run = make_run("base-model", "gbert")
    model = model_run.publish("model", TokenizerConfig(model="model"), model_run.upload_folder(local, "model"))
    run = make_run("tokenizer", "of-model", inputs={"model": model})
    made = build_tokenizer(TokenizerConfig(model="gbert"), run)
    assert AutoTokenizer.from_pretrained(run.local_folder(made, "tokenizer"))(text)["input_ids"] == expected


def test_a_model_that_does_not_exist_is_named(make_run, tmp_path):
    (tmp_path / "empty").mkdir()
    for model in ("empty", "nobody/nothing"):
        with pytest.raises(InputNotFoundError, match=f"{Path(model).name}: no tokenizer found"):
            build_tokenizer(TokenizerConfig(model=model), make_run("tokenizer"))
