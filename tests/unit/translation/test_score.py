import json

import pytest
import sacrebleu

from gmlm.config import ReferenceConfig, TranslatorScoreConfig
from gmlm.errors import DataFormatError
from gmlm.translation.parallel import read_reference
from gmlm.translation.score import corpus_scores, score_translator


@pytest.fixture
def run(make_run, tiny_translator):
    return make_run("translator-score", "tiny--unseen", inputs={"translator": tiny_translator})


def config(**reference):
    return TranslatorScoreConfig(decoding={"compute_type": "float32"}, reference=reference)


def test_outputs_are_aligned_and_scored_by_sacrebleu(run, tmp_path):
    sources = ["The woman has fever for 3 days.", "", "The child denies pain, fever, cough, nausea, pain, cough, " * 5]
    references = ["Die Frau hat seit 3 Tagen Fieber.", "", "Das Kind verneint alles."]
    (tmp_path / "a.en").write_text("\n".join(sources) + "\n")
    (tmp_path / "a.de").write_text("\n".join(references) + "\n")
    manifest = score_translator(config(source="a.en", target="a.de"), run)
    lines = [json.loads(line) for line in run.store.read(run.key("outputs.jsonl")).splitlines()]
    scores = json.loads(run.store.read(run.key("scores.json")))
    assert [line["source"] for line in lines] == sources or [line["source"].strip() for line in lines] == [
        source.strip() for source in sources
    ]
    outputs = [line["output"] for line in lines]
    assert outputs[1] == ""
    assert scores["bleu"] == sacrebleu.corpus_bleu(outputs, [references]).score == manifest.metrics["bleu"]
    assert scores["chrf"] == sacrebleu.corpus_chrf(outputs, [references]).score == manifest.metrics["chrf"]
    assert scores["segments"] == 3
    assert manifest.counters == {"in": 3, "out": 3, "rejected": 0}


def test_the_signatures_name_tokenizer_and_version(tmp_path):
    signatures = corpus_scores(["Fieber"], ["Fieber"])["signatures"]
    assert "tok:13a" in signatures["bleu"]
    assert "nc:6" in signatures["chrf"]
    assert f"version:{sacrebleu.__version__}" in signatures["bleu"]


def test_files_that_are_not_aligned_are_refused(run, tmp_path):
    (tmp_path / "a.en").write_text("one\ntwo\n")
    (tmp_path / "a.de").write_text("eins\n")
    with pytest.raises(DataFormatError, match=r"2 lines .* has 1"):
        score_translator(config(source="a.en", target="a.de"), run)


@pytest.mark.realdata
@pytest.mark.parametrize(("system", "bleu", "chrf"), [("bergamot-tiny", 39.08, 64.65), ("google", 44.49, 68.63)])
def test_published_systems_get_their_published_scores(real_data, system, bleu, chrf):
    sides = ReferenceConfig(source=f"flores-dev.{system}.de", target="flores-dev.de")
    pairs = read_reference(sides, real_data / "ende_flores")
    scores = corpus_scores([pair.en for pair in pairs], [pair.de for pair in pairs])
    assert round(scores["bleu"], 2) == bleu
    assert round(scores["chrf"], 2) == chrf
