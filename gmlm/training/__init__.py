"""The training loop of pre-training, fine-tuning and translator training, over plain PyTorch or DeepSpeed."""

from gmlm.training.hooks import TrainingMetrics
from gmlm.training.interface import (
    Batch,
    BatchFunction,
    Hook,
    LossFunction,
    LossPoint,
    TrainingResult,
    TrainingState,
)
from gmlm.training.loop import train

__all__ = [
    "Batch",
    "BatchFunction",
    "Hook",
    "LossFunction",
    "LossPoint",
    "TrainingMetrics",
    "TrainingResult",
    "TrainingState",
    "train",
]
