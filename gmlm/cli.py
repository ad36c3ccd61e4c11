"""The command line. Nothing heavy is imported before a command runs: `gmlm --help` answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import typer

from gmlm.commands import outputs, running
from gmlm.corpus.deidentification.cli import deidentify
from gmlm.kubernetes.cli import app as pipeline_app
from gmlm.kubernetes.doctor.cli import doctor
from gmlm.kubernetes.launcher.cli import app as kubernetes_app

app = typer.Typer(
    name="gmlm",
    help="German medical language models: from raw corpora to a scored German clinical encoder.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

STAGES = {
    "ingest": "Read the study's sources and tasks into the store.",
    "translate": "Make or load translators, score them, and translate.",
    "build-corpus": "Filter, de-duplicate, decontaminate, mix and tokenise the corpora.",
    "pretrain": "Train or continue the encoders.",
    "finetune": "Fine-tune every model on every task with every seed.",
    "audit": "Measure what the models remember of their training text.",
    "report": "Write the report.",
}
"""Commands that run the stages of one kind; `evaluate` has options of its own."""

app.command()(outputs.demo)
app.command()(outputs.tasks)
app.command()(outputs.validate)
app.command()(outputs.plan)
app.command()(running.run)
for name, text in STAGES.items():
    app.command(name, help=text)(running.stage_command(name))
app.command()(running.evaluate)
app.command("translation-report")(outputs.translation_report)
app.command()(outputs.monitor)
app.command()(outputs.lineage)
app.command()(outputs.export)
app.command()(deidentify)
app.command()(doctor)
app.add_typer(pipeline_app, name="pipeline")
app.add_typer(kubernetes_app, name="kubernetes")


def main() -> None:
    """Run a command; every error of ours becomes one message and an exit code of its own."""
    from gmlm import interruption
    from gmlm.errors import GmlmError

    interruption.install()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the stages show their own
    try:
        app()
    except GmlmError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to resume", err=True)
        sys.exit(130)
    except Exception as error:
        _fail_unexpectedly(error)


def _fail_unexpectedly(error: Exception) -> NoReturn:
    """Report a bug without its message, which could hold a document's text; GMLM_DEBUG=1 shows all of it."""
    if os.environ.get("GMLM_DEBUG") == "1":
        raise error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"
    typer.echo(f"error: unexpected {type(error).__name__} at {where}", err=True)
    typer.echo("  What to do: report this as a bug; GMLM_DEBUG=1 shows the traceback (it may hold text)", err=True)
    sys.exit(70)


if __name__ == "__main__":
    main()
