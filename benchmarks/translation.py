"""Source tokens/s of translation by gmlm's engine, beside transformers' generate in fp32, with the same model and beam.

Two models. A Marian of base size with random weights, whose outputs are as long as their sources allow, tells speed; a
small one trained on the demo's parallel text tells what int8 and a shortlist lose in BLEU. The figure is the lesser of
the ratios to the goals (7 greedy, 9 with 4 beams) against generate in file order, both in batches of the same size, of
int8 with a shortlist; int8 alone, which is the default, stands beside it.

`--folder F --minutes M` stops after M minutes behind a finished round; called again, it goes on from what F holds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from record import finish
from transformers import MarianMTModel, MarianTokenizer
from translation_material import (
    LISTED,
    VOCABULARY,
    base_model,
    demo_pairs,
    sentences,
    small_model,
    with_shortlist,
    write_fixed_shortlist,
)
from translation_stage import stage_beside_engine

from gmlm.config import DecodingConfig
from gmlm.config.translation import ShortlistConfig
from gmlm.translation.batching import translate_segments
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.engines.shortlist import SHORTLIST_FILE
from gmlm.translation.parallel import Pair
from gmlm.translation.score import corpus_scores
from gmlm.translation.shortlist import write_shortlist

GOALS = {1: 7.0, 4: 9.0}
ROUNDS = 3
BATCH = 16
"""Sentences of a batch of generate: where its speed per CPU-second has levelled off."""
GROWTH = 1.1
"""Output tokens per source token of the longest sentence of a batch: the median of medical text."""
BEST = "int8 and shortlist"
"""What the figure is taken of; beside it stands the platform's default, int8 alone."""
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
    lengths = dict(zip(texts, engine.lengths(texts), strict=True))
    ordered = texts if in_order else sorted(texts, key=lambda text: -lengths[text])
    groups = [list(ordered[start : start + BATCH]) for start in range(0, len(ordered), BATCH)]
    found: dict[str, str] = {}
    vocabulary = engine._vocabulary
    whole = vocabulary.target_limit
    for group in groups:
        vocabulary.target_limit = int(GROWTH * max(lengths[text] for text in group)) if limit else whole
        found.update(zip(group, engine.translate(group), strict=True))
    vocabulary.target_limit = whole
    return [found[text] for text in texts]


def _ways(folder: Path, listed: Path, texts: Sequence[str], beam: int, limit: bool) -> Ways:
    tokenizer = MarianTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder).eval()
    free, restricted = _engine(folder, beam, "int8"), _engine(listed, beam, "int8")
    by_length = sorted(texts, key=lambda text: -len(tokenizer(text)["input_ids"]))
    for engine in (free, restricted):  # the first batch initialises libraries
        engine.translate(texts[:2])
    generate(model, tokenizer, texts[:2], beam, limit)
    return {
        "generate fp32, file order": lambda: generate(model, tokenizer, texts, beam, limit),
        "generate fp32, by length": lambda: generate(model, tokenizer, by_length, beam, limit),
        "int8, by length": lambda: ours(free, texts, limit),
        "int8, file order": lambda: ours(free, texts, limit, in_order=True),
        "int8 and shortlist, by length": lambda: ours(restricted, texts, limit),
        "int8 and shortlist, file order": lambda: ours(restricted, texts, limit, in_order=True),
    }


def _engine(folder: Path, beam: int, kind: str) -> object:
    decoding = DecodingConfig(beam_size=beam, device="cpu", compute_type=kind)
    identity = f"{folder.name}{(folder / 'config.json').stat().st_mtime_ns}"
    return open_engine(TranslationModel(folder, identity), decoding)


def compare(
    name: str, folder: Path, listed: Path, texts: Sequence[str], beam: int, samples: Samples, *, limit: bool
) -> dict[str, float]:
    """Source tokens per CPU-second of each way, and their ratios."""
    medians = samples.medians(name, lambda: _ways(folder, listed, texts, beam, limit))
    tokens = sum(len(ids) for ids in MarianTokenizer.from_pretrained(folder)(list(texts))["input_ids"])
    rates = {way: tokens / value for way, value in medians.items()}
    figures = {f"{name}: {way}": rate for way, rate in rates.items()}
    for kind in ("int8", "int8 and shortlist"):
        figures |= {
            f"{name}: {kind}: ratio to generate in file order": rates[f"{kind}, by length"]
            / rates["generate fp32, file order"],
            f"{name}: {kind}: ratio to generate by length": rates[f"{kind}, by length"]
            / rates["generate fp32, by length"],
            f"{name}: {kind}: ratio at equal order": rates[f"{kind}, file order"] / rates["generate fp32, file order"],
        }
    return figures


