"""What the commands of the command line do; each returns what is printed or raises an error of `gmlm.errors`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gmlm.config import ModelConfig, StudyConfig, load_study
from gmlm.config.paths import expand_variables
from gmlm.errors import ConfigError, GmlmError
from gmlm.manifest import Manifest, find_manifest, read_file, read_manifest
from gmlm.storage import Store, open_store
from gmlm.study.estimate import Estimator, machine_speed
from gmlm.study.graph import build_graph
from gmlm.study.node import Node
from gmlm.study.plan import Plan, PlannedNode, plan_study
from gmlm.study.plan_file import write_study
from gmlm.study.runner import NodeOutcome, StudyOutcome, StudyRunner
from gmlm.study.scaling import scaling_of
from gmlm.study.selection import Selection
from gmlm.study.sharding import Gpus, lowest_stage, sharding_of
from gmlm.telemetry.metrics import name_study


@dataclass(frozen=True)
class OpenStudy:
    """A study that was read, planned, and whose store is open."""

    config: StudyConfig
    folder: Path
    store: Store
    plan: Plan


def open_study(path: Path, *, store: str | None = None) -> OpenStudy:
    """Read and plan a study; `store` overrides the study's own."""
    config = load_study(path)
    folder = path.parent
    graph = build_graph(config)
    return OpenStudy(config, folder, open_store(store_uri(store or config.store, folder)), plan_study(graph, folder))


def store_uri(uri: str, folder: Path) -> str:
    """The address of a store: variables filled in, a relative folder below the study's."""
    uri = expand_variables(uri)
    return uri if "://" in uri else os.path.normpath(folder / uri)


def validate(path: Path) -> str:
    """Check a study file, its names and its inputs without reading them."""
    config = load_study(path)
    graph = build_graph(config)
    from gmlm.study.raw_inputs import raw_files

    files = sum(len(raw_files(node, path.parent)) for node in graph.values())
    return f"{path}: valid; {len(graph)} stages, {files} input files"


def plan(path: Path, *, store: str | None = None, gpus: Gpus | None = None) -> str:
    """A table of the study's nodes: state, and estimated tokens, memory and time of what remains.

    With GPUs also the ZeRO stage that each pre-training needs on them.
    """
    study = open_study(path, store=store)
    manifests = _finished(study)
    estimator, speed = Estimator(study.config, study.plan, study.store, manifests), machine_speed()
    rows = [("stage", "state", "tokens", "memory", "time")]
    stages = []
    for node_id, planned in study.plan.nodes.items():
        estimate = None if node_id in manifests else estimator.estimate(planned)
        state = "done" if node_id in manifests else "to do"
        figures = ("", "", "")
        if estimate is not None:
            seconds = estimate.seconds(speed)
            figures = (_count(estimate.tokens), _count(estimate.memory) + "B", _duration(seconds))
            if gpus is not None and planned.node.stage == "pretrain":
                stages.append(_on_gpus(planned.node, estimate.parameters, gpus))
        rows.append((node_id, state, *figures))
    done = f"{len(manifests)} of {len(study.plan.nodes)} stages done"
    note = "Estimates hold for training on this machine; memory is without activations."
    return "\n\n".join([_table(rows), f"{done}. {note}", *stages])


def _on_gpus(node: Node, parameters: int, gpus: Gpus) -> str:
    """The ZeRO stage of a pre-training, and what its last phase would send."""
    text, stage = sharding_of(node.id, parameters, gpus), lowest_stage(parameters, gpus)
    if stage is None or gpus.number == 1 or not isinstance(node.config, ModelConfig):
        return text
    return f"{text}\n{scaling_of(parameters, node.config.phases[-1].batch_tokens, gpus.number, stage)}"


def _finished(study: OpenStudy) -> dict[str, Manifest]:
    found = {node_id: find_manifest(study.store, node.prefix) for node_id, node in study.plan.nodes.items()}
    return {node_id: manifest for node_id, manifest in found.items() if manifest is not None}


def dry_run(path: Path, selection: Selection, *, store: str | None = None) -> str:
    """The nodes that a run would make, one a line."""
    study = open_study(path, store=store)
    selected = [study.plan.nodes[node_id] for node_id in selection.nodes(study.plan.graph)]
    states = ["done" if node.finished(study.store) and not selection.force else "to do" for node in selected]
    return "\n".join(f"{state:6} {node.node.id}" for node, state in zip(selected, states, strict=True))


def run(
    path: Path, selection: Selection, *, store: str | None = None, observer: Callable[[str, NodeOutcome], None]
) -> tuple[OpenStudy, StudyOutcome]:
    """Run what is selected and not finished."""
    study = open_study(path, store=store)
    name_study(study.config.name)
    write_study(study.store, study.config)
    runner = StudyRunner(study.plan, study.store, study.folder, observer)
    return study, runner.run(selection)


def recompute(path: Path, folder: Path, output: Path | None = None) -> str:
    """The study's table from a folder of predictions; `output` gets the scores as JSON.

    Raises:
        ConfigError: The study compares nothing.
    """
    config = load_study(path)
    if config.evaluation is None:
        raise ConfigError("the study has no 'evaluation'", where=str(path), fix="say which models are compared")
    from gmlm.evaluation.evaluate import to_json
    from gmlm.evaluation.recompute import recompute as recompute_scores
    from gmlm.report.summary import summary_table

    record = recompute_scores(config.evaluation, config.tasks, folder, config.seed)
    if output is not None:
        output.write_bytes(to_json(record))
    return summary_table(record, config.evaluation.model_dump(mode="json"))


def headline(study: OpenStudy) -> str:
    """The study's table, where it is evaluated, what its outputs took, and its report's address, where it has one."""
    lines = []
    finished = {node_id: node for node_id, node in study.plan.nodes.items() if node.finished(study.store)}
    for node_id, planned in finished.items():
        if node_id.startswith("evaluate/"):
            from gmlm.report.summary import summary_table

            evaluated = read_manifest(study.store, planned.prefix)
            lines.append(summary_table(json.loads(read_file(study.store, evaluated, "scores.json")), evaluated.config))
        if node_id.startswith("report/"):
            lines += [usage(study, finished.values()), f"Report: {study.store.uri}/{planned.prefix}/report.html"]
    return "\n\n".join(lines)


def usage(study: OpenStudy, finished: Iterable[PlannedNode]) -> str:
    """Time, energy and cost of finished nodes, by stage; the report, which tells of the others, is left out."""
    from gmlm.report.usage import read_usage
    from gmlm.report.usage_pages import usage_text

    made = (node for node in finished if node.node.stage != "report")
    outputs = [(node.node.stage, node.node.name, node.fingerprint) for node in made]
    prices = study.config.report.prices
    return usage_text(read_usage(study.store, study.config.name, outputs, prices, by_part=False))


def explain(failures: dict[str, GmlmError]) -> str:
    """The errors of a run, one a paragraph."""
    return "\n".join(f"{node_id}: {error}" for node_id, error in failures.items())


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _count(number: float) -> str:
    for unit in ("", "k", "M", "G"):
        if number < 1000:
            return f"{number:.3g} {unit}".rstrip() if not unit else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} T"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
