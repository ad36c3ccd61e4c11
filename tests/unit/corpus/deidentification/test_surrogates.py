"""Surrogates are of the same kind and form, consistent within a document, and drawn by document and seed."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.config import SourceConfig
from gmlm.config.corpora import DeidentificationConfig
from gmlm.corpus.deidentification.dates import shifted
from gmlm.corpus.deidentification.deidentify import Deidentifier
from gmlm.corpus.deidentification.identifiers import Identifier
from gmlm.corpus.deidentification.surrogates import LARGEST_SHIFT, Surrogates
from gmlm.corpus.ingest import ingest
from gmlm.errors import ModelMismatchError
from gmlm.shards import read_documents

LETTER = (
    "Wir berichten über Frau Erika Beispiel, geb. 3.4.1950, Fallnummer: 34998877, wohnhaft Hauptstr. 8, 47809 Krefeld."
    "\nAufnahme am 1.2.2021, Entlassung am 11.02.2021. Frau Beispiel bekam Ramipril 5 mg 1-0-1 (Dr. med. Kranz)."
)


def replaced(text: str = LETTER, document: str = "1", seed: int = 13, **config) -> str:
    return Deidentifier(DeidentificationConfig(**config), Path(), seed).replaced(document, text)[0]


def test_nothing_identifying_is_left_and_the_rest_is_untouched():
    text = replaced()
    for original in ("Erika", "Beispiel", "3.4.1950", "34998877", "Hauptstr", "47809", "Krefeld", "2021", "Kranz"):
        assert original not in text
    assert "bekam Ramipril 5 mg 1-0-1 (Dr. med. " in text
    assert text.startswith("Wir berichten über Frau ")


def test_one_person_keeps_one_name_and_intervals_keep_their_length():
    text = replaced()
    family = re.search(r"Frau (\w+) (\w+), geb", text).group(2)
    assert f"Frau {family} bekam" in text
    first, last = re.search(r"Aufnahme am (\S+), Entlassung am (\S+)\. Frau", text).groups()
    days = [date(*map(int, reversed(day.split(".")))) for day in (first, last)]
    assert (days[1] - days[0]).days == 10


def test_surrogates_depend_on_document_and_seed_and_on_nothing_else():
    assert replaced() == replaced()
    assert len({replaced(), replaced(document="2"), replaced(seed=14)}) == 3


def test_only_the_kinds_asked_for_are_replaced():
    assert replaced(kinds=("id",)) == LETTER.replace("34998877", re.search(r"\d{8}", replaced(kinds=("id",))).group())


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("1.2.2021", 10, "11.2.2021"),
        ("01.02.21", 365, "01.02.22"),
        ("28.12.", 10, "7.1."),
        ("5. Juli 2024", 31, "5. August 2024"),
        ("2023-04-26", 5, "2023-05-01"),
        ("04/2022", 40, "05/2022"),
        ("2017", 400, "2018"),
        ("31.2.2020", 1, "1.3.2020"),
    ],
)
def test_dates_move_in_their_own_form(text, days, expected):
    assert shifted(text, days) == expected


@given(st.text("0123456789AZaz-/. ", min_size=1, max_size=15), st.integers(0, 50))
def test_numbers_keep_their_form(text, seed):
    surrogate = Surrogates("d", seed).of(Identifier(0, len(text), "id"), text)
    shape = [re.sub(r"\d", "0", re.sub("[a-z]", "a", re.sub("[A-Z]", "A", each))) for each in (text, surrogate)]
    assert shape[0] == shape[1]


@given(st.integers(0, 10_000))
def test_dates_move_back_by_at_most_ten_years(seed):
    moved = Surrogates("d", seed).of(Identifier(0, 10, "date"), "15.06.2020")
    day, month, year = map(int, moved.split("."))
    assert 1 <= (date(2020, 6, 15) - date(year, month, day)).days <= LARGEST_SHIFT


def test_a_source_is_de_identified_on_its_way_in_and_its_quarantine_holds_no_text(write_file, make_run):
    path = write_file("a.jsonl", json.dumps({"id": "1", "text": LETTER}) + "\n" + f'{{"bad": "{LETTER[:30]}"}}\n')
    run = make_run("ingest")
    config = SourceConfig(
        reader="jsonl", path=str(path), id_field="id", language="de", max_rejected_ratio=1, deidentification={}
    )
    made = ingest(config, run)
    (document,) = read_documents(run.store, made)
    assert document.text == replaced()
    assert made.metrics["replaced: name"] == 3
    assert json.loads(run.store.read(run.key("quarantine.jsonl")))["record"] is None


def test_a_model_finds_what_the_rules_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "gmlm.corpus.deidentification.deidentify.find_with_model", lambda text, folder: [Identifier(0, 5, "name")]
    )
    assert "Wanda" in replaced("Wanda kam.")
    assert "Wanda" not in replaced("Wanda kam.", model=str(tmp_path))


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelMismatchError, match="no token-classification model"):
        replaced("Wanda kam.", model=str(tmp_path))


def test_the_command_writes_texts_with_surrogates(write_file, tmp_path):
    path, output = write_file("a.jsonl", json.dumps({"id": "1", "text": LETTER}) + "\n"), tmp_path / "out.jsonl"
    result = CliRunner().invoke(app, ["deidentify", str(path), "--output", str(output)])
    assert result.exit_code == 0
    assert "name: 3" in result.output
    assert json.loads(output.read_text()) == {"id": "1", "text": replaced()}
