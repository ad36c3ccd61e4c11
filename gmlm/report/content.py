"""All that the report says, as one value: the templates render it, and `report.json` is its dump."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from gmlm.config.ablations import AblationPoint
from gmlm.config.report import ReportSettings
from gmlm.manifest import Manifest
from gmlm.report.ablations import Ablation, read_ablations
from gmlm.report.audits import Audit, read_audit
from gmlm.report.corpora import DocumentSet, Drops, TokenSet, read_documents_of, read_drops, read_tokens
from gmlm.report.details import Details, read_details
from gmlm.report.files import read_json
from gmlm.report.headline import Headline, read_headline
from gmlm.report.learning import Learning, read_learning
from gmlm.report.pretraining import Pretraining, read_pretraining
from gmlm.report.provenance import Account, LineageNode, account_of, in_order, lineage_of
from gmlm.report.published import Published, published_scores
from gmlm.report.samples import Sample, read_samples
from gmlm.report.translation import Translation, TranslatorScore, read_translation, read_translator_score
from gmlm.storage import Store

Part = TypeVar("Part")


@dataclass(frozen=True)
class Content:
    """The report's sections, in order; a section without entries is left out of the pages."""

    study: str
    headline: Headline | None
    details: Details | None
    published: tuple[Published, ...]
    ablations: tuple[Ablation, ...]
    learning: tuple[Learning, ...]
    samples: tuple[Sample, ...]
    audits: tuple[Audit, ...]
    pretraining: tuple[Pretraining, ...]
    translators: tuple[TranslatorScore, ...]
    translations: tuple[Translation, ...]
    documents: tuple[DocumentSet, ...]
    drops: tuple[Drops, ...]
    tokens: tuple[TokenSet, ...]
    accounts: tuple[Account, ...]
    lineage: tuple[LineageNode, ...]
    code_versions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        dumped: dict[str, Any] = to_jsonable_python(self)
        return dumped

    def signatures(self) -> list[tuple[str, str]]:
        """The sacrebleu signatures of all scores, each once."""
        return sorted({pair for made in self.translators for pair in made.signatures.items()})


def collect(
    study: str,
    store: Store,
    inputs: Mapping[str, Manifest],
    settings: ReportSettings,
    ablations: Sequence[AblationPoint] = (),
) -> Content:
    """Read what the study's finished nodes left; nodes that failed are not there and their sections stay shorter."""
    nodes = in_order(inputs)
    accounts = (account_of(node, manifest) for node, manifest in nodes.items())
    scores, evaluation = _scores(store, nodes)
    headline = None if scores is None else read_headline(scores, evaluation)
    return Content(
        study=study,
        headline=headline,
        details=None if scores is None else read_details(scores),
        published=published_scores(settings.published),
        ablations=() if headline is None else read_ablations(ablations, headline),
        learning=read_learning(store, nodes),
        samples=read_samples(store, nodes, settings),
        audits=_each(nodes, "audit", lambda name, made: read_audit(store, name, made)),
        pretraining=_each(nodes, "pretrain", lambda name, made: read_pretraining(store, name, made)),
        translators=_each(nodes, "translator-score", lambda name, made: read_translator_score(store, name, made)),
        translations=_each(nodes, "translate", lambda name, made: read_translation(store, name, made)),
        documents=tuple(
            read_documents_of(store, node, made) for node, made in nodes.items() if made.kind == "documents"
        ),
        drops=_each(nodes, "corpus", lambda name, made: read_drops(store, name, made)),
        tokens=_each(nodes, "tokens", read_tokens),
        accounts=tuple(account for account in accounts if account is not None),
        lineage=tuple(lineage_of(node, manifest) for node, manifest in nodes.items()),
        code_versions=tuple(sorted({manifest.code_version for manifest in nodes.values()})),
    )


def _each(nodes: Mapping[str, Manifest], stage: str, read: Callable[[str, Manifest], Part]) -> tuple[Part, ...]:
    """What `read` makes of every node of a stage."""
    return tuple(
        read(node.removeprefix(f"{stage}/"), made) for node, made in nodes.items() if node.startswith(f"{stage}/")
    )


def _scores(store: Store, nodes: Mapping[str, Manifest]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Evaluate's `scores.json` and configuration; None for the first where the study has no finished evaluation."""
    for node, manifest in nodes.items():
        if node.startswith("evaluate/"):
            return read_json(store, manifest, "scores.json") or {}, dict(manifest.config)
    return None, {}
