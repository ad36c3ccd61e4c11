"""The stage `translator-score`: BLEU and chrF of a translator on parallel text, by sacrebleu (Post 2018)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU, CHRF

from gmlm.config import TranslatorScoreConfig
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.telemetry import progress
from gmlm.telemetry.metrics import observe_score
from gmlm.translation.batching import translate_lines
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.parallel import Pair, read_reference


def score_translator(config: TranslatorScoreConfig, run: StageRun) -> Manifest:
    """Translate the reference's English side, score the output, and publish `scores.json` and `outputs.jsonl`.

    Raises:
        DataFormatError: The two sides of the reference are not aligned.
    """
    pairs = read_reference(config.reference, run.study_folder)
    engine = open_engine(TranslationModel.of(run, run.inputs["translator"]), config.decoding)
    with progress("Score translator", total=len(pairs), unit="segment") as bar:
        outputs = translate_lines(engine, [pair.en for pair in pairs], config.decoding.batch_tokens, bar.advance)
    scores = corpus_scores(outputs, [pair.de for pair in pairs])
    _observe(run, scores)
    files = [
        run.write("scores.json", (json.dumps(scores, indent=2, sort_keys=True) + "\n").encode()),
        run.write("outputs.jsonl", _outputs(pairs, outputs), rows=len(pairs)),
    ]
    counters = {"in": len(pairs), "out": len(pairs), "rejected": 0}
    metrics = {"bleu": scores["bleu"], "chrf": scores["chrf"]}
    return run.publish("scores", config, files, counters=counters, metrics=metrics)


def _observe(run: StageRun, scores: dict[str, Any]) -> None:
    translator = run.inputs["translator"].name
    reference = run.name.removeprefix(f"{translator}--")
    for metric in ("bleu", "chrf"):
        observe_score(translator, f"translation/{reference}", metric, scores[metric])


def corpus_scores(outputs: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Corpus BLEU and chrF2 (0 to 100), the number of segments, and sacrebleu's signatures of both figures."""
    bleu, chrf = BLEU(), CHRF()
    scores = {
        "bleu": bleu.corpus_score(list(outputs), [list(references)]).score,
        "chrf": chrf.corpus_score(list(outputs), [list(references)]).score,
        "segments": len(references),
    }
    signatures = {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
    return {**scores, "signatures": signatures}


def _outputs(pairs: Sequence[Pair], outputs: Sequence[str]) -> bytes:
    lines = (
        {"source": pair.en, "reference": pair.de, "output": output} for pair, output in zip(pairs, outputs, strict=True)
    )
    return b"".join(json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n" for line in lines)
