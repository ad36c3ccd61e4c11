"""Writes the reference of the metrics from their list: `python -m gmlm.telemetry.reference`."""

from __future__ import annotations

import sys

from gmlm.telemetry import names

INTRODUCTION = """# Metrics

A run exports these to Prometheus. `gmlm run STUDY.yaml --metrics-port 9464` (or `GMLM_METRICS_PORT=9464`) serves them
at `http://HOST:9464/metrics` for as long as the run lasts; pods take the port from the same variable. A port that
cannot be had is logged and stops nothing. [Watching a run](../tutorials/watching-a-run.md) shows what to do with them.

Every metric also has the label `study`, the name in the study file. A counter starts at 0 with its process, so look at
`rate` and `increase`, never at its value. A series of kind *live* is read at the moment of a scrape and vanishes with
the work that it tells of. Those marked *pushed* are what `--pushgateway URL` (or `GMLM_PUSHGATEWAY`) sends to a
Pushgateway when a run or a pod ends, and nothing else is: the gateway keeps what it was sent until somebody deletes it.

This page is written by `python -m gmlm.telemetry.reference` from the code.
"""
LABELS = """
Beside them stand `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds` and the other
metrics of the Python client's process collector.

## Labels

| label | values |
|---|---|
| `study` | the study's name |
| `stage` | the stages of [the contract](../developers/stages.md), such as `ingest` or `pretrain` |
| `model` | names in the study file, of translators too |
| `task` | names in the study file; `translation/REFERENCE` for the scores of translators |
| `phase` | number of the phase of pre-training, from 1; empty elsewhere |
| `source` | names of sources and translations in the study file |
| `term` | `generator_loss`, `discriminator_loss`, `discriminator_accuracy`, `replaced_share` (ELECTRA) |
| `split` | `dev` or `test` |
| `metric` | `f1`, `bleu` or `chrf`; F1 runs from 0 to 1, BLEU and chrF from 0 to 100 |
| `outcome` of stages | `finished`, `recognised`, `interrupted`, `failed` |
| `outcome` of documents | `in`, `out`, `rejected`, `dropped`; in = out + rejected + dropped |
| `outcome` of segments | `translated`, `copied`, `flagged` |
| `side` | `source` or `target` |
| `origin` | `shard` or `memory` (what other shards or runs have translated) |
| `flag` | the flags of [translation](translation.md#quality), such as `numbers` |
| `meter` | `rapl` or `nvml`, see [usage](usage.md); absent where it cannot be read |
| `kind` | `allocated`, `reserved` or `peak` |
| `operation` | an operation of S3, such as `PutObject` |
| `error` | a class of `gmlm.errors`, such as `StorageError` |
| `version` | version of gmlm |

No label and no value ever holds text or the id of a document.

## Model FLOP utilisation

MFU is `rate(gmlm_training_flop_total[5m]) / gmlm_training_peak_flop_per_second`. Operations are 6 a token and
parameter (Kaplan et al. 2020), without embeddings and without attention scores, so the figure is a little low for long
sequences. The peak is that of dense bf16 from NVIDIA's data sheets. For a device that is not in the table of
`gmlm/training/flop.py`, CPUs included, set `GMLM_PEAK_FLOPS` to the peak of one worker's device; without it there is
no MFU.

## For developers

A metric is a line in `gmlm/telemetry/names.py`. Stages report by the functions of `gmlm.telemetry.metrics`, of which
none raises; trainings by the hook `gmlm.training.TrainingMetrics`, which costs some microseconds a step
(`make bench-telemetry`); how far a stage is follows from `gmlm.telemetry.progress`, read at a scrape. Of several
workers only the first one reports, and `tokens` are those of all. Worker processes of one stage on one machine are not
scraped: while they work, speeds of translation are those of the first process, and the counts of documents come at the
stage's end. `make dashboards` writes this page and Grafana's files anew.
"""


def metrics_reference() -> str:
    """The reference page in Markdown: a row for each metric."""
    rows = "\n".join(_row(metric) for metric in names.METRICS)
    return f"{INTRODUCTION}\n| metric | kind | labels | pushed | meaning |\n|---|---|---|---|---|\n{rows}\n{LABELS}"


def _row(metric: names.MetricName) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    pushed = "yes" if metric.result else ""
    return f"| `{metric.name}` | {metric.kind} | {labels} | {pushed} | {metric.help} |"


if __name__ == "__main__":
    sys.stdout.write(metrics_reference())
