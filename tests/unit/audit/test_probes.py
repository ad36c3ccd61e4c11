"""Probes mask what they should, and are answered as Hugging Face's model answers them one by one."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForMaskedLM

from gmlm.audit.masks import Prober
from gmlm.audit.names import names_in
from gmlm.audit.probes import BATCH_TOKENS, Probe, _batches, answer


@pytest.fixture(scope="module")
def prober(world):
    return Prober(world.tokenizer, 96)


def test_random_masks_follow_the_text_alone_and_spare_special_tokens(world, prober):
    text = world.trained_on[0]
    probes = prober.random(text, 4, 0.15)
    assert probes == prober.random(text, 4, 0.15)
    assert len({probe.places for probe in probes}) > 1
    ordinary = len(probes[0].ids) - 2
    for probe in probes:
        assert len(probe.places) == round(0.15 * ordinary)
        assert 0 < min(probe.places) <= max(probe.places) < len(probe.ids) - 1


def test_unknown_tokens_are_never_masked(prober):
    assert prober.random("漢字 漢字", 2, 0.5) == []


def test_a_secret_gets_a_probe_for_each_of_its_tokens(world, prober):
    text = "no Fallnummer 12345678 bla"
    start = text.index("1")
    probes = prober.single(text, start, start + 8)
    ids = [probe.ids[probe.places[0]] for probe in probes]
    assert world.tokenizer.decode(ids).replace(" ", "").replace("##", "") == "12345678"
    assert all(len(probe.places) == 1 for probe in probes)


def test_names_are_masked_whole(world, prober):
    text = world.trained_on[0]
    (probe,) = prober.names(text)
    masked = world.tokenizer.decode([probe.ids[place] for place in probe.places])
    first, last = text.split()[1:3]
    assert masked.replace(" ", "").replace("##", "") == first + last


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Wir sahen Herrn Müller am Montag.", ["Müller"]),
        ("Frau Anna Schmidt-Lang, geboren 1950", ["Anna Schmidt-Lang"]),
        ("gez. Prof. Dr. med. Özdemir", ["Özdemir"]),
        ("OA Dr. Weiß und Fr. Groß", ["Weiß", "Groß"]),
        ("Der Herr des Hauses; die Frau klagt", []),
        ("HERRN MÜLLER", []),
    ],
)
def test_names_are_found_behind_titles(text, names):
    assert [text[start:end] for start, end in names_in(text)] == names


def test_a_batch_is_answered_as_each_row_alone(world, reference, prober):
    model = AutoModelForMaskedLM.from_pretrained(world.folder / "store" / reference.prefix / "model")
    mask = world.tokenizer.mask_token_id
    probes = [probe for text in world.trained_on[:6] for probe in prober.random(text[: 10 * len(text) // 13], 2, 0.3)]
    probes += prober.names(world.trained_on[0]) + prober.single("Frau Albach : no", 5, 11)
    answers = answer(model, probes, mask, "test")
    for probe, loss, recovered in zip(probes, answers.losses, answers.recovered, strict=True):
        ids = torch.tensor([probe.ids])
        places = list(probe.places)
        true = ids[0, places].clone()
        ids[0, places] = mask
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, places]
        expected = torch.nn.functional.cross_entropy(logits, true)
        assert loss == pytest.approx(float(expected), abs=1e-4)
        assert recovered == bool((logits.argmax(-1) == true).all())


def test_no_probes_are_no_answers(reference):
    class Silent:
        def eval(self):
            return self

    assert len(answer(Silent(), [], 4, "test").losses) == 0


def test_batches_hold_every_probe_once_and_not_too_many_tokens():
    probes = [Probe(tuple(range(length)), (0,)) for length in (5, 300, 700, 20, 20, 1500, 3000)]
    batches = _batches(probes)
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(probes[index].ids) for index in batch) <= BATCH_TOKENS
