"""Source tokens/s of translation by gmlm's engine, beside transformers' generate in fp32, with the same model and beam.

Two models. A Marian of base size with random weights, whose outputs are as long as their sources allow, tells speed; a
small one trained on the demo's parallel text tells the loss of int8 in BLEU. The figure is the lesser of the ratios to
the goals (7 greedy, 9 with 4 beams) against generate in file order, both in batches of the same size.

`--folder F --minutes M` stops after M minutes behind a finished round; called again, it goes on from what F holds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from record import finish
from transformers import MarianMTModel, MarianTokenizer
from translation_material import base_model, demo_pairs, sentences, small_model
from translation_stage import stage_beside_engine

from gmlm.config import DecodingConfig
from gmlm.translation.batching import translate_segments
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.parallel import Pair
from gmlm.translation.score import corpus_scores

GOALS = {1: 7.0, 4: 9.0}
ROUNDS = 3
BATCH = 16
"""Sentences of a batch of generate: where its speed per CPU-second has levelled off."""
GROWTH = 1.1
"""Output tokens per source token of the longest sentence of a batch: the median of medical text."""
Ways = Mapping[str, Callable[[], object]]
"""What is timed in each round, by name."""


class OutOfTimeError(Exception):
    """The minutes of this call are over; what was measured is kept."""


@dataclass
class Samples:
    """CPU seconds of each way in each round, kept in a file between calls."""

    path: Path
    until: float
    taken: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.taken = json.loads(self.path.read_text())

    def medians(self, name: str, ways: Callable[[], Ways]) -> dict[str, float]:
        """Median CPU seconds of each way over interleaved rounds.

        Raises:
            OutOfTimeError: No time is left for the next round.
        """
        found = self.taken.setdefault(name, {})
        made: Ways | None = None
        while min(map(len, found.values()), default=0) < ROUNDS:
            if time.monotonic() > self.until:
                raise OutOfTimeError
            made = made or ways()
            timed = {way: _seconds(work) for way, work in made.items()}
            for way, value in timed.items():
                found.setdefault(way, []).append(value)
            self.path.write_text(json.dumps(self.taken, indent=1))
            print(name, {way: round(value, 2) for way, value in timed.items()}, flush=True)
        return {way: statistics.median(values) for way, values in found.items()}


def _seconds(work: Callable[[], object]) -> float:
    """CPU time of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def generate(
    model: MarianMTModel, tokenizer: MarianTokenizer, texts: Sequence[str], beam: int, limit: bool
) -> list[str]:
    """What a user of transformers writes: batches in the order given, padded."""
    outputs = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(list(texts[start : start + BATCH]), return_tensors="pt", padding=True)
        longest = int(GROWTH * batch["input_ids"].shape[1]) if limit else 2 * tokenizer.model_max_length
        with torch.inference_mode():
            ids = model.generate(**batch, num_beams=beam, do_sample=False, max_new_tokens=longest)
        outputs += tokenizer.batch_decode(ids, skip_special_tokens=True)
    return outputs


def ours(engine: object, texts: Sequence[str], limit: bool, *, in_order: bool = False) -> list[str]:
    """Gmlm's engine: batches by length, or (in_order) the very batches of generate."""
    ordered = texts if in_order else sorted(texts, key=lambda text: -engine.lengths([text])[0])
    groups = [list(ordered[start : start + BATCH]) for start in range(0, len(ordered), BATCH)]
    found: dict[str, str] = {}
    vocabulary = engine._vocabulary
    whole = vocabulary.target_limit
    for group in groups:
        vocabulary.target_limit = int(GROWTH * max(engine.lengths(group))) if limit else whole
        found.update(zip(group, engine.translate(group), strict=True))
    vocabulary.target_limit = whole
    return [found[text] for text in texts]


