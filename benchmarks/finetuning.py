"""Cells per hour of fine-tuning beside Hugging Face's run_ner and run_qa: same model, data, epochs, batches, precision.

A cell is all from a model folder to scored test predictions, in CPU time of this process; the start of Python and the
imports, which a script pays for each cell, are not counted. The figure is the smaller of the two ratios. Scores are
compared over seeds with a small model that learns something from random weights; run_ner's logits are also decoded as
ours are, so that training and decoding are told apart.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import datasets
import torch
from finetuning_cells import Bench, Settings, open_bench
from record import finish

from gmlm.config import TaskConfig
from gmlm.demo import generate_world
from gmlm.finetuning.token_classification import best_tags

GOAL = 2.0
ROUNDS, SEEDS = 3, 12
"""Of speed, and of scores."""
SIZE, SMALL = (4, 256), (2, 64)
"""Layers and hidden size of the model that speed is measured with, and of one that learns from random weights."""
COUNTS = {"ner": {"train": 40, "dev": 6, "test": 12}, "qa": {"train": 32, "dev": 6, "test": 12}}
"""Documents and questions that speed is measured on."""
QUESTIONS = {"train": 120, "dev": 20, "test": 120}
"""Questions that scores are compared on; documents are all of the demo's."""
SPEED = {
    "ner": Settings(epochs=2, batch_size=8, learning_rate=5e-5, precision="bf16", max_length=512),
    "qa": Settings(epochs=2, batch_size=8, learning_rate=5e-5, precision="bf16", max_length=384),
}
SCORES = {
    "ner": Settings(epochs=6, batch_size=8, learning_rate=3e-3, precision="fp32", max_length=512),
    "qa": Settings(epochs=4, batch_size=8, learning_rate=3e-3, precision="fp32", max_length=384),
}

Cell = Callable[[int], float]
"""Runs a cell of a seed; its F1."""
Samples = dict[str, list[float]]
"""Values of each way."""


def world(folder: Path) -> list[str]:
    """The demo's world; its general and clinical texts, for the vocabulary."""
    generate_world(folder, seed=13)
    notes = (folder / "clinical_de" / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    general = [file.read_text(encoding="utf-8") for file in sorted((folder / "general").rglob("*.txt"))]
    return [*general, *(json.loads(note)["text"] for note in notes)]


def bench(kind: str, world: Path, size: tuple[int, int], texts: list[str], counts: Mapping[str, int]) -> Bench:
    """A task of the demo, its splits cut to so many examples, with a model."""
    name, ending = {"ner": ("token_classification", "jsonl"), "qa": ("question_answering", "json")}[kind]
    folder = world.parent / f"{kind}-{size[1]}"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        text = (world / "tasks" / f"{kind}.{split}.{ending}").read_text(encoding="utf-8")
        cut = cut_squad if kind == "qa" else cut_lines
        (folder / f"{split}.{ending}").write_text(cut(text, counts.get(split, 10**9)), encoding="utf-8")
    files = {split: str(folder / f"{split}.{ending}") for split in ("train", "dev", "test")}
    reader = "squad" if kind == "qa" else "spans_jsonl"
    return open_bench(folder, TaskConfig(kind=name, reader=reader, **files), *size, texts)


def cut_lines(text: str, count: int) -> str:
    """The first documents."""
    return "".join(text.splitlines(keepends=True)[:count])


def cut_squad(text: str, count: int) -> str:
    """The first articles with at least so many questions together."""
    squad = json.loads(text)
    kept, total = [], 0
    for article in squad["data"]:
        if total < count:
            kept.append(article)
            total += sum(len(paragraph["qas"]) for paragraph in article["paragraphs"])
    return json.dumps({**squad, "data": kept})


def cells(kind: str, made: Bench, settings: Settings) -> dict[str, Cell]:
    """Ours and the script's; and what is not the script's default but its fastest."""
    fastest = "group_by_length" if kind == "ner" else "dynamic padding, group_by_length"
    return {
        f"{kind} own": lambda seed: made.own(settings, seed),
        f"{kind} run_{kind}": lambda seed: made.peer(settings, seed),
        f"{kind} run_{kind} {fastest}": lambda seed: made.peer(settings, seed, grouped=True, pad=False),
    }


def scored(kind: str, made: Bench, settings: Settings) -> dict[str, Cell]:
    """Ours and the script's, by its own way from logits to tags and by ours."""
    ways = dict(list(cells(kind, made, settings).items())[:2])
    if kind == "ner":
        ways["ner run_ner, decoded as ours"] = lambda seed: made.peer(settings, seed, decode=best_tags)
    return ways


def taken_in_turn(ways: Mapping[str, Cell], rounds: int) -> tuple[Samples, Samples]:
    """CPU seconds and F1 of each way in each round."""
    seconds: Samples = {way: [] for way in ways}
    scores: Samples = {way: [] for way in ways}
    for seed in range(1, rounds + 1):
        for way, cell in ways.items():
            started = time.process_time()
            scores[way].append(cell(seed))
            seconds[way].append(time.process_time() - started)
            print(f"{way}: {seconds[way][-1]:.1f} CPU-s, F1 {scores[way][-1]:.3f}", flush=True)
    return seconds, scores


def speed(seconds: Samples) -> dict[str, float]:
    """Cells per hour, and how many cells of ours are made in the time of one of the others."""
    median = {way: statistics.median(values) for way, values in seconds.items()}
    rates = {f"{way} cells/h": 3600 / value for way, value in median.items()}
    others = [way for way in median if not way.endswith("own")]
    return rates | {f"ratio to {way}": median[way] / median[f"{way.split()[0]} own"] for way in others}


def quality(scores: Samples) -> dict[str, float]:
    """Mean and spread of F1 over the seeds."""
    means = {f"{way} F1 mean": statistics.mean(values) for way, values in scores.items()}
    return means | {f"{way} F1 std": statistics.stdev(values) for way, values in scores.items()}


def main() -> None:
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "world"
        texts = world(folder)
        figures: dict[str, float] = {}
        for kind in ("ner", "qa"):
            fast = cells(kind, bench(kind, folder, SIZE, texts, COUNTS[kind]), SPEED[kind])
            figures |= speed(taken_in_turn(fast, ROUNDS)[0])
            counts = QUESTIONS if kind == "qa" else {}
            small = scored(kind, bench(kind, folder, SMALL, texts, counts), SCORES[kind])
            figures |= quality(taken_in_turn(small, SEEDS)[1])
    finish(
        "finetuning",
        figure=min(figures["ratio to ner run_ner"], figures["ratio to qa run_qa"]),
        goal=GOAL,
        figures=figures,
        settings={
            "rounds": ROUNDS,
            "seeds": SEEDS,
            "threads": 1,
            "speed": {"model": SIZE, "examples": COUNTS, **{kind: vars(value) for kind, value in SPEED.items()}},
            "scores": {"model": SMALL, "questions": QUESTIONS, **{k: vars(value) for k, value in SCORES.items()}},
        },
    )


if __name__ == "__main__":
    main()
