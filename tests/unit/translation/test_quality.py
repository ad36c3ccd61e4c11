import pytest

from gmlm.translation.quality import FLAGS, LengthLimits, flags_of, has_letters

LIMITS = LengthLimits(0.4, 2.5)
SENTENCE = "The patient was treated with aspirin for five days."


def flags(source, target):
    return flags_of(source, target, LIMITS)


def test_a_good_translation_has_no_flag():
    assert flags(SENTENCE, "Der Patient wurde fünf Tage lang mit Aspirin behandelt.") == []


@pytest.mark.parametrize("target", ["", " \n"])
def test_empty_output(target):
    assert flags(SENTENCE, target) == ["empty"]


def test_an_untranslated_copy():
    assert flags(SENTENCE, SENTENCE) == ["copy"]
    assert "copy" in flags(SENTENCE, SENTENCE.replace("The", "Die"))


def test_short_segments_may_stay_as_they_are():
    assert flags("Aspirin 81 mg", "Aspirin 81 mg") == []
    assert flags("Hypertension", "arterielle Hypertonie bekannt seit Jahren") == []


@pytest.mark.parametrize("target", ["Der Patient.", " ".join(f"wort{n}" for n in range(30))])
def test_lengths_outside_the_limits(target):
    assert flags(SENTENCE, target) == ["length"]


@pytest.mark.parametrize("loop", ["und " * 6, "mit der Frau " * 5])
def test_a_decoder_in_a_loop(loop):
    assert "repetition" in flags(SENTENCE, f"Der Patient wurde {loop}")


def test_repetition_in_the_source_is_no_fault():
    assert flags("no no no no", "nein nein nein nein") == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("2.5 mg", "2,5 mg"),
        ("1,000 cells", "1.000 Zellen"),
        ("given 3 times", "dreimal, also drei Mal, gegeben"),
        ("5 mg and 5 ml", "5 mg und 5 ml"),
    ],
)
def test_numbers_that_are_kept(source, target):
    assert flags(source, target) == []


@pytest.mark.parametrize(
    ("source", "target"), [("2.5 mg", "25,5 mg"), ("81 mg", "Aspirin"), ("5 mg and 5 ml", "5 mg"), ("120/80", "120")]
)
def test_numbers_that_are_lost(source, target):
    assert flags(source, target) == ["numbers"]


def test_flags_come_in_a_fixed_order():
    found = flags("The dose of 5 mg was given to the patient", "The dose of was given to the patient " * 4)
    assert found == [flag for flag in FLAGS if flag in found]
    assert len(found) > 1


@pytest.mark.parametrize(
    ("text", "expected"), [("120/80", False), ("[**Name 12**]", False), ("---", False), ("µg", True)]
)
def test_what_has_letters(text, expected):
    assert has_letters(text) is expected
