"""Memory and time of ingesting and building a corpus against its size; sizes are arguments, the plot goes to docs/.

Generated German-like documents of about 70 words, a fifth of them near or exact copies, in JSONL files of 25,000; each
size runs in a process of its own, with near-duplicate removal, language identification and decontamination on.
`--keep FILE` keeps what was measured, so that a call with more sizes measures only those.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from record import finish

GOAL = 24_000.0
"""Megabytes that 10 million documents may need: the memory of one machine."""
SIZES = (10_000, 50_000, 250_000, 1_000_000)
PER_FILE = 25_000
PLOT = Path(__file__).parent.parent / "docs" / "reference" / "corpus-scale.svg"


def write_files(folder: Path, documents: int) -> None:
    """Generated texts; every fifth copies an earlier one, half of these with two words replaced."""
    choose = random.Random(13)
    letters = "eeeeeeeeenniiiisssrrraaatttddhhuullccggmmoobwfkzpvüäöß"
    words = ["".join(choose.choices(letters, k=choose.randint(2, 12))) for _ in range(20_000)]
    common = (
        "der", "die", "und", "in", "den", "von", "zu", "mit", "sich", "des", "auf", "für", "ist", "im",
        "dem", "nicht", "ein", "eine", "als", "auch", "es", "an", "werden",
    )  # fmt: skip
    recent: list[list[str]] = []
    for start in range(0, documents, PER_FILE):
        with (folder / f"{start:09d}.jsonl").open("w", encoding="utf-8") as file:
            for number in range(start, min(start + PER_FILE, documents)):
                if number % 5 == 4:
                    text = list(choose.choice(recent))
                    for place in choose.sample(range(len(text)), 2 if number % 2 else 0):
                        text[place] = choose.choice(words)
                else:
                    length = max(15, int(choose.lognormvariate(4.1, 0.5)))
                    text = choose.choices(words, k=length - length // 3) + choose.choices(common, k=length // 3)
                    choose.shuffle(text)
                    recent = [*recent[-999:], text]
                file.write(json.dumps({"id": number, "text": " ".join(text)}, ensure_ascii=False) + "\n")


def run_stages(folder: Path) -> None:
    """Run in a process of its own: ingest and build.

    Prints counts, peak memory (MB), CPU seconds of each; the hashes of the corpus's files and the seconds of both.
    """
    from gmlm.config import RecipeConfig, SourceConfig
    from gmlm.corpus.build import build_corpus
    from gmlm.corpus.ingest import ingest
    from gmlm.stage import StageRun
    from gmlm.storage.local import LocalStore

    def stage(name: str, **inputs: object) -> StageRun:
        scratch = folder / "scratch" / name
        scratch.mkdir(parents=True)
        store = LocalStore(folder / "store")
        return StageRun(name, "x", store, f"{name}/x/y", scratch, "f" * 64, 13, folder, inputs)  # type: ignore[arg-type]

    began = time.monotonic()
    read = ingest(SourceConfig(reader="jsonl", path=str(folder / "raw"), language="de"), stage("ingest"))
    ingested = time.process_time()
    recipe = RecipeConfig(sources={"a": {}}, deduplicate="near")  # type: ignore[dict-item]
    made = build_corpus(recipe, stage("corpus", a=read))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    whole = {"sha256": [entry.sha256 for entry in made.files], "seconds": time.monotonic() - began}
    print(json.dumps([made.counters, peak, ingested, time.process_time() - ingested, whole]))


def in_own_process(documents: int, **environment: str) -> Any:
    """What `run_stages` prints."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "raw").mkdir()
        write_files(Path(folder) / "raw", documents)
        command = [sys.executable, __file__, "--stages", folder]
        variables = {**os.environ, **environment}
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables).stdout)


def measure(documents: int) -> dict[str, float]:
    counters, peak, ingest_seconds, build_seconds, _ = in_own_process(documents)
    assert counters["in"] == documents
    figures = {"peak MB": peak, "ingest CPU seconds": ingest_seconds, "build CPU seconds": build_seconds}
    print(documents, counters, figures, flush=True)
    return figures | {"out": counters["out"]}


def plot(measured: dict[int, dict[str, float]]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "gmlm"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    sizes = list(measured)
    left.plot(sizes, [measured[size]["peak MB"] for size in sizes], "o-")
    left.set(xscale="log", xlabel="documents", ylabel="peak memory (MB)", ylim=(0, None))
    for name in ("ingest CPU seconds", "build CPU seconds"):
        right.plot(sizes, [measured[size][name] for size in sizes], "o-", label=name)
    right.set(xscale="log", yscale="log", xlabel="documents", ylabel="CPU seconds, one process")
    right.legend()
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--keep", type=Path, help="JSON file of what was measured")
    arguments = parser.parse_args()
    keep, sizes = arguments.keep, sorted(arguments.sizes)
    known = json.loads(keep.read_text()) if keep and keep.exists() else {}
    for size in sizes:
        known[str(size)] = known.get(str(size)) or measure(size)
        if keep:
            keep.write_text(json.dumps(known))
    measured = {size: known[str(size)] for size in sizes}
    plot(measured)
    small, large = measured[min(sizes)], measured[max(sizes)]
    slope = (large["peak MB"] - small["peak MB"]) / (max(sizes) - min(sizes)) if len(sizes) > 1 else 0.0
    expected = large["peak MB"] + slope * (10_000_000 - max(sizes))
    figures = {f"{key}, {size} documents": value for size, found in measured.items() for key, value in found.items()}
    finish("corpus_scale", figure=expected, goal=GOAL, figures=figures, settings={"sizes": sizes})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stages"]:
        run_stages(Path(sys.argv[2]))
    else:
        main()
