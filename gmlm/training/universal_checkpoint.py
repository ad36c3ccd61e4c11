"""DeepSpeed's universal checkpoint: state by parameter name, which any ZeRO stage and world size can take up.

Lian et al. 2024 (arXiv 2406.18820). A checkpoint of stage 1 to 3 is converted by DeepSpeed's own `ds_to_universal`; one
of stage 0, which that does not know, is written here. DeepSpeed's loaders ask for different leftovers of the source
stage in `optimizer_state.pt`, so that file is written anew with what both ask for.

    zero/PARAMETER/fp32.pt, exp_avg.pt, exp_avg_sq.pt    {"param": tensor of the parameter's shape}
    zero/PARAMETER/step.pt                               the optimiser's step
    zero/optimizer_state.pt
"""

from __future__ import annotations

import io
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import deepspeed
import torch
from deepspeed.checkpoint.ds_to_universal import main as convert
from torch import nn

ZERO, PARAM, STEP = "zero", "param", "step"
WEIGHT = "fp32"
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW, StableAdamW and LAMB keep for each parameter, beside the step."""
MODEL_STATES = "mp_rank_00_model_states.pt"
"""Where DeepSpeed keeps weights and, at stage 0, the whole optimiser."""
ONLY_TENSORS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


@contextmanager
def tensors_only() -> Iterator[None]:
    """DeepSpeed asks PyTorch to run pickled code; while this holds PyTorch refuses."""
    before = os.environ.get(ONLY_TENSORS)
    os.environ[ONLY_TENSORS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ONLY_TENSORS]
        else:
            os.environ[ONLY_TENSORS] = before


def write_universal(source: Path, stage: int, names: Sequence[str], groups: int, target: Path) -> None:
    """Write the universal form of a checkpoint.

    Args:
        source: DeepSpeed's files.
        stage: ZeRO stage that wrote them.
        names: The optimiser's parameters in its order.
        groups: Number of its parameter groups.
        target: Folder to write to.
    """
    if stage == 0:
        _write_common(_write_whole(source / MODEL_STATES, names, target), groups, target)
        return
    arguments = Namespace(
        input_folder=str(source),
        output_folder=str(target),
        num_extract_workers=1,
        num_merge_workers=1,
        keep_temp_folder=False,
        strict=True,
        inject_missing_state=True,
    )
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        convert(arguments)
    common = torch.load(target / ZERO / "optimizer_state.pt", weights_only=True, map_location="cpu")
    step = _step_of(common, target / ZERO / names[0])
    for name in names:
        _complete(target / ZERO / name, step)
    _write_common(step, groups, target)


def load_whole(folder: Path, parameters: Mapping[str, nn.Parameter], optimiser: torch.optim.Optimizer) -> None:
    """Load a universal checkpoint into an optimiser that holds whole parameters, as at stage 0."""
    for name, parameter in parameters.items():
        part, device = folder / ZERO / name, parameter.device
        with torch.no_grad():
            parameter.copy_(_tensor(part, WEIGHT, device).view_as(parameter))
        moments = {moment: _tensor(part, moment, device).view_as(parameter).clone() for moment in MOMENTS}
        step = torch.load(part / f"{STEP}.pt", weights_only=True)
        optimiser.state[parameter] = {STEP: torch.as_tensor(step, dtype=torch.float32).to(device), **moments}


def _tensor(part: Path, kind: str, device: torch.device) -> torch.Tensor:
    tensor: torch.Tensor = torch.load(part / f"{kind}.pt", map_location=device, weights_only=True)[PARAM]
    return tensor


def _write_whole(file: Path, names: Sequence[str], target: Path) -> Any:
    """Write the parts of all parameters, and return the step."""
    saved = torch.load(file, map_location="cpu", weights_only=True)
    order = [index for group in saved["optimizer"]["param_groups"] for index in group["params"]]
    step: Any = None
    for name, index in zip(names, order, strict=True):
        state, part = saved["optimizer"]["state"][index], target / ZERO / name
        part.mkdir(parents=True)
        torch.save({PARAM: saved["module"][name].clone()}, part / f"{WEIGHT}.pt")
        for moment in MOMENTS:
            torch.save({PARAM: state[moment]}, part / f"{moment}.pt")
        step = state[STEP]
        torch.save(step, part / f"{STEP}.pt")
    return step


def _complete(part: Path, step: Any) -> None:
    """Give a parameter the form that all stages read: from stage 3 it comes flat, bare and without its step."""
    for kind in (WEIGHT, *MOMENTS):
        value = torch.load(part / f"{kind}.pt", weights_only=True)
        if torch.is_tensor(value):
            torch.save({PARAM: value}, part / f"{kind}.pt")
    torch.save(step, part / f"{STEP}.pt")


def _step_of(common: Mapping[str, Any], first: Path) -> Any:
    """The optimiser's step: stages 1 and 2 keep it with each parameter, stage 3 beside the flat groups."""
    if (first / f"{STEP}.pt").is_file():
        return torch.load(first / f"{STEP}.pt", weights_only=True)
    return common["optimizer_state_dict"]["state"][0][STEP]


def _write_common(step: Any, groups: int, target: Path) -> None:
    """What the loaders of all stages ask for; hyper-parameters come from the run's own optimiser."""
    common = {
        "ds_version": deepspeed.__version__,
        "param_groups": [{} for _ in range(groups)],
        "optimizer_state_dict": {"state": {0: {STEP: step}}, "param_groups": [{}]},
    }
    torch.save(common, target / ZERO / "optimizer_state.pt")
