"""Addresses and institutions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gmlm.corpus.deidentification.identifiers import Identifier

_CAPITAL = r"[A-ZÄÖÜ][\wäöüßÄÖÜ]*(?:-[A-ZÄÖÜ][\wäöüß]*)*"
_GAP = r"[^\S\n]+"
_NO_PLACE = (
    r"(?!Abteilung|Abt|Klinik|KLINIK|Station|Zentrum|Direktor|Institut|Ambulanz|Arzt|Akadem|Vorst|Leit|Telefon|Tel|Fax|Dr"
    r"|Prof|Herr|Frau|Sehr|Am\b|Im\b|In\b|Die\b|Der\b|Das\b|Es\b|Nach\b|Bei\b|Aufnahme|Behandlung|Diagnos|Anlage|Revision)"
)
_CITY = (
    rf"{_NO_PLACE}(?:(?:Bad|Klein|Groß|Sankt|St\.|Neu|Alt){_GAP})?{_CAPITAL}"
    rf"(?:{_GAP}(?:am|an der|im|ob der){_GAP}{_CAPITAL})?"
)
_CODE = r"(?:[ADF]-\d{4,5}|\d{5}|(?:(?<=, )|(?<=\n)|(?<=in )|(?<=: ))(?!19|20)\d{4})"
_ZIP_AND_CITY = re.compile(rf"(?<![\w./-])(?P<zip>{_CODE})[^\S\n]{{1,3}}(?P<city>{_CITY})")
_KIND_OF_STREET = r"(?:stra?ße|strasse|str\.|gasse|weg|platz|allee|damm|ufer|pfad|kamp|steig|stieg)"
_HOUSE = r"\.?[^\S\n]{1,2}\d{1,4}(?:[^\S\n]?[a-z]\b)?(?!\d|[.,]\d)"
_STREETS = (
    re.compile(rf"\b(?:[A-ZÄÖÜ][\wäöüß]*er{_GAP})?[A-ZÄÖÜ][\wäöüß]*{_KIND_OF_STREET}{_HOUSE}"),
    re.compile(rf"\b(?:[A-ZÄÖÜ][\wäöüß]*-)+(?:Straße|Str\.|Gasse|Weg|Platz|Allee|Ring|Damm){_HOUSE}"),
    re.compile(rf"\b[A-ZÄÖÜ][\wäöüß]*(?:er|e|en){_GAP}(?:Str\.|Straße|Weg|Platz|Allee|Gasse|Ring){_HOUSE}"),
    re.compile(rf"\b(?:Am|An der|Im|Auf dem){_GAP}{_CAPITAL}{_HOUSE}(?=[^\S\n]*(?:\n|,))"),
    re.compile(
        rf"(?<=\n)(?:(?:Am|An der|Im|Auf dem|Zum|Zur){_GAP}{_CAPITAL}|{_CAPITAL}{_KIND_OF_STREET}\.?)"
        r"(?=[^\S\n]*\n[^\S\n]*(?:[A-Z]-)?\d{4,5}\s)"
    ),
)
_CITIES_ALONE = (
    re.compile(rf"(?:wohnhaft|lebt|wohnt|gebürtig|Heim|Wohnort:?|geboren){_GAP}(?:in|aus){_GAP}(?P<city>{_CITY})"),
    re.compile(rf"^[^\S\n]*(?P<city>{_CITY})(?=,[^\S\n]*(?:am|den|dem)?[^\S\n]*\d{{1,2}}\.)", re.M),
)
_HOSPITAL = (
    r"(?:[Uu]ni(?:versitäts)?klinikum|[Uu]ni(?:versitäts)?klinik|UNIKLINIK|[Kk]linikum|KLINIKUM|[Kk]rankenh(?:aus|äuser)(?:es)?"
    r"|KRANKENHAUS|[Ss]pital|[Hh]ospital|[Nn]ervenklinik|[Rr]ehaklinik|[Ff]achklinik|[Kk]rankenanstaltenverbund)"
)
_OF = (
    rf"(?:{_GAP}der{_GAP}Medizinischen{_GAP}(?:Hochschule|Universität)|{_GAP}der(?={_GAP}[A-ZÄÖÜ])|{_GAP}zum"
    rf"|{_GAP}der{_GAP}barmherzigen)?"
)
_INSTITUTIONS = (
    re.compile(
        rf"(?<!\w)(?:Klinik{_GAP}für{_GAP}{_CAPITAL}{_GAP}des{_GAP})?(?:Städt\.{_GAP})?(?:[A-ZÄÖÜ][\wäöüß-]*)?{_HOSPITAL}{_OF}"
        rf"(?:{_GAP}|[^\S\n]*\n)?(?<=\s){_CITY}"
    ),
    re.compile(rf"\b(?:L?KH|ÖHK|UKH|BKH|KJPP){_GAP}(?:der{_GAP})?{_CITY}"),
    re.compile(rf"\b(?:Praxis|Ordination|Hausarzt){_GAP}(?:Dres?\.{_GAP})(?:med\.{_GAP})?{_CAPITAL}"),
    re.compile(rf"\b{_CAPITAL}-(?:KLINIK|Klinik|Krankenhaus|KRANKENHAUS){_GAP}{_CITY}"),
    re.compile(rf"\b{_CAPITAL}{_GAP}Reha(?:{_GAP}|-)?[Zz]entrum\b"),
)


def find_places(text: str) -> Iterator[Identifier]:
    """Postal codes, cities, streets, and institutions with the place or name they bear."""
    cities = set[str]()
    for match in _ZIP_AND_CITY.finditer(text):
        cities.add(match.group("city"))
        yield Identifier(*match.span("zip"), "address", "zip")
        yield Identifier(*match.span("city"), "address", "city")
    for rule in _CITIES_ALONE:
        for match in rule.finditer(text):
            cities.add(match.group("city"))
            yield Identifier(*match.span("city"), "address", "city")
    for rule in _STREETS:
        yield from (Identifier(*match.span(), "address", "street") for match in rule.finditer(text))
    for rule in _INSTITUTIONS:
        yield from (Identifier(*match.span(), "institution") for match in rule.finditer(text))
    for city in cities:
        for match in re.finditer(rf"\b{re.escape(city)}\b", text):
            yield Identifier(*match.span(), "address", "city")
