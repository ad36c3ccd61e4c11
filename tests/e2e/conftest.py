"""The demo's study in miniature: every stage of it, in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.demo import generate_world


def shrink(study: dict[str, Any]) -> dict[str, Any]:
    """The same study with the smallest models and the fewest steps."""
    for translator in study["translators"].values():
        translator["train"] |= {"steps": 12, "hidden_size": 32, "feed_forward_size": 64, "vocab_size": 1500}
        translator["train"]["optimisation"]["checkpoint_every"] = 4
    for translation in study["translations"].values():
        translation |= {"max_flagged_ratio": 1.0, "documents_per_shard": 4}
    for tokenizer in study["tokenizers"].values():
        tokenizer["train"]["vocab_size"] = 500
    for model in study["models"].values():
        if "architecture" in model:
            model["architecture"]["settings"] |= {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
        for phase in model.get("phases", []):
            phase |= {"steps": 6, "batch_tokens": phase["sequence_length"] * 4}
    for recipe in study["recipes"].values():
        recipe |= {"identify_language": False, "holdout_ratio": 0.2}
    for task in study["tasks"].values():
        task["finetuning"] |= {"epochs": 1}
    study["evaluation"] |= {"seeds": [1, 2], "resamples": 200}
    return study


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Study file of a tiny world."""
    folder = tmp_path_factory.mktemp("world")
    generate_world(folder, size="tiny")
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(shrink(yaml.safe_load(file.read_text(encoding="utf-8")))), encoding="utf-8")
    return file
