"""How a model is optimised; shared by translator training, pre-training and fine-tuning."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from gmlm.config.base import Frozen

EXECUTION = frozenset(
    {"activation_checkpointing", "zero_stage", "checkpoint_every", "keep_last", "keep_best", "keep_every"}
)
"""Settings that an unfinished training may go on under when they change: they are about where its state lies."""


def without_execution(config: Any) -> Any:
    """A dumped configuration without those settings, however deep they lie."""
    if isinstance(config, dict):
        return {key: without_execution(value) for key, value in config.items() if key not in EXECUTION}
    return [without_execution(value) for value in config] if isinstance(config, list) else config


class OptimisationConfig(Frozen):
    """Optimiser, schedule, precision and engine of one training run."""

    optimiser: Literal["adamw", "stable_adamw", "lamb"] = "adamw"
    """`adamw`; `stable_adamw` (Wortsman et al. 2023), which shrinks the steps of tensors whose gradients leap; or
    `lamb` (You et al. 2020) for batches of thousands of rows. The latter two with DeepSpeed at ZeRO stage 0 only, since
    higher stages cut tensors into pieces."""
    learning_rate: float = Field(5e-5, gt=0)
    """Peak learning rate."""
    schedule: Literal["linear", "cosine", "constant", "wsd", "1-sqrt"] = "linear"
    """Shape of the learning rate after warm-up; `wsd` is warm-up, stable, decay, which others call trapezoid."""
    decay_ratio: float = Field(0.1, gt=0, le=1)
    """Share of all steps over which `wsd` decays."""
    decay_shape: Literal["linear", "1-sqrt"] = "linear"
    """How `wsd` decays; `1-sqrt` (Hägele et al. 2024) falls faster at first."""
    final_ratio: float = Field(0.0, ge=0, le=1)
    """Share of the peak that the schedule ends at instead of zero."""
    warmup_ratio: float = Field(0.0, ge=0, le=1)
    """Share of all steps over which the learning rate rises linearly from zero."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay; never applied to biases and norms."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Factor on the learning rate from each layer to the one below it; embeddings lie below the first. 1 is one rate
    for all layers."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay rates of the first and second moment."""
    epsilon: float = Field(1e-8, gt=0)
    """AdamW's epsilon."""
    max_gradient_norm: float = Field(1.0, ge=0)
    """Gradients are clipped to this global norm; 0 turns clipping off."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Label smoothing of the cross entropy, where the objective has one (translation)."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of forward and backward pass; weights and optimiser state stay fp32. A CPU that multiplies fp32 faster
    than bf16, such as Intel's without AMX, uses fp32 all the same."""
    activation_checkpointing: bool = False
    """Keep each layer's input only and compute its activations again going back: a third more operations, for memory of
    a layer instead of all. Same losses."""
    compile: bool = False
    """On a GPU, compile what works token by token, by `torch.compile`: minutes at the start, then fewer and larger
    kernels. Without effect on a CPU, where it costs more than it saves; not with ZeRO stage 3, which takes weights
    apart. `make bench-gpu` measures both."""
    engine: Literal["torch", "deepspeed"] = "torch"
    """What steps the model: plain PyTorch, or DeepSpeed ZeRO."""
    zero_stage: Literal[0, 1, 2, 3] = 1
    """DeepSpeed's ZeRO stage; ignored by the torch engine."""
    log_every: int = Field(10, gt=0)
    """Steps between two points of the loss curve."""
    evaluate_every: int = Field(0, ge=0)
    """Steps between two evaluations on held-out data; 0 evaluates at the end only."""
    checkpoint_every: int = Field(0, ge=0)
    """Steps between two checkpoints; 0 writes them on interruption only. A killed training repeats those since the last
    whole one: as many as this, and those made while the next is being written, no more than this again."""
    keep_last: int = Field(1, ge=1)
    """Newest checkpoints that are kept while training runs."""
    keep_best: bool = False
    """Keep the checkpoint with the lowest held-out loss too."""
    keep_every: int = Field(0, ge=0)
    """Keep the checkpoints of every so many steps too; 0 keeps none of them."""
    average_last: int = Field(0, ge=0)
    """The result is the mean of the weights of so many last checkpoints (Izmailov et al. 2018; Kaddour 2022), the one
    of the last step among them; 0 and 1 take that one alone. Needs engine `torch`."""

    spike_factor: float = Field(0.0, ge=0)
    """A loss of so many times the median of the last 50 steps is a spike and stops training; 0 looks for none."""
    max_rollbacks: int = Field(0, ge=0)
    """How often training goes back to its last checkpoint and leaves out the batches since, where it would stop for a
    spike or a loss or gradient that is not finite."""

    @model_validator(mode="after")
    def _tensors_are_whole(self) -> Self:
        sharded = self.engine == "deepspeed" and self.zero_stage > 0
        if self.optimiser != "adamw" and sharded:
            raise ValueError(f"'{self.optimiser}' needs whole tensors: use engine 'torch', 'zero_stage: 0', or 'adamw'")
        if self.compile and self.engine == "deepspeed" and self.zero_stage == 3:
            raise ValueError("'compile' needs whole weights: use engine 'torch', or 'zero_stage' 0 to 2")
        if self.average_last > 1 and self.engine == "deepspeed":
            raise ValueError("'average_last' needs checkpoints of whole weights: use engine 'torch'")
        return self
