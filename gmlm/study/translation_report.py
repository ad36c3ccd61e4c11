"""What `gmlm translation-report` prints, and the samples that it writes where it is asked to."""

from __future__ import annotations

from pathlib import Path

from gmlm.errors import ConfigError
from gmlm.manifest import find_manifest
from gmlm.study.commands import open_study


def translation_report(study: Path, *, store: str | None = None, worst: int = 0, output: Path | None = None) -> str:
    """Figures of every finished translation of a study.

    Args:
        study: The study file.
        store: Store instead of the study's own.
        worst: Segments of each translation that are written to `output`, those with the lowest scores.
        output: A JSONL file for them; it holds text of the corpus, so it is written only where it is named.

    Raises:
        ConfigError: The study has no finished translation.
    """
    opened = open_study(study, store=store)
    prefixes = [node.prefix for node_id, node in opened.plan.nodes.items() if node_id.startswith("translate/")]
    found = [manifest for prefix in prefixes if (manifest := find_manifest(opened.store, prefix)) is not None]
    if not found:
        raise ConfigError("no translation is finished", where=str(study), fix=f"run: gmlm translate {study}")
    from gmlm.translation.report import measure, samples_jsonl

    texts, samples = [], ""
    for manifest in found:
        figures, rows = measure(opened.store, manifest, worst if output else 0)
        texts.append(figures.text())
        samples += samples_jsonl(manifest.name, rows)
    if output is not None:
        output.write_text(samples, encoding="utf-8")
        texts.append(f"{output}: the segments with the lowest scores")
    return "\n".join(texts)
