"""Estimates of tokens, memory and time for `gmlm plan`: rough by nature, and said to be so."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gmlm.config import ModelConfig, StudyConfig, TranslatorConfig
from gmlm.config.models import PhaseConfig
from gmlm.manifest import Manifest
from gmlm.storage import Store
from gmlm.study.node import Node
from gmlm.study.plan import Plan, PlannedNode

BYTES_PER_PARAMETER = 16
"""fp32 weight, gradient and two AdamW moments (ZeRO paper, arXiv 1910.02054, section 3.1, without fp16 copies)."""
FLOPS_PER_PARAMETER_AND_TOKEN = 6
"""Forward and backward pass (Kaplan et al., arXiv 2001.08361, section 2.1)."""
DEFAULT_PARAMETERS = 110_000_000
"""A base-size encoder, where a model from outside has not been read yet."""
EFFICIENCY = 0.3
"""Share of the measured matrix speed that training reaches."""


@dataclass(frozen=True)
class Estimate:
    """Expected work of a node: tokens trained on, parameters; memory in bytes and time in seconds follow."""

    tokens: int
    parameters: int

    @property
    def memory(self) -> int:
        """Bytes for weights, gradients and optimiser state; activations come on top."""
        return self.parameters * BYTES_PER_PARAMETER

    def seconds(self, flops_per_second: float) -> float:
        """Time on one device of the given speed."""
        return FLOPS_PER_PARAMETER_AND_TOKEN * self.parameters * self.tokens / (EFFICIENCY * flops_per_second)


def machine_speed(size: int = 768, seconds: float = 0.2) -> float:
    """Floating-point operations per second of this machine's matrix product, measured in a moment."""
    import numpy as np

    matrix = np.ones((size, size), dtype=np.float32)
    matrix @ matrix
    started, products = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        matrix @ matrix
        products += 1
    return float(2 * size**3 * products / (time.perf_counter() - started))


class Estimator:
    """Estimates the nodes of one study; what is finished in the store makes it sharper."""

    def __init__(self, study: StudyConfig, plan: Plan, store: Store, manifests: dict[str, Manifest]) -> None:
        self._study, self._plan, self._store, self._manifests = study, plan, store, manifests

    def estimate(self, planned: PlannedNode) -> Estimate | None:
        """Expected work of a training node; None for the others."""
        node = planned.node
        if isinstance(node.config, ModelConfig):
            tokens = [self._phase_tokens(node, index, phase) for index, phase in enumerate(node.config.phases)]
            return None if None in tokens else Estimate(sum(filter(None, tokens)), self._parameters(node.config))
        if isinstance(node.config, TranslatorConfig) and node.config.train is not None:
            training = node.config.train
            layer = 4 * training.hidden_size**2 + 2 * training.hidden_size * training.feed_forward_size
            parameters = training.vocab_size * training.hidden_size + training.layers * (
                2 * layer + 4 * training.hidden_size**2
            )
            return Estimate(2 * training.steps * training.batch_tokens, parameters)
        return None

    def _phase_tokens(self, node: Node, index: int, phase: PhaseConfig) -> int | None:
        if phase.steps is not None:
            return phase.steps * phase.batch_tokens
        corpus = self._manifests.get(node.inputs[f"tokens:{index}"])
        if corpus is None or phase.epochs is None:
            return None
        return int(phase.epochs * sum(entry.tokens or 0 for entry in corpus.files if entry.path.startswith("train/")))

    def _parameters(self, model: ModelConfig) -> int:
        while model.base in self._study.models:
            model = self._study.models[model.base]
        if model.architecture is None:
            return self._imported_parameters(model.base or "")
        settings = {"hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 31_102, **model.architecture.settings}
        width = int(settings["hidden_size"])
        inner = int(settings.get("intermediate_size", 4 * width))
        tokenizer = self._study.tokenizers[model.architecture.tokenizer]
        vocabulary = tokenizer.train.vocab_size if tokenizer.train else int(settings["vocab_size"])
        return int(settings["num_hidden_layers"]) * (4 * width**2 + 2 * width * inner) + vocabulary * width

    def _imported_parameters(self, model: str) -> int:
        for node_id, manifest in self._manifests.items():
            if node_id.startswith("base-model/") and manifest.config.get("model") == model:
                weights = sum(entry.bytes for entry in manifest.files if entry.path.endswith(".safetensors"))
                return weights // 4
        return DEFAULT_PARAMETERS
