"""Tiny encoders: one that was trained until it knew its text by heart, and ones that never saw it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedTokenizerFast

from gmlm.config import AuditConfig, BaseModelConfig, CanaryConfig, RecipeConfig, TreatmentConfig
from gmlm.corpus.treatment import treat_corpus
from gmlm.manifest import Manifest
from gmlm.shards import Document, ShardWriter
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = [a + b for a in ("bla", "kre", "mu", "no", "pri", "sto", "tra", "we") for b in ("be", "dig", "lich", "sam")]
NAMES = [a + b for a in ("Al", "Ber", "Dor", "Hem", "Kor", "Lin") for b in ("bach", "feld", "mann", "stein")]


def letters(number: int, seed: int) -> list[str]:
    """Letters whose words are drawn at random: nothing but having read one helps to fill in its words."""
    generator = random.Random(seed)
    return [
        f"Frau {generator.choice(NAMES)} {generator.choice(NAMES)} : " + " ".join(generator.choices(WORDS, k=12))
        for _ in range(number)
    ]


@dataclass
class World:
    """A corpus with canaries in a store, the tokenizer, and finished inputs of the audit."""

    folder: Path
    corpus: Manifest
    tokenizer: Any
    trained_on: list[str]
    """Texts of the corpus that may be trained on."""
    strangers: list[str]
    """Letters of the same kind that are not in the corpus."""

    def run(self, stage: str, name: str, inputs: dict[str, Manifest] | None = None) -> StageRun:
        """A run in the store of this world."""
        scratch = self.folder / "scratch" / stage / name
        scratch.mkdir(parents=True, exist_ok=True)
        store = LocalStore(self.folder / "store")
        prefix = f"{stage}/{name}/{'f' * 12}"
        return StageRun(stage, name, store, prefix, scratch, "f" * 64, 13, self.folder, dict(inputs or {}))

    def treated(self, name: str, held_out: float) -> Manifest:
        """A corpus of 100 letters, a share of them held out, with canaries planted in it."""
        run, entries = self.run("corpus", name), []
        texts = letters(100, seed=1)
        cut = round(held_out * len(texts))
        for part, chosen in (("holdout", texts[:cut]), ("documents", texts[cut:])):
            writer = ShardWriter(run, folder=part)
            for number, text in enumerate(chosen):
                writer.write(Document(f"{number}", "letters", "de", text).row())
            writer.flush()
            entries += writer.entries
        plain = run.publish("documents", RecipeConfig(sources={"letters": {}}), entries)
        canaries = CanaryConfig(number=8, repeats=(1, 8), controls=40)
        return treat_corpus(TreatmentConfig(canaries=canaries), self.run("treatment", name, {"corpus": plain}))

    def model(self, name: str, texts: Sequence[str], steps: int) -> Manifest:
        """Train an encoder on texts and publish it."""
        run = self.run("pretrain", name)
        trained(self.tokenizer, texts, steps).save_pretrained(run.scratch / "model")
        self.tokenizer.save_pretrained(run.scratch / "model")
        return run.publish("model", BaseModelConfig(model=name), run.upload_folder(run.scratch / "model", "model"))


def make_world(folder: Path) -> World:
    """100 letters of which some are held out, and canaries repeated 1 and 8 times."""
    world = World(folder, None, None, [], letters(100, seed=3))  # type: ignore[arg-type]
    world.corpus = world.treated("letters", 0.5)
    shards = [entry for entry in world.corpus.files if entry.path.startswith("documents/")]
    store = LocalStore(folder / "store")
    tables = [pq.read_table(store.local_path(world.corpus.key(entry.path))) for entry in shards]
    world.trained_on = [text for table in tables for text in table["text"].to_pylist()]
    world.tokenizer = wordpiece(world.trained_on)
    return world


def wordpiece(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer that knows every letter and digit of the texts."""
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=240, special_tokens=list(SPECIAL)))
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))


def trained(tokenizer: Any, texts: Sequence[str], steps: int) -> ModernBertForMaskedLM:
    """A tiny ModernBERT trained on all texts at once, again and again."""
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.05,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        attn_implementation="sdpa",
    )
    model = ModernBertForMaskedLM(config)
    if not steps:
        return model
    batch = tokenizer(list(texts), padding=True, return_tensors="pt")
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(len(texts), (48,))
        ids, attention = batch["input_ids"][rows], batch["attention_mask"][rows]
        chosen = (torch.rand(ids.shape) < 0.2) & (ids > 4)
        loss = model(
            input_ids=ids.masked_fill(chosen, 4), attention_mask=attention, labels=ids.masked_fill(~chosen, -100)
        ).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The corpus and its tokenizer."""
    return make_world(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="session")
def reference(world: World) -> Manifest:
    """An encoder that has read other letters of this kind."""
    return world.model("reference", letters(100, seed=2), 150)


@pytest.fixture
def audit_config() -> AuditConfig:
    return AuditConfig(models=("x",), documents=100, sequence_length=96, resamples=300)
