"""Corpus build: documents/s of Gopher's quality and repetition rules from Parquet to Parquet, beside datatrove.

One process each, the same files, rules and thresholds, and the same documents kept. datatrove splits words by spaCy or
NLTK; here it splits them at white space as we do, which is its rule's meaning and by far faster.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from record import finish

from gmlm.config import RecipeConfig, SourceConfig
from gmlm.corpus.build import build_corpus
from gmlm.corpus.quality import STOP_WORDS
from gmlm.manifest import Manifest
from gmlm.shards import Document, write_documents
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

GOAL, ROUNDS, DOCUMENTS = 3.0, 3, 10_000


def texts(seed: int = 13) -> list[str]:
    """Texts of about 150 words, three in ten of them with a fault that a rule is there for."""
    choose = random.Random(seed)
    words = [
        "".join(choose.choices("eeeennniiisssrrraattdhulcgmobwfkzpv", k=choose.randint(3, 12))) for _ in range(5000)
    ]
    common = sorted(STOP_WORDS["de"])
    made = []
    for number in range(DOCUMENTS):
        sentences = [
            " ".join(choose.choices(words, k=7) + choose.choices(common, k=3)).capitalize() + "."
            for _ in range(choose.randint(7, 25))
        ]
        lines = [" ".join(sentences[start : start + 3]) for start in range(0, len(sentences), 3)]
        faults = {
            0: lambda lines: lines[:1],
            1: lambda lines: lines[:2] * 4,
            2: lambda lines: [f"- {line[:-1]}..." for line in lines],
        }
        made.append("\n".join(faults.get(number % 10, list)(lines)))
    return made


def ours(source: Manifest, store: LocalStore, folder: Path) -> set[str]:
    scratch = folder / "scratch"
    scratch.mkdir()
    run = StageRun("corpus", "x", store, f"corpus/{folder.name}/y", scratch, "f" * 64, 13, folder, {"a": source})
    off = {"identify_language": False, "decontaminate": False, "holdout_ratio": 0, "min_characters": 0}
    recipe = RecipeConfig(sources={"a": {}}, deduplicate="none", quality=("gopher", "gopher_repetition"), **off)  # type: ignore[arg-type, dict-item]
    made = build_corpus(recipe, run)
    paths = [store.local_path(made.key(entry.path)) for entry in made.files if entry.rows]
    return {identity for path in paths for identity in pq.read_table(path)["id"].to_pylist()}


def datatrove(source: Manifest, store: LocalStore, folder: Path) -> set[str]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters import (
        GopherQualityFilter,
        GopherRepetitionFilter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    for module in (gopher_quality_filter, gopher_repetition_filter):
        module.split_into_words = lambda text, language: text.split()
    inputs = str(store.local_path(f"{source.prefix}/documents"))
    steps = [
        ParquetReader(inputs, glob_pattern="*.parquet"),
        GopherQualityFilter(stop_words=sorted(STOP_WORDS["de"])),
        GopherRepetitionFilter(),
        ParquetWriter(str(folder / "out"), compression="zstd"),
    ]
    LocalPipelineExecutor(steps, tasks=1, workers=1, logging_dir=str(folder / "logs")).run()
    return {
        identity for path in (folder / "out").glob("*.parquet") for identity in pq.read_table(path)["id"].to_pylist()
    }


def main() -> None:
    os.environ["GMLM_PROGRESS"] = "0"
    from loguru import logger

    logger.remove()
    methods = {"gmlm": ours, "datatrove": datatrove}
    rates: dict[str, list[float]] = {name: [] for name in methods}
    kept: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        store = LocalStore(root / "store")
        run = StageRun("ingest", "a", store, "ingest/a/x", root, "e" * 64, 13, root, {})
        documents = (Document(str(number), "a", "de", text) for number, text in enumerate(texts()))
        entries = write_documents(run, documents)
        source = run.publish("documents", SourceConfig(reader="text", path="x"), entries)
        for number in range(ROUNDS + 1):
            for method, work in methods.items():
                folder = root / f"{method}-{number}"
                folder.mkdir()
                started = time.process_time()
                kept[method] = work(source, store, folder)
                if number:  # the first round imports and warms up
                    rates[method].append(DOCUMENTS / (time.process_time() - started))
    assert kept["gmlm"] == kept["datatrove"], sorted(kept["gmlm"] ^ kept["datatrove"])[:9]
    figures = {f"documents/s, {name}": statistics.median(values) for name, values in rates.items()}
    figures["kept"] = float(len(kept["gmlm"]))
    for key, value in figures.items():
        print(f"{key}: {value:.5g}")
    ratio = figures["documents/s, gmlm"] / figures["documents/s, datatrove"]
    finish("corpus", figure=ratio, goal=GOAL, figures=figures, settings={"documents": DOCUMENTS, "rounds": ROUNDS})


if __name__ == "__main__":
    main()
