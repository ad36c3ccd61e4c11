"""Source tokens/s of translation by gmlm's engine, beside transformers' generate in fp32, with the same model and beam.

Two models. A Marian of base size with random weights, whose outputs are as long as their sources allow, tells speed; a
small one trained on the demo's parallel text tells the loss of int8 in BLEU. The figure is the lesser of the ratios to
the goals (7 greedy, 9 with 4 beams) against generate in file order, both in batches of the same size.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from record import finish
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from gmlm.config import DecodingConfig, SourceConfig, TranslateConfig, TranslatorConfig, TranslatorTraining
from gmlm.demo import generate_world
from gmlm.manifest import Manifest
from gmlm.shards import Document, write_documents
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore
from gmlm.translation.batching import translate_segments
from gmlm.translation.documents import segments_of
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.joint_vocabulary import train_vocabulary, write_tokenizer
from gmlm.translation.marian import train_marian
from gmlm.translation.parallel import Pair
from gmlm.translation.score import corpus_scores
from gmlm.translation.translate import translate

GOALS = {1: 7.0, 4: 9.0}
ROUNDS = 3
BATCH = 16
"""Sentences of a batch of generate: where its speed per CPU-second has levelled off."""
GROWTH = 1.1
"""Output tokens per source token of the longest sentence of a batch: the median of medical text."""


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def random_marian(vocabulary: Path, folder: Path, lengths: int) -> None:
    """Marian of base size (Junczys-Dowmunt et al. 2018) with the vocabulary given, padded to 32,000 tokens."""
    tokenizer = write_tokenizer(vocabulary, folder, lengths)
    pieces = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    pad = pieces.pop("<pad>")
    pieces |= {f"unused{number}": number for number in range(pad, 31_999)} | {"<pad>": 31_999}
    (folder / "vocab.json").write_text(json.dumps(pieces, ensure_ascii=False), encoding="utf-8")
    tokenizer = MarianTokenizer.from_pretrained(folder)
    torch.manual_seed(13)
    config = MarianConfig(
        vocab_size=32_000, d_model=512, encoder_layers=6, decoder_layers=6, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        encoder_attention_heads=8, decoder_attention_heads=8, activation_function="swish", scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=0, decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.generation_config = GenerationConfig(decoder_start_token_id=31_999, pad_token_id=31_999, eos_token_id=0)
    model.save_pretrained(folder)


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


def compare(name: str, folder: Path, texts: Sequence[str], beam: int, *, limit: bool) -> dict[str, float]:
    """Median source tokens per CPU-second of each way over interleaved rounds, and their ratios."""
    tokenizer = MarianTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder).eval()
    base = DecodingConfig(beam_size=beam, device="cpu")
    engines = {
        kind: open_engine(
            TranslationModel(folder, folder.name + str(folder.stat().st_mtime_ns)),
            base.model_copy(update={"compute_type": kind}),
        )
        for kind in ("int8", "float32")
    }
    by_length = sorted(texts, key=lambda text: -len(tokenizer(text)["input_ids"]))
    ways: dict[str, Callable[[], list[str]]] = {
        "generate fp32, file order": lambda: generate(model, tokenizer, texts, beam, limit),
        "generate fp32, by length": lambda: generate(model, tokenizer, by_length, beam, limit),
        "int8, by length": lambda: ours(engines["int8"], texts, limit),
        "float32, by length": lambda: ours(engines["float32"], texts, limit),
        "int8, file order": lambda: ours(engines["int8"], texts, limit, in_order=True),
    }
    for engine in engines.values():  # the first batch initialises libraries
        engine.translate(texts[:2])
    generate(model, tokenizer, texts[:2], beam, limit)
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            samples[way].append(seconds(work))
    tokens = sum(len(ids) for ids in tokenizer(list(texts))["input_ids"])
    rates = {way: tokens / statistics.median(values) for way, values in samples.items()}
    found = {f"{name}: {way}": rate for way, rate in rates.items()} | ratios(name, rates)
    print(json.dumps(found), flush=True)
    return found


def demo_pairs(folder: Path) -> list[Pair]:
    """Parallel text of the demo's world."""
    generate_world(folder, seed=13, size="tiny")
    with gzip.open(folder / "parallel" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [Pair(record["en"], record["de"]) for record in map(json.loads, lines)]


def sentences(pairs: Sequence[Pair], tokenizer: MarianTokenizer, count: int, seed: int) -> list[str]:
    """Texts whose lengths are log-normal with a mean of 28 tokens, as in PubMed's sentences."""
    rng = np.random.default_rng(seed)
    words = " ".join(pair.en for pair in pairs).split()
    wanted = np.clip(rng.lognormal(np.log(28) - 0.18, 0.6, count), 4, 110).astype(int)
    texts = []
    for length in wanted:
        start, size = int(rng.integers(len(words) - 200)), int(length)
        while len(tokenizer(" ".join(words[start : start + size]))["input_ids"]) > length and size > 1:
            size -= 1
        texts.append(" ".join(words[start : start + size]))
    return texts


def stage_overhead(folder: Path, scratch: Path, texts: Sequence[str]) -> dict[str, float]:
    """CPU time of the whole stage beside that of the engine on the same segments, in the same batches."""
    decoding = DecodingConfig(device="cpu", max_length=32)
    store = LocalStore(scratch / "store")

    def run(stage: str, number: int, **inputs: Manifest) -> StageRun:
        work = scratch / "scratch" / f"{stage}{number}"
        work.mkdir(parents=True, exist_ok=True)
        name = f"{number:064d}"
        return StageRun(stage, "x", store, f"{stage}/{number}", work, name, 13, scratch, inputs)

    documents = [Document(str(n), "x", "en", "\n".join(texts[n : n + 8])) for n in range(0, len(texts), 8)]
    ingest, translator = run("ingest", 0), run("translator", 0)
    source = ingest.publish(
        "documents", SourceConfig(reader="text", path="x"), write_documents(ingest, iter(documents))
    )
    model = translator.publish("model", TranslatorConfig(model="x"), translator.upload_folder(folder, "model"))
    settings = {"source": "x", "translator": "x", "max_flagged_ratio": 1.0, "documents_per_shard": 50}
    config = TranslateConfig(translation=settings, decoding=decoding)
    open_engine(TranslationModel.of(translator, model), decoding)  # converts
    shards = [documents[start : start + 50] for start in range(0, len(documents), 50)]

    def alone() -> None:
        loaded = open_engine(TranslationModel.of(translator, model), decoding)
        for shard in shards:
            pieces = [piece.text for d in shard for piece in segments_of(d, loaded.source_limit, loaded.lengths)]
            translate_segments(loaded, pieces, decoding.batch_tokens, lambda count: None)

    stage, bare = [], []
    for number in range(1, ROUNDS + 1):
        whole = run("translate", number, documents=source, translator=model)
        stage.append(seconds(lambda run=whole: translate(config, run)))
        bare.append(seconds(alone))
    return {"stage over engine": statistics.median(stage) / statistics.median(bare)}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=32)
    parser.add_argument("--steps", type=int, default=600, help="training of the small model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        pairs = demo_pairs(root / "world")
        known, held_out = pairs[200:], pairs[:200]
        large = root / "base"
        train_vocabulary(known, 2000, root / "vocabulary")
        random_marian(root / "vocabulary", large, 128)
        texts = sentences(pairs, MarianTokenizer.from_pretrained(large), arguments.sentences, seed=13)
        for beam in GOALS:
            figures |= compare(f"base, beam {beam}", large, texts, beam, limit=True)
        figures |= stage_overhead(large, root, texts)
        training = TranslatorTraining(parallel="x", steps=arguments.steps)
        trained = train_marian(known, training, scratch=root / "training", seed=13, fingerprint="benchmark").folder
        for beam in GOALS:
            figures |= compare(f"small, beam {beam}", trained, [pair.en for pair in held_out], beam, limit=False)
        figures |= quality(trained, held_out)
    reached = [figures[f"base, beam {beam}: ratio to generate in file order"] / goal for beam, goal in GOALS.items()]
    settings = {"rounds": ROUNDS, "batch": BATCH, "threads": 1, "sentences": len(texts), "goals": GOALS}
    finish("translation", figure=min(reached), goal=1.0, figures=figures, settings=settings)


def ratios(name: str, rates: dict[str, float]) -> dict[str, float]:
    """Ratios of int8 by length to generate, in file order and by length, and at equal order."""
    return {
        f"{name}: ratio to generate in file order": rates["int8, by length"] / rates["generate fp32, file order"],
        f"{name}: ratio to generate by length": rates["int8, by length"] / rates["generate fp32, by length"],
        f"{name}: ratio at equal order": rates["int8, file order"] / rates["generate fp32, file order"],
    }


def quality(folder: Path, pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU of the trained model on pairs that it has not seen, in fp32 and int8."""
    found = {}
    for beam in GOALS:
        for kind in ("float32", "int8"):
            decoding = DecodingConfig(compute_type=kind, beam_size=beam, device="cpu")
            engine = open_engine(TranslationModel(folder, folder.name + str(folder.stat().st_mtime_ns)), decoding)
            outputs = translate_segments(engine, [pair.en for pair in pairs], 4096, lambda count: None)
            found[f"BLEU, beam {beam}: {kind}"] = corpus_scores(outputs, [pair.de for pair in pairs])["bleu"]
        exact, rounded = (found[f"BLEU, beam {beam}: {kind}"] for kind in ("float32", "int8"))
        found[f"BLEU lost by int8, beam {beam}"] = exact - rounded
    return found


if __name__ == "__main__":
    main()
