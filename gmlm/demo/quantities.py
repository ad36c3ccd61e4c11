"""Doses, values, dates and other numbers, written as each language writes them."""

from __future__ import annotations

import random
from collections.abc import Callable

from gmlm.demo.terms import Phrase, Term, phrases


def amount(dose: str) -> Phrase:
    """A dose: `47.5 mg` is `47,5 mg` in German, and IU is IE."""
    return Phrase(dose, dose.replace(".", ",").replace("IU", "IE"))


def lab_value(lab: Term, choose: random.Random, *, upper: bool) -> Phrase:
    """A value of a laboratory test with its unit, from the upper or the lower half of its range."""
    unit, low, high, decimals = lab.settings
    middle = (float(low) + float(high)) / 2
    value = choose.uniform(middle, float(high)) if upper else choose.uniform(float(low), middle)
    return amount(f"{value:.{decimals}f} {unit}")


def date(choose: random.Random) -> Phrase:
    """A day of the year: `March 3` and `3. März`."""
    month, day = choose.choice(phrases()["month"]), choose.randint(1, 28)
    return Phrase(f"{month.en} {day}", f"{day}. {month.de}")


def _same(text: str) -> Phrase:
    return Phrase(text, text)


def _decimal(value: float) -> Phrase:
    return amount(f"{value:.1f}")


def placeholder(choose: random.Random, *, male: bool) -> Phrase:
    """A patient's name as MIMIC de-identifies it, with the form of address."""
    english, german = ("Mr.", "Herr") if male else ("Mrs.", "Frau")
    name = f"[**Last Name {choose.randint(1, 40)}**]"
    return Phrase(f"{english} {name}", f"{german} {name}")


NUMBERS: dict[str, Callable[[random.Random], Phrase]] = {
    "age": lambda choose: _same(str(choose.randint(24, 93))),
    "count": lambda choose: _same(str(choose.randint(2, 14))),
    "many": lambda choose: _same(str(choose.randint(20, 900))),
    "percent": lambda choose: _same(str(choose.randint(3, 80))),
    "year": lambda choose: _same(str(choose.randint(1995, 2021))),
    "systolic": lambda choose: _same(str(choose.randint(90, 200))),
    "diastolic": lambda choose: _same(str(choose.randint(50, 110))),
    "pulse": lambda choose: _same(str(choose.randint(48, 140))),
    "temperature": lambda choose: _decimal(choose.uniform(35.8, 40.2)),
    "size": lambda choose: _decimal(choose.uniform(0.4, 9.5)),
    "date": date,
    "hospital": lambda choose: _same(f"[**Hospital {choose.randint(1, 60)}**]"),
    "stamp": lambda choose: _same(
        f"[**{choose.randint(2100, 2199)}-{choose.randint(1, 12)}-{choose.randint(1, 28)}**]"
    ),
}
"""How each numeric slot is drawn."""
