"""Comparing names as people read them, and guessing which one was meant."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

MOST_LISTED = 6
"""How many names a sentence lists before it counts the rest."""
_BRACKETS = re.compile(r"^(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*$", re.DOTALL)


def fold_name(text: str) -> str:
    """Return what two names share if they differ only by case, spaces or invisible characters."""
    plain = unicodedata.normalize("NFKC", text)
    visible = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    return " ".join(visible.casefold().split())


def fold_header(text: str) -> str:
    """Return the text without case, spaces, hyphens and underscores."""
    return re.sub("[\\s_\u2010\u2011\u2013-]", "", fold_name(text))


def header_readings(text: str) -> tuple[str, ...]:
    """Return the folded header as it stands, without its unit in brackets, and joined with it."""
    readings = [fold_header(text)]
    match = _BRACKETS.match(text)
    if match is not None:
        name, unit = match.groups()
        readings += [fold_header(name), fold_header(name + unit)]
    return tuple(readings)


def nearest(text: str, known: Iterable[str]) -> str:
    """Return the known name most like the text, or nothing if none is close."""
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(fold_header(name), name)
    matches = difflib.get_close_matches(fold_header(text), sorted(folded), n=1, cutoff=0.6)
    return folded[matches[0]] if matches else ""


def did_you_mean(text: str, known: Iterable[str], otherwise: str) -> str:
    """Return a question with the nearest known name, or the other way out if none is close."""
    name = nearest(text, known)
    return f"did you mean {name!r}?" if name else otherwise


def listed(names: Sequence[str]) -> str:
    """Return the names as a sentence lists them: `a, b and c`; the rest is counted."""
    more = len(names) - MOST_LISTED
    *first, last = [*names[:MOST_LISTED], *([f"{more} more"] if more > 0 else [])]
    return f"{', '.join(first)} and {last}" if first else last
