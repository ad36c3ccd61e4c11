"""What the rules find, and what they leave alone. The sentences are made up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gmlm.corpus.deidentification.identifiers import Identifier, without_overlaps
from gmlm.corpus.deidentification.rules import find_identifiers


def found(text: str, *kinds: str) -> list[str]:
    return [text[each.start : each.end] for each in find_identifiers(text) if not kinds or each.kind in kinds]


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("Aufnahme am 3.12.2021, Entlassung am 07.01.22.", ["3.12.2021", "07.01.22"]),
        ("vom 19.3. bis zum 7.5.2029", ["19.3.", "7.5.2029"]),
        ("am 5. Juli 2024 und im August 2024", ["5. Juli 2024", "August 2024"]),
        ("2023-04-26: Visite; MRT (04/2022); OP 3/11/2020", ["2023-04-26", "04/2022", "3/11/2020"]),
        ("Z.n. Apoplex 2017, Diabetes seit 2009", ["2017", "2009"]),
    ],
)
def test_dates_in_figures_and_words(text, dates):
    assert found(text, "date") == dates


@pytest.mark.parametrize(
    "text",
    [
        "RR 120/80 mmHg, Puls 72/min, Temperatur 36.8 Grad.",
        "Ramipril 2.5 mg 1-0-1, Metformin 2000 mg, 2000 ml Ringer.",
        "Leukozyten 3.610/µl, CRP 12.5 mg/l, Hb 13.2 g/dl, ICD I10.90 und C20.",
        "Die Patientin klagt über Husten. Die Lunge ist frei, Leber und Milz nicht vergrößert.",
        "Klinik für Innere Medizin, Abteilung für Onkologie. Der Patient wurde entlassen.",
        "Herzinsuffizienz NYHA III, LVEF 35 %, KHK, 3-Gefäßerkrankung, Stent 3x15 mm.",
    ],
)
def test_measurements_doses_and_findings_are_left_alone(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Wir berichten über Frau Erika Beispiel, geb. 3.4.1950.", ["Erika Beispiel"]),
        ("Ihren Patienten Muster, Hans, * 21.3.1979, wohnhaft", ["Muster, Hans"]),
        ("Sehr geehrte Frau Kollegin Weidlich, ", ["Weidlich"]),
        ("Konsil bei OA Prof. Dr. med. von Ruhland erbeten", ["von Ruhland"]),
        ("Mit freundlichen Grüßen\n\nKlara Feldmann\nOberärztin", ["Klara Feldmann"]),
        ("Frau BEISPIEL kam. Später klagte Beispiel über Schmerz.", ["BEISPIEL", "Beispiel"]),
        ("Herr K. war unruhig.", ["K."]),
    ],
)
def test_names_behind_titles_and_forms_of_address_and_again_elsewhere(text, names):
    assert found(text, "name") == names


def test_titles_are_told_apart_from_names():
    text = "Prof. Dr. med. Ulrike Sommer"
    assert found(text, "title") == ["Prof. Dr. med."]
    assert found(text, "name") == ["Ulrike Sommer"]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Fallnummer: 34998877, Pat.-Nr. A-2023441", "id", ["34998877", "A-2023441"]),
        ("Verlegung auf Station 4A, dann Intensivstation I03.", "id", ["4A", "I03"]),
        ("Tel.: 0816/333-132, Fax +43 (453) 14-592", "contact", ["0816/333-132", "+43 (453) 14-592"]),
        ("Mail an a@klinik.example oder www.klinik.example", "contact", ["a@klinik.example", "www.klinik.example"]),
        ("wohnhaft Hauptstr. 8, 47809 Krefeld, kam", "address", ["Hauptstr. 8", "47809", "Krefeld"]),
        ("Robert-Koch-Str. 17\n01334 Neustadt", "address", ["Robert-Koch-Str. 17", "01334", "Neustadt"]),
        ("im Universitätsklinikum Jena behandelt", "institution", ["Universitätsklinikum Jena"]),
        ("eine 82-jährige Patientin", "age", ["82"]),
    ],
)  # fmt: skip
def test_numbers_addresses_and_institutions(text, kind, expected):
    assert found(text, kind) == expected


def test_of_what_overlaps_the_longest_stays_and_the_rest_beside_it():
    text = "abcdef ghij"
    parts = [Identifier(0, 6, "name"), Identifier(4, 11, "address"), Identifier(2, 3, "id")]
    assert without_overlaps(parts, text) == [Identifier(0, 4, "name"), Identifier(4, 11, "address")]


def test_what_is_found_never_overlaps_and_holds_a_letter_or_digit():
    text = "Herrn Dr. Pierre Muster Innsbrucker Landstraße 22a\nA-2236 Opfing, Tel.: 0816/333-132 am 3.4.2020" * 3
    identifiers = find_identifiers(text)
    assert all(one.end <= other.start for one, other in pairwise(identifiers))
    assert all(any(c.isalnum() for c in text[each.start : each.end]) for each in identifiers)
