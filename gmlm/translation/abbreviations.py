"""Abbreviations and what a full stop after them means; in lower case and without the last stop."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "de"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEVER_FINAL: dict[Language, frozenset[str]] = {
    "en": _words(
        "dr drs prof mr mrs ms st sr messrs rev hon capt lt col gen vs cf e.g i.e viz ca approx fig figs eq eqs ref"
        " refs vol vols pp eds dept univ spp subsp var resp incl excl max avg est temp pt pts hx dx tx rx sx sig tbsp"
        " tsp diff ext med ant post sup inf phys spec w.r.t s.p"
    ),
    "de": _words(
        "dr drs prof dipl ing med hr hrn fr st str nr nrn bzw ca evtl ggf vgl inkl exkl zzgl abzgl max min mind insb"
        " insbes sog spez bspw z.b d.h u.a u.ä i.d.r i.r z.n v.a d.m o.g u.u abb tab kap bd aufl hrsg jg anm ggü rd"
        " entspr bes bds prox dist ventr dors kard psych präop postop intraop zust zn va gem"
    ),
}
"""Always followed by more of the sentence."""

PERHAPS_FINAL: dict[Language, frozenset[str]] = {
    "en": _words(
        "etc al jr inc ltd co corp a.m p.m u.s u.k b.i.d t.i.d q.i.d q.d q.h q.s q.o.d p.o p.r p.r.n i.v i.m s.c s.l"
        " o.d o.s o.u y.o h.s a.c p.c n.p.o d.c w.b.c r.b.c ph.d m.d b.a m.s r.n yr yrs wk wks mo mos hr hrs min mins"
        " mg ml kg cm mm tab tabs cap caps bid tid qid prn po lat jan feb mar apr jun jul aug sep sept oct nov dec"
    ),
    "de": _words(
        "usw etc u.s.w u.v.m o.ä o.b.b o.b uvm jh jhd mio mrd tsd jr i.v i.m s.c p.o s.o s.u b.i.d t.i.d tgl wö mtl"
        " stdl std sek pos neg unauff auff norm pathol path allg akt chron rez sek prim re li lat regelm kons stat amb"
        " tabl tbl trpf amp kaps supp jan feb mär apr jun jul aug sep sept okt nov dez"
    ),
}
"""Followed by a new sentence where the next word can begin one."""

BEFORE_NUMBER = _words("no nos p sec chap art abs tbl")
"""Abbreviations before a number, and words or ends of sentences elsewhere."""

SENTENCE_STARTERS_DE = _words(
    "Der Die Das Ein Eine Einen Einem Einer Es Er Sie Wir Ich Dies Diese Dieser Dieses Bei Im In Am An Auf Aus Nach Vor"
    " Zum Zur Zu Mit Ohne Für Gegen Unter Über Seit Von Vom Bis Durch Während Wegen Trotz Zudem Außerdem Ferner Daher"
    " Deshalb Dabei Danach Anschließend Aktuell Klinisch Insgesamt Weiterhin Hierbei Hier Da Wenn Falls Als Ob Obwohl"
    " Kein Keine Keinen Alle Beide Patient Patientin Therapie Diagnose Anamnese Befund"
)
"""Words that begin a German sentence; in German a capital alone says nothing, since nouns have one."""

LETTERED_THINGS = _words(
    "vitamin hepatitis type grade group class stage phase factor protein figure table panel appendix part arm cohort"
    " category influenza immunoglobulin typ grad gruppe klasse stadium faktor abbildung tabelle teil"
)
"""Words after which a single letter is a name and may end the sentence: "hepatitis B. The"."""
