"""Study overview: which stages ran, what became of the documents, and how the store behaves."""

from __future__ import annotations

from gmlm.monitoring.panels import CHECKPOINTS, PHASES, DashboardSpec, Panel, Query, Threshold, of, rate
from gmlm.telemetry import names

_ONE_IS_BAD = (Threshold(1, "red"),)

STAGES = (
    Panel(
        "Finished",
        "Nodes of the study that this process or its pods have finished.",
        (Query(f"sum({of(names.STAGE_RUNS, outcome='finished')})", "finished"),),
        "none",
        "number",
        4,
    ),
    Panel(
        "Failed",
        "Nodes that failed; what needs them is left out. `gmlm run` again resumes.",
        (Query(f"sum({of(names.STAGE_RUNS, outcome='failed')})", "failed"),),
        "none",
        "number",
        4,
        _ONE_IS_BAD,
    ),
    Panel(
        "Running now",
        "Stages at work, each as 1.",
        (Query(f"sum by (stage) ({of(names.STAGE_RUNNING)})", "{{stage}}"),),
        "none",
        width=8,
    ),
    Panel(
        "Progress",
        "Share of the current piece of work of each stage that is done.",
        (Query(f"{of(names.PROGRESS_DONE)} / {of(names.PROGRESS_PLANNED)}", "{{stage}}"),),
        "percentunit",
        width=8,
    ),
    Panel(
        "Time by stage",
        "Wall-clock seconds that the stages took, all nodes of a stage together.",
        (Query(f'sum by (stage) ({names.STAGE_SECONDS.name}_sum{{study=~"$study"}})', "{{stage}}"),),
        "s",
        "bars",
        12,
    ),
    Panel(
        "Training",
        "Share of the optimiser steps done, of every training.",
        (Query(f"{of(names.STEP)} / {of(names.PLANNED_STEPS)}", "{{stage}} {{model}} {{task}}"),),
        "percentunit",
        width=12,
    ),
)
TEXTS = (
    Panel(
        "Documents",
        "Documents of finished stages by what became of them: in = out + rejected + dropped. None of a kind, no bar.",
        (
            Query(
                f"sum by (stage, outcome) ({of(names.DOCUMENTS, stage='ingest|translate|corpus')}) > 0",
                "{{stage}} {{outcome}}",
            ),
        ),
        "none",
        "bars",
        12,
    ),
    Panel(
        "Rejected",
        "Share of the documents that a stage could not read or use. Above 5 % look into quarantine.jsonl.",
        (
            Query(
                f"sum by (stage) ({of(names.DOCUMENTS, outcome='rejected')})"
                f" / sum by (stage) ({of(names.DOCUMENTS, outcome='in')} > 0)",
                "{{stage}}",
            ),
        ),
        "percentunit",
        "bars",
        12,
        (Threshold(0.01, "yellow"), Threshold(0.05, "red")),
    ),
)
PROCESS = (
    Panel(
        "Memory",
        "Resident memory of each process.",
        (Query('process_resident_memory_bytes{study=~"$study"}', "{{instance}}"),),
        "bytes",
    ),
    Panel(
        "CPU",
        "Cores in use by each process.",
        (Query('rate(process_cpu_seconds_total{study=~"$study"}[$__rate_interval])', "{{instance}}"),),
        "none",
    ),
    Panel(
        "Store",
        "Requests a second to the S3 store, and those sent again. Empty where the store is a folder.",
        (
            Query(f"sum by (operation) ({rate(names.STORE_REQUESTS)})", "{{operation}}"),
            Query(f"sum by (operation) ({rate(names.STORE_RETRIES)})", "{{operation}} again"),
        ),
    ),
    Panel(
        "Power of stages",
        "Electric power while stages run: rapl is the whole machine's CPUs and memory, nvml whole GPUs. Empty where "
        "neither can be read.",
        (Query(f"sum by (stage, meter) ({rate(names.ENERGY)})", "{{stage}} {{meter}}"),),
        "watt",
        width=24,
    ),
)

STUDY_OVERVIEW = DashboardSpec(
    "gmlm-study",
    "gmlm / Study",
    "Where a study stands: stages, documents, processes and the store.",
    {"Stages": STAGES, "Texts": TEXTS, "Processes and store": PROCESS},
    annotations=(PHASES, CHECKPOINTS),
)