def quality(folder: Path, listed: Path, pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU of the trained model on pairs that it has not seen: in fp32, in int8, and with a shortlist."""
    found = {}
    settings = {"float32": (folder, "float32"), "int8": (folder, "int8"), "int8 and shortlist": (listed, "int8")}
    for beam in GOALS:
        bleu = {}
        for name, (model, kind) in settings.items():
            outputs = translate_segments(_engine(model, beam, kind), [pair.en for pair in pairs], 4096, lambda _: None)
            bleu[name] = corpus_scores(outputs, [pair.de for pair in pairs])["bleu"]
        found |= {f"BLEU, beam {beam}: {name}": value for name, value in bleu.items()}
        lost = {name: bleu["float32"] - value for name, value in bleu.items() if name != "float32"}
        found |= {f"BLEU lost by {name}, beam {beam}": value for name, value in lost.items()}
    return found


def allowed(listed: Path, texts: Sequence[str]) -> dict[str, float]:
    """How many output tokens the small model's shortlist leaves to batches by length, and segments that it covers."""
    lines = (listed / SHORTLIST_FILE).read_text(encoding="utf-8").split("\n")
    found = {key: values.split(" ") for key, _, values in (line.partition("\t") for line in lines[:-1])}
    tokenizer = MarianTokenizer.from_pretrained(listed)
    sources = sorted((tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]) for text in texts), key=len)
    covered = [tokens for tokens in sources if found.keys() >= set(tokens)]
    batches = [covered[start : start + BATCH] for start in range(0, len(covered), BATCH)]
    sizes = [len({each for tokens in batch for token in ["", *tokens] for each in found[token]}) for batch in batches]
    return {
        "small: vocabulary": float(len(tokenizer)),
        "small: output tokens a batch under the shortlist": statistics.mean(sizes),
        "small: share of segments that the shortlist covers": len(covered) / len(sources),
    }


def measure(root: Path, samples: Samples, count: int, steps: int) -> dict[str, float]:
    """All figures; what was measured before is taken from `samples`."""
    known, held_out = demo_pairs(root)
    large = base_model(root, known)
    listed = with_shortlist(large, write_fixed_shortlist)
    texts = sentences([*held_out, *known], MarianTokenizer.from_pretrained(large), count, seed=13)
    figures: dict[str, float] = {}
    for beam in GOALS:
        figures |= compare(f"base, beam {beam}", large, listed, texts, beam, samples, limit=True)
    with tempfile.TemporaryDirectory() as scratch:
        medians = samples.medians("stage", lambda: stage_beside_engine(large, Path(scratch), texts))
    figures["stage over engine"] = medians["stage"] / medians["engine"]
    trained = small_model(root, known, steps)
    learnt = with_shortlist(trained, lambda folder: write_shortlist(folder, known, ShortlistConfig()))
    sources = [pair.en for pair in held_out]
    for beam in GOALS:
        figures |= compare(f"small, beam {beam}", trained, learnt, sources[:count], beam, samples, limit=False)
    return figures | allowed(learnt, sources) | quality(trained, learnt, held_out)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=48)
    parser.add_argument("--steps", type=int, default=600, help="training of the small model")
    parser.add_argument("--folder", type=Path, help="keeps models and what was measured")
    parser.add_argument("--minutes", type=float, default=1e9, help="no round begins later than this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")  # conversions go with the models
        samples = Samples(root / "samples.json", time.monotonic() + 60 * arguments.minutes)
        try:
            figures = measure(root, samples, arguments.sentences, arguments.steps)
        except OutOfTimeError:
            print("not finished: call again with the same folder")
            return
    reached = [
        figures[f"base, beam {beam}: {BEST}: ratio to generate in file order"] / goal for beam, goal in GOALS.items()
    ]
    settings = {
        "rounds": ROUNDS, "batch": BATCH, "threads": 1, "sentences": arguments.sentences, "goals": GOALS,
        "figure": f"base, {BEST}, beside generate in file order, over the goal; the lesser of both beams",
        "base": f"random weights, shape of Helsinki-NLP/opus-mt-en-de, vocabulary {VOCABULARY}",
        "base: output tokens a batch under the shortlist": LISTED,
    }  # fmt: skip
    finish("translation", figure=min(reached), goal=1.0, figures=figures, settings=settings)


if __name__ == "__main__":
    main()
