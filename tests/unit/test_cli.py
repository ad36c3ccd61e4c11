"""The command line answers at once, and each error has its own exit code and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gmlm import cli, errors


def gmlm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmlm.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, gmlm.cli; print(*sys.modules)"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"torch", "transformers", "kfp", "boto3", "datasets", "pydantic", "pyarrow", "prometheus_client", "numpy"}
    assert not heavy & modules


def test_an_unknown_key_ends_with_the_code_of_configuration_errors(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: x\nmodle: 1\n")
    result = gmlm("validate", str(study))
    assert result.returncode == errors.ConfigError.exit_code
    assert "modle: unknown key" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_study_ends_with_the_code_of_missing_inputs(tmp_path: Path) -> None:
    result = gmlm("run", str(tmp_path / "none.yaml"))
    assert result.returncode == errors.InputNotFoundError.exit_code
    assert "none.yaml" in result.stderr


def test_every_error_has_a_distinct_exit_code() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    own = {value.exit_code: value for value in classes if "exit_code" in vars(value)}
    assert len(own) == len([value for value in classes if "exit_code" in vars(value)])
    assert not {0, 2} & set(own)


def test_a_bug_is_reported_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("Patient Mustermann")

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.delenv("GMLM_DEBUG", raising=False)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 70
    assert "Mustermann" not in capsys.readouterr().err
