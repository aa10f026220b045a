"""Units in the brackets of a header, and whether they are those of the column."""

from __future__ import annotations

import re

_BRACKET = re.compile(r"[(\[]([^()\[\]]*)[)\]]\s*$")

_TIMES = {"ms": "ms", "s": "s", "min": "min", "h": "h", "day": "day", "month": "month"}
_TIMES |= {"year": "year"}
_SIZES = ("kb", "mb", "gb", "tb", "pb")
_WORDS = {
    **dict.fromkeys(("milliseconds", "millisecond", "msec"), "ms"),
    **dict.fromkeys(("sec", "second", "seconds"), "s"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("hour", "hours", "hr"), "h"),
    **dict.fromkeys(("d", "days", "daily"), "day"),
    **dict.fromkeys(("mo", "months", "monthly", "mth"), "month"),
    **dict.fromkeys(("y", "yr", "years", "annual", "pa", "p.a."), "year"),
    **dict.fromkeys(("requests", "req", "rq"), "request"),
}
_SIGNS = {"€": "eur", "$": "usd", "£": "gbp"}
CURRENCIES = frozenset(
    "aed aud brl cad chf cny czk dkk eur gbp hkd idr inr jpy krw mxn nok nzd pln ron rub sek sgd"  # noqa: SIM905
    " thb try twd usd zar".split()
)
"""Codes that are taken for a currency; any three letters may be something else."""


_SCALES = "k|t|m|mn|mio|thousand|thousands|million|millions"
_SCALED = re.compile(rf"\b({_SCALES})\.?\s*({'|'.join(sorted(CURRENCIES))})\b")
"""A thousand or a million of a currency, however it is written: k€, TEUR, mio EUR."""


def unit_in(header: str) -> str:
    """Return what stands in brackets at the end of a header; empty if nothing does."""
    match = _BRACKET.search(header)
    return match[1].strip() if match is not None else ""


def contradicts(unit: str, declared: str, currency: str) -> bool:
    """Return whether the unit of a header is a known one, and not that of the column.

    What is not known for a unit is a remark, and contradicts nothing.
    """
    if not declared:
        return False
    said, has = _parts(unit, currency), _parts(declared, currency)
    if said is None or has is None:
        return False
    # A header may leave out part of its unit: `EUR` for EUR a month, `requests` for requests/s.
    return bool(said - has)


def _parts(unit: str, currency: str) -> frozenset[str] | None:
    """Return the parts of a unit, each by one name; None if one of them is not known."""
    text = unit.casefold().replace("currency", currency.casefold())
    for sign, code in _SIGNS.items():
        text = text.replace(sign, f" {code} ")
    text = _SCALED.sub(r"\1\2", text)
    text = re.sub(r"\bper\b|/", " ", text)
    found = set()
    for word in text.split():
        part = _part(_WORDS.get(word, word))
        if part is None:
            return None
        found.add(part)
    return frozenset(found)


def _part(word: str) -> str | None:
    if word in _TIMES or word in _SIZES or word in CURRENCIES or word == "request":
        return word
    scaled = re.fullmatch(rf"({_SCALES})([a-z]{{3}})", word)
    if scaled and scaled[2] in CURRENCIES:
        return word
    return None
