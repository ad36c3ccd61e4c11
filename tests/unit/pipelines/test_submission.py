"""A study is checked before it is sent; the pipeline that was given is taken, else one is compiled and removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config import load_study, parse_study
from gmlm.errors import ConfigError, InputNotFoundError
from pipelines.submission import Submission


def test_a_run_is_named_after_study_and_pipeline_and_is_given_the_study_as_text(stub_study: Path) -> None:
    submission = Submission(stub_study, "s3://b/p", "s3://b/inputs", pipeline="evaluate_models")
    assert submission.name == "small evaluate_models"
    assert submission.arguments == {
        "study": stub_study.read_text(),
        "store": "s3://b/p",
        "study_folder": "s3://b/inputs",
    }


def test_a_study_that_extends_another_is_sent_whole(stub_study: Path) -> None:
    child = stub_study.with_name("child.yaml")
    child.write_text(f"extends: {stub_study.name}\nseed: 5\n")
    sent = parse_study(Submission(child, "s3://b/p").arguments["study"])
    assert sent == load_study(stub_study).model_copy(update={"seed": 5})


def test_a_package_that_is_given_is_taken(stub_study: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    given.write_text("x")
    with Submission(stub_study, "s", compiled=given).package() as package:
        assert package == given


def test_a_missing_package_is_named(stub_study: Path, tmp_path: Path) -> None:
    submission = Submission(stub_study, "s", compiled=tmp_path / "none.yaml")
    with pytest.raises(InputNotFoundError, match=r"none\.yaml"), submission.package():
        pass


def test_without_a_package_one_is_compiled_with_the_rounds_of_the_study_and_removed_afterwards(
    stub_study: Path,
) -> None:
    with Submission(stub_study, "s", pipeline="continue_pretraining", profile="smoke-cpu").package() as package:
        assert package.read_text().count("componentRef") > 0
        assert package.read_text().count("comp-pretraining-2:") == 1
        assert "comp-pretraining-3:" not in package.read_text()
    assert not package.exists()


def test_a_wrong_study_is_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: x\nmodle: 1\n")
    submission = Submission(tmp_path / "study.yaml", "s", profile="no such")
    with pytest.raises(ConfigError, match="modle"), submission.package():
        pass


def test_the_service_account_is_that_of_the_profile(stub_study: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("{name: mine, image: i, service_account: gmlm-pipeline}")
    assert Submission(stub_study, "s3://b", profile=str(mine)).service_account == "gmlm-pipeline"
    assert Submission(stub_study, "s3://b", profile="smoke-cpu").service_account is None
