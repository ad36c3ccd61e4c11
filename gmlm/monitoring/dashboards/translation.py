"""Translation: speed, backlog, quality of the translators and of their output."""

from __future__ import annotations

from gmlm.monitoring.panels import DashboardSpec, Panel, Query, Threshold, of, rate
from gmlm.telemetry import names

SPEED = (
    Panel(
        "Source tokens per second",
        "Tokens that translators read a second; equal segments are translated once and count once.",
        (Query(f"sum by (study) ({rate(names.TRANSLATION_TOKENS)})", "tokens/s"),),
    ),
    Panel(
        "Segments per second",
        "Segments by outcome, counted when their shard is written.",
        (Query(f"sum by (outcome) ({rate(names.SEGMENTS)})", "{{outcome}}"),),
    ),
    Panel(
        "Documents left",
        "Documents of the running translation that are not done.",
        (
            Query(
                f"{of(names.PROGRESS_PLANNED, stage='translate')} - {of(names.PROGRESS_DONE, stage='translate')}",
                "documents",
            ),
        ),
    ),
    Panel(
        "Segments not translated again",
        "Segments a second that equal another of their shard, or that other shards or runs have translated.",
        (Query(f"sum by (origin) ({rate(names.TRANSLATION_REUSED)})", "{{origin}}"),),
    ),
    Panel(
        "Seconds per batch",
        "Mean time of a batch of segments.",
        (
            Query(
                f"sum({rate(names.TRANSLATION_BATCH_SECONDS, part='_sum')})"
                f" / sum({rate(names.TRANSLATION_BATCH_SECONDS, part='_count')})",
                "seconds",
            ),
        ),
        "s",
    ),
    Panel(
        "Flags",
        "What is suspicious about segments, a second; a segment may have several flags.",
        (Query(f"sum by (flag) ({rate(names.TRANSLATION_FLAGS)})", "{{flag}}"),),
    ),
)
QUALITY = (
    Panel(
        "Translator scores",
        "BLEU and chrF (0 to 100) of each translator on each reference.",
        (
            Query(
                "max by (model, task, metric) (" + of(names.SCORE, metric="bleu|chrf") + ")",
                "{{model}} {{task}} {{metric}}",
            ),
        ),
        "none",
        "bars",
    ),
    Panel(
        "Flagged segments",
        "Share of the translated segments that are cut off, repeated or not translated. Above 20 % try another "
        "translator.",
        (
            Query(
                f"sum({of(names.SEGMENTS, outcome='flagged')}) / sum({of(names.SEGMENTS, outcome='translated')})",
                "flagged",
            ),
        ),
        "percentunit",
        "number",
        4,
        (Threshold(0.05, "yellow"), Threshold(0.2, "red")),
    ),
    Panel(
        "Target words per source word",
        "German words for an English one; compounds make it a little less than 1.",
        (
            Query(
                f"sum({of(names.TRANSLATION_WORDS, side='target')})"
                f" / sum({of(names.TRANSLATION_WORDS, side='source')})",
                "ratio",
            ),
        ),
        "short",
        "number",
        4,
    ),
    Panel(
        "Rejected documents",
        "Share of the documents of finished translations that were quarantined, and of records set aside since.",
        (
            Query(
                f"sum({of(names.DOCUMENTS, stage='translate', outcome='rejected')})"
                f" / sum({of(names.DOCUMENTS, stage='translate', outcome='in')})",
                "rejected",
            ),
        ),
        "percentunit",
        "number",
        8,
        (Threshold(0.01, "yellow"), Threshold(0.05, "red")),
    ),
)
TRANSLATORS = (
    Panel(
        "Loss of translators in training",
        "Label-smoothed cross entropy of translators that the study trains itself.",
        (Query(of(names.LOSS, stage="translator"), "{{model}}"),),
        width=12,
    ),
    Panel(
        "Tokens per second of translators in training",
        "Tokens of both sides a second.",
        (Query(rate(names.TOKENS, stage="translator"), "{{model}}"),),
        width=12,
    ),
)

TRANSLATION = DashboardSpec(
    "gmlm-translation",
    "gmlm / Translation",
    "How fast and how well English text becomes German.",
    {"Speed": SPEED, "Quality": QUALITY, "Training of translators": TRANSLATORS},
)
