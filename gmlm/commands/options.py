"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
StoreUri = Annotated[str | None, typer.Option("--store", help="Folder or s3://bucket/prefix instead of the study's.")]
Force = Annotated[bool, typer.Option("--force", help="Make the selected stages again although they are finished.")]
MetricsPort = Annotated[
    int | None, typer.Option(envvar="GMLM_METRICS_PORT", help="Serve Prometheus metrics on this port.")
]
Pushgateway = Annotated[
    str | None, typer.Option(envvar="GMLM_PUSHGATEWAY", help="Push results to this Pushgateway at the end.")
]
LogFormat = Annotated[str, typer.Option(help="Log lines on standard error: text or json.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes that share the work where a stage can; default: GMLM_WORKERS or 1.")
]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
