"""The card of a model with all that the study found about it, in the Hub's format (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator

from huggingface_hub import EvalResult, ModelCardData

from gmlm.report.audits import Audit, Separation
from gmlm.report.content import Content
from gmlm.report.headline import Score, TaskScores
from gmlm.report.numbers import decimal, interval, p_value, percent, score, signed
from gmlm.report.pretraining import Pretraining

TASK_TYPES = {"span F1": "token-classification", "answer F1": "question-answering"}
"""The Hub's names of the tasks that are scored by a metric."""
LIMITS = (
    "Made for research. It predicts words and labels; it knows nothing of a patient, and its output is no medical "
    "advice. Scores hold for test sets of the kind named here, not for other hospitals or text types."
)


def model_card(content: Content, model: Pretraining) -> str:
    """README.md of a model: metadata with its scores for the Hub, then training, evaluation, privacy and origin."""
    rows = list(_scores(content, model.model))
    lines = ["---", _metadata(model, rows), "---", f"# {model.model}", ""]
    lines += [f"A German encoder of the study {content.study}. It starts from {model.base}.", "", *_training(model)]
    lines += [
        *_evaluation(rows),
        *_weights(content, rows),
        *_privacy(content, model.model),
        "## Limits",
        "",
        LIMITS,
        "",
        *_origin(content, model),
    ]
    return "\n".join(lines) + "\n"


def _scores(content: Content, model: str) -> Iterator[tuple[TaskScores, Score]]:
    for task in content.headline.tasks if content.headline else ():
        yield from ((task, row) for row in task.scores if row.model == model and row.mean is not None)


def _metadata(model: Pretraining, rows: list[tuple[TaskScores, Score]]) -> str:
    """The YAML that the Hub reads; scores are in its model index."""
    results = [
        EvalResult(
            task_type=TASK_TYPES.get(task.metric, "text-classification"),
            dataset_type=task.task,
            dataset_name=task.task,
            metric_type="f1",
            metric_name=task.metric,
            metric_value=round(100 * (row.mean or 0.0), 2),
        )
        for task, row in rows
    ]
    data = ModelCardData(
        language="de",
        library_name="transformers",
        pipeline_tag="fill-mask" if model.fills_masks else None,
        tags=["medical", "clinical", "german"],
        model_name=model.model,
        eval_results=results or None,
    )
    return str(data.to_yaml()).rstrip()


def _training(model: Pretraining) -> Iterator[str]:
    yield from ("## Training", "", "| corpus | steps | held-out loss before | held-out loss | pseudo-perplexity |")
    yield "|---|---:|---:|---:|---:|"
    for phase in model.phases:
        figures = (phase.holdout_loss_before, phase.holdout_loss)
        losses = " | ".join(decimal(figure) for figure in figures)
        yield f"| {phase.corpus} | {phase.steps} | {losses} | {decimal(phase.holdout_perplexity, 1)} |"
    yield ""


def _evaluation(rows: list[tuple[TaskScores, Score]]) -> Iterator[str]:
    if not rows:
        return
    yield from ("## Evaluation", "", "| task | metric | seeds | score | interval | difference | p after Holm |")
    yield "|---|---|---:|---:|---|---:|---:|"
    for task, row in rows:
        found = row.comparison
        against = (
            f"{signed(found.difference)} to {found.baseline} | {p_value(found.p_holm)}" if found else "baseline | "
        )
        figures = f"{score(row.mean)} | {interval(row.low, row.high)}"
        yield f"| {task.task} | {task.metric}: {task.convention} | {len(row.seeds)} | {figures} | {against} |"
    yield ""


def _weights(content: Content, rows: list[tuple[TaskScores, Score]]) -> Iterator[str]:
    """Which pre-training these weights come from, where the scores are those of several."""
    if rows and content.headline is not None and content.headline.pretraining_per_seed:
        seeds = len(content.headline.seeds)
        yield from (f"Scores are means over {seeds} pre-trainings from other seeds; these weights are the first.", "")


def _privacy(content: Content, model: str) -> Iterator[str]:
    audits = [audit for audit in content.audits if audit.model == model]
    yield from ("## Privacy", "")
    if not audits:
        yield from ("What the model remembers of its training text was not audited.", "")
    for audit in audits:
        yield from _audit(audit)


def _audit(audit: Audit) -> Iterator[str]:
    yield f"{audit.verdict} Compared with {audit.reference}, which has not read it:"
    yield from ("", f"- documents of {', '.join(audit.corpora)}: {_separation(audit.membership)}")
    yield from (f"- canaries, {row.repeats} times in the text: {_separation(row)}" for row in audit.canaries)
    for texts, names in (("training", audit.members), ("held-out", audit.others)):
        yield (
            f"- names masked in {texts} texts: {names.recovered} of {names.names} filled in, "
            f"{names.recovered_by_reference} by {audit.reference}"
        )
    yield ""


def _separation(row: Separation) -> str:
    auc, rate = row.auc, row.true_positive_rate
    return (
        f"AUC {decimal(auc.value)} [{decimal(auc.low)}, {decimal(auc.high)}], {percent(rate.value)} recognised at 1 % "
        f"false alarms ({row.members} members, {row.others} others)"
    )


def _origin(content: Content, model: Pretraining) -> Iterator[str]:
    for node in content.lineage:
        if node.node == f"pretrain/{model.model}":
            yield from ("## Origin", "", f"gmlm {node.code_version}, fingerprint `{node.fingerprint}`, manifest sha256")
            yield f"`{node.manifest_sha256}`. `gmlm lineage` leads from it to the hash of each input file."