def _ways(folder: Path, texts: Sequence[str], beam: int, limit: bool) -> Ways:
    tokenizer = MarianTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder).eval()
    engines = {kind: _engine(folder, beam, kind) for kind in ("int8", "float32")}
    by_length = sorted(texts, key=lambda text: -len(tokenizer(text)["input_ids"]))
    for engine in engines.values():  # the first batch initialises libraries
        engine.translate(texts[:2])
    generate(model, tokenizer, texts[:2], beam, limit)
    return {
        "generate fp32, file order": lambda: generate(model, tokenizer, texts, beam, limit),
        "generate fp32, by length": lambda: generate(model, tokenizer, by_length, beam, limit),
        "int8, by length": lambda: ours(engines["int8"], texts, limit),
        "float32, by length": lambda: ours(engines["float32"], texts, limit),
        "int8, file order": lambda: ours(engines["int8"], texts, limit, in_order=True),
    }


def _engine(folder: Path, beam: int, kind: str) -> object:
    decoding = DecodingConfig(beam_size=beam, device="cpu", compute_type=kind)
    return open_engine(
        TranslationModel(folder, folder.name + str((folder / "config.json").stat().st_mtime_ns)), decoding
    )


def compare(
    name: str, folder: Path, texts: Sequence[str], beam: int, samples: Samples, *, limit: bool
) -> dict[str, float]:
    """Source tokens per CPU-second of each way, and their ratios."""
    medians = samples.medians(name, lambda: _ways(folder, texts, beam, limit))
    tokens = sum(len(ids) for ids in MarianTokenizer.from_pretrained(folder)(list(texts))["input_ids"])
    rates = {way: tokens / value for way, value in medians.items()}
    return {f"{name}: {way}": rate for way, rate in rates.items()} | {
        f"{name}: ratio to generate in file order": rates["int8, by length"] / rates["generate fp32, file order"],
        f"{name}: ratio to generate by length": rates["int8, by length"] / rates["generate fp32, by length"],
        f"{name}: ratio at equal order": rates["int8, file order"] / rates["generate fp32, file order"],
    }


def quality(folder: Path, pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU of the trained model on pairs that it has not seen, in fp32 and int8."""
    found = {}
    for beam in GOALS:
        for kind in ("float32", "int8"):
            outputs = translate_segments(_engine(folder, beam, kind), [pair.en for pair in pairs], 4096, lambda _: None)
            found[f"BLEU, beam {beam}: {kind}"] = corpus_scores(outputs, [pair.de for pair in pairs])["bleu"]
        exact, rounded = (found[f"BLEU, beam {beam}: {kind}"] for kind in ("float32", "int8"))
        found[f"BLEU lost by int8, beam {beam}"] = exact - rounded
    return found


def measure(root: Path, samples: Samples, count: int, steps: int) -> dict[str, float]:
    """All figures; what was measured before is taken from `samples`."""
    known, held_out = demo_pairs(root)
    large = base_model(root, known)
    texts = sentences([*held_out, *known], MarianTokenizer.from_pretrained(large), count, seed=13)
    figures: dict[str, float] = {}
    for beam in GOALS:
        figures |= compare(f"base, beam {beam}", large, texts, beam, samples, limit=True)
    with tempfile.TemporaryDirectory() as scratch:
        medians = samples.medians("stage", lambda: stage_beside_engine(large, Path(scratch), texts))
    figures["stage over engine"] = medians["stage"] / medians["engine"]
    trained = small_model(root, known, steps)
    for beam in GOALS:
        sources = [pair.en for pair in held_out]
        figures |= compare(f"small, beam {beam}", trained, sources, beam, samples, limit=False)
    return figures | quality(trained, held_out)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=96)
    parser.add_argument("--steps", type=int, default=600, help="training of the small model")
    parser.add_argument("--folder", type=Path, help="keeps models and what was measured")
    parser.add_argument("--minutes", type=float, default=1e9, help="no round begins later than this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        samples = Samples(root / "samples.json", time.monotonic() + 60 * arguments.minutes)
        try:
            figures = measure(root, samples, arguments.sentences, arguments.steps)
        except OutOfTimeError:
            print("not finished: call again with the same folder")
            return
    reached = [figures[f"base, beam {beam}: ratio to generate in file order"] / goal for beam, goal in GOALS.items()]
    settings = {"rounds": ROUNDS, "batch": BATCH, "threads": 1, "sentences": arguments.sentences, "goals": GOALS}
    finish("translation", figure=min(reached), goal=1.0, figures=figures, settings=settings)


if __name__ == "__main__":
    main()
