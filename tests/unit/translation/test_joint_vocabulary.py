import json

import pytest
import sentencepiece
from transformers import AutoTokenizer

from gmlm.errors import DataFormatError
from gmlm.translation.joint_vocabulary import train_vocabulary, write_tokenizer
from gmlm.translation.parallel import Pair

PAIRS = [Pair(f"The patient has {n} fevers.", f"Der Patient hat {n} Übel.") for n in range(40)]


def test_numbering_is_marians(tmp_path):
    train_vocabulary(PAIRS, 60, tmp_path)
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    assert vocabulary["</s>"] == 0
    assert vocabulary["<unk>"] == 1
    assert vocabulary["<pad>"] == len(vocabulary) - 1
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert len(vocabulary) <= 60


def test_equal_pairs_give_equal_bytes_without_a_path(tmp_path):
    for name in ("a", "b"):
        train_vocabulary(PAIRS, 60, tmp_path / name)
    for name in ("source.spm", "target.spm", "vocab.json"):
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()
        assert str(tmp_path).encode() not in data


def test_transformers_loads_the_folder_and_gives_the_text_back(tmp_path):
    train_vocabulary(PAIRS, 60, tmp_path / "vocabulary")
    write_tokenizer(tmp_path / "vocabulary", tmp_path / "model", 17)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = tokenizer("The patient has 12 fevers.")["input_ids"]
    assert tokenizer.model_max_length == 17
    assert ids[-1] == tokenizer.eos_token_id == 0
    assert tokenizer.decode(ids, skip_special_tokens=True) == "The patient has 12 fevers."


def test_digits_are_tokens_of_their_own(tmp_path):
    train_vocabulary([Pair("dose 1234 mg", "Dosis 1234 mg")] * 50, 50, tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(str(tmp_path / "source.spm")).encode("1234", out_type=str)
    assert [piece for piece in pieces if piece != "▁"][-4:] in (["1", "2", "3", "4"], ["▁1", "2", "3", "4"])


def test_a_vocabulary_smaller_than_the_alphabet_is_explained(tmp_path):
    varied = [Pair("".join(map(chr, range(0x4E00, 0x4F00))), "x")]
    with pytest.raises(DataFormatError, match="no vocabulary of 110 tokens"):
        train_vocabulary(varied, 110, tmp_path)
