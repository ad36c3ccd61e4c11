"""Names of people: behind titles, forms of address and roles, before a birthday, under a letter, and again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gmlm.corpus.deidentification.identifiers import Identifier

_UPPER, _LOWER = "A-ZÀ-ÖØ-ÞŁŠŽĆČ", "a-zß-öø-ÿā-ž"
_TOKEN = rf"(?:[{_UPPER}][{_LOWER}]+(?:-[{_UPPER}][{_LOWER}]+)*|[{_UPPER}]{{3,}}(?:-[{_UPPER}]{{2,}})*)"
_INITIAL = rf"(?:[{_UPPER}][a-z]{{0,2}}\.)"
_PARTICLE = r"(?:(?:[Vv]on|VON|[Vv]an|vom|zu|zur|[Dd]e|DE|del|della|di|dos|da|la|der|den|ten|y)\s)"
_GAP = r"[^\S\n]+"
_NEXT = rf"{_GAP}(?:{_INITIAL}[^\S\n]?)?(?:{_PARTICLE})*{_TOKEN}"
_FULL = rf"(?<![\w-])(?:{_INITIAL}[^\S\n]?)*(?:{_PARTICLE})*{_TOKEN}(?:{_NEXT}){{0,3}}"
_TWO = rf"(?:{_INITIAL}[^\S\n]?{_TOKEN}|{_TOKEN}(?:{_NEXT}){{1,3}})"
_INVERTED = rf"(?:{_PARTICLE})*{_TOKEN}(?:{_GAP}{_TOKEN})?,{_GAP}{_TOKEN}"
_DEGREE = r"(?:[Mm]ed\b\.?|MED\.|univ(?:ers)?\.|mult\.|rer\.|nat\.|phil\.|habil\.|dent\.|h\.\s?c\.)"
_TITLE = (
    r"(?:(?:[Uu]niv\.?[\s-]*|[Aa]o\.?\s|Ass\.?\s?|Prim\.\s?)*"
    r"(?:Prof(?:essor(?:in)?\b|\.)|PROF\.|D{0,2}[Dd]r(?:[as]\.|\.?in\b|\.a\.|\b\.?)|DR\.|PD\b|Priv\.?[\s-]*Doz\.?|Doz\."
    rf"|Mag\.|Dipl\.[\s-]*\w+\.?)(?:[^\S\n]*{_DEGREE})*[^\S\n]*)+"
)
_MAYBE_TITLE = f"(?:{_TITLE})?"
_FORM_OF_ADDRESS = r"\b(?:Herrn?|HERRN?|Frau|FRAU|Fr\.|Hr\.|Hrn\.|Fam(?:ilie|\.))"
_RELATION = (
    r"\b(?:[Pp]atient(?:in|en)?|PATIENT(?:IN)?|Pat\.|Betr(?:eff|ifft|\.)?|(?:Nach|Vor|Familien)?[Nn]ame|Kind|Sohn|Tochter"
    r"|Ehefrau|Ehemann|Lebensgefährt(?:e|in)|Mutter|Vater|Bruder|Schwester)"
)
_ROLE = (
    r"(?:OA|OÄ|CA|CÄ|FA|FÄ|Ass\.|(?:[Ll]eitende[r]?\s)?(?:Ober|Assistenz|Chef|Stations|Fach|Turnus)(?:arzt|ärztin)|Arzt"
    r"|Ärztin|Direktor(?:in)?|Leiter(?:in)?|Orthoptist(?:in)?|Psychologin?|(?:Geschrieben|freigegeben) von(?: OT)?)"
)
_NO_WORDS_OF_NAMES = re.compile(
    r"(?:(?:Sehr|Mit|Wir|Die|Der|Das|Bei|Es|Im|In|Am|An|Zur|Zum|Nach|Sie|Ihr|Unser|Frau|FRAU|Herrn?|HERRN?|Fr|Hr|OA|OÄ|FA|FÄ"
    r"|Haus|Praxis|Univ|Priv|Prof|Dr|Dipl|Eindruck|Kind|Befund|Team|Wunsch|Eltern)\b|(?:Koll(?:ege|egin|egen)|Doktor|Patient"
    r"|Damen|Mutter|Vater|Ehe(?:frau|mann)|Fach|Ober|Assistenz|Chef|Klinik|Abteilung|Ambulanz|Station|Direktor|Leiter"
    r"|Leitende|Arzt|Ärzt|Diagnos|Anamnes|Therap|Innere|Allgemein|Medizin|Chirurg|Neurolog|Urolog|Psychiatr|Endoskop"
    r"|Universit|Zentrum|Institut|Kranken|Sekretariat|Telefon|Aufnahme|Behandlung|Verwaltung|Vorst|Betreff|Übung|Pflege"
    r"|Ergoth|Physioth|Anästhes|Radiolog|Patholog|Dermat|Onkolog|Kardiolog|Kreis|Jugend|Integriert|UND|Betrifft|Pat\b))"
)
_ORDINARY = frozenset((
    "Leber", "Herz", "Niere", "Nieren", "Lunge", "Milz", "Haut", "Kopf", "Bein", "Hand", "Fuß", "Fuss", "Arm",
    "Magen", "Darm", "Blut", "Auge", "Hals", "Bauch", "Brust", "Knie", "Allgemeine", "Keil", "Zucker", "Messer",
    "Groß", "Klein", "Lang", "Kurz", "Braun", "Schwarz", "Weiß", "Roth", "Rote", "Schwach", "Stark",
))  # fmt: skip
"""Words that are names of people only behind a title or form of address."""
_FOUND_BY = tuple(
    re.compile(rule, re.M)
    for rule in (
        rf"{_TITLE}(?P<name>{_FULL})",
        rf"{_FORM_OF_ADDRESS}\s+(?:Koll(?:ege|egin|egen)\s+)?{_MAYBE_TITLE}(?P<name>{_INVERTED}(?=,|\s*\(|\s+geb)|{_FULL})",
        rf"{_FORM_OF_ADDRESS}[^\S\n]+(?P<name>[{_UPPER}]\.)(?=\s)",
        rf"{_RELATION}(?::\s*|{_GAP})(?:Herrn?\s|Frau\s)?{_MAYBE_TITLE}(?P<name>{_INVERTED}|{_FULL}(?=\s*[,(*]|\s+geb))",
        rf"\b(?:Sohn|Tochter|Ehefrau|Ehemann|Name):?{_GAP}(?P<name>{_TWO})",
        rf"(?P<name>{_INVERTED}|{_FULL})(?=,?\s*\(?(?:geb\.|geb:|geboren|\*\s?\d|GebDat))",
        rf"(?P<name>{_INVERTED}|{_TWO})(?=,\s*\d{{1,2}}\.\d{{1,2}}\.(?:19|20)\d\d)",
        rf"\b{_ROLE}:?{_GAP}{_MAYBE_TITLE}(?P<name>{_FULL})",
        rf"(?P<name>{_TWO})[^\S\n]*(?:,[^\S\n]*|\n\s*|\()(?={_ROLE})",
        rf"^[^\S\n]*{_MAYBE_TITLE}(?P<name>{_TWO})[^\S\n]*\n(?=[^\S\n]*(?:{_TOKEN}(?:[^\S\n]{_TOKEN})?\.?[^\S\n]\d{{1,3}}\s?[a-z]?$|Am{_GAP}{_TOKEN}$))",
    )
)
_TITLES = re.compile(rf"\b{_TITLE}(?={_TOKEN}|{_INITIAL}|{_PARTICLE})")
_GREETING = re.compile(r"(?:[Gg]rüßen|[Gg]ruß|[Gg]rüssen|hochachtungsvoll)[,.]?")
_SIGNED = re.compile(
    rf"(?:^|[^\S\n]{{2,}}|\t|\A){_MAYBE_TITLE}(?P<name>{_FULL})(?=[^\S\n]*(?:$|[^\S\n]{{2,}}|\t|,|\(|MD))", re.M
)


def find_names(text: str) -> Iterator[Identifier]:
    """Names and titles. A name found once is found wherever one of its words stands again."""
    found = list(_by_rules(text))
    yield from found
    for title in _TITLES.finditer(text):
        yield Identifier(title.start(), title.start() + len(title.group().rstrip()), "title")
    known = {
        word
        for each in found
        for word in re.findall(_TOKEN, text[each.start : each.end])
        if len(word) > 2 and word.capitalize() not in _ORDINARY
    }
    forms = sorted({form for word in known for form in (word, word.upper(), word.capitalize())}, key=len, reverse=True)
    if forms:
        for match in re.finditer(rf"\b({'|'.join(map(re.escape, forms))})(?=s?\b)", text):
            yield Identifier(match.start(), match.end(), "name")


def _by_rules(text: str) -> Iterator[Identifier]:
    for rule in _FOUND_BY:
        for match in rule.finditer(text):
            yield from _trimmed(text, *match.span("name"))
    for greeting in _GREETING.finditer(text):
        for match in _SIGNED.finditer(text, greeting.end(), min(len(text), greeting.end() + 400)):
            if len(match.group("name").split()) > 1:
                yield from _trimmed(text, *match.span("name"))


def _trimmed(text: str, start: int, end: int) -> Iterator[Identifier]:
    """The name up to the first word that is none."""
    for word in re.finditer(r"[^\s,]+", text[start:end]):
        if _NO_WORDS_OF_NAMES.match(word.group()):
            end = start + word.start()
            break
    stripped = text[start:end].rstrip(" ,\t")
    if any(word[0].isupper() for word in stripped.split()):
        yield Identifier(start, start + len(stripped), "name")
