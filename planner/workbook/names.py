"""Comparing names as people read them, and guessing which one was meant."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence, Set

MOST_LISTED = 6
"""How many names a sentence lists before it counts the rest."""

SHORTEST_PART = 3
"""Letters by which a part of a name may stand for it; fewer are in too many names."""

MISSPELT = 0.81
"""Dependency is as like Dependencies as 0.82; power and owner, which differ, as 0.8."""

_FILLERS = frozenset(["per", "of", "in", "the", "name"])
_SAME_WORD = {"price": "cost", "fee": "cost", "limit": "max", "lng": "longitude"}
_BRACKETS = re.compile(r"^(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*$", re.DOTALL)


def fold_name(text: str) -> str:
    """Return what two names share if they differ only by case, spaces or invisible characters."""
    # A cell that could not be read refuses `str`; what is written in C would raise TypeError.
    visible = str(text)
    if not visible.isascii():
        plain = unicodedata.normalize("NFKC", visible)
        visible = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    return " ".join(visible.casefold().split())


def fold_header(text: str) -> str:
    """Return the text without case, spaces, hyphens and underscores."""
    return re.sub("[\\s_\u2010\u2011\u2013-]", "", fold_name(text))


def header_readings(text: str) -> tuple[str, ...]:
    """Return the folded header as it stands, without its unit in brackets, and joined with it."""
    text = text.replace("/", " per ")
    readings = [fold_header(text)]
    match = _BRACKETS.match(text)
    if match is not None:
        name, unit = match.groups()
        readings += [fold_header(name), fold_header(name + unit)]
    return tuple(readings)


def nearest(text: str, known: Iterable[str]) -> str:
    """Return the known name most like the text, or nothing if none is close.

    A name with all its words (`cost per month`, monthly_cost) comes before one all of whose words
    it has (`country code`), then one spelt alike, then one that holds it; of equals, the first.
    """
    names = sorted(known) if isinstance(known, Set) else list(known)
    plain = _without_unit(text)
    words = {name: words_of(name) for name in names}
    wanted = words_of(plain)
    for spare in (
        {name: _spare_words(wanted, words[name]) for name in names},
        {name: _spare_words(words[name], wanted) for name in names},
    ):
        counts = {name: count for name, count in spare.items() if count is not None}
        if counts:
            return min(counts, key=counts.__getitem__)
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(fold_header(name), name)
    part = fold_header(plain)
    matches = difflib.get_close_matches(part, sorted(folded), n=1, cutoff=0.6)
    if matches:
        return folded[matches[0]]
    holding = (name for name in names if part in fold_header(name))
    return next(holding, "") if len(part) >= SHORTEST_PART else ""


def looks_like(text: str, name: str) -> bool:
    """Return whether text and name are made of each other's words, or one is the other misspelt."""
    plain = _without_unit(text)
    one, other = words_of(plain), words_of(name)
    pairs = ((one, other), (other, one))
    return is_misspelt(plain, name) or any(_spare_words(*pair) is not None for pair in pairs)


def is_misspelt(text: str, name: str) -> bool:
    """Return whether the text is the name but for a slip of the pen or its plural."""
    ratio = difflib.SequenceMatcher(None, fold_header(text), fold_header(name)).ratio()
    return ratio >= MISSPELT


def _without_unit(text: str) -> str:
    match = _BRACKETS.match(text)
    return match[1] if match is not None and match[1] else text


def words_of(text: str) -> list[str]:
    """Return the words of a name, folded, one for another that means the same."""
    words = re.split("[\\s_/\u2010\u2011\u2013-]+", fold_name(text))
    return [_SAME_WORD.get(word, word) for word in words if word and word not in _FILLERS]


def _spare_words(wanted: list[str], words: list[str]) -> int | None:
    """Return how many words are left when each wanted one found its own; None if one did not."""
    left = list(words)
    for word in wanted:
        found = next((other for other in left if _is_same_word(word, other)), None)
        if found is None:
            return None
        left.remove(found)
    return len(left) if wanted else None


def _is_same_word(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= SHORTEST_PART and longer.startswith(shorter))


def did_you_mean(text: str, known: Iterable[str], otherwise: str) -> str:
    """Return a question with the nearest known name, or the other way out if none is close."""
    name = nearest(text, known)
    return f"did you mean {name!r}?" if name else otherwise


def slip_or(text: str, known: Iterable[str], otherwise: str, before: str = "") -> str:
    """Return a question with the known name that the text is but for a slip, or the other way out.

    Of a short list of names all are better than a wild guess. `before` begins the name asked for.
    """
    name = nearest(text, known)
    is_slip = bool(name) and looks_like(text, name)
    return f"did you mean {before + name!r}?" if is_slip else otherwise


def listed(names: Sequence[str]) -> str:
    """Return the names as a sentence lists them: `a, b and c`; the rest is counted."""
    more = len(names) - MOST_LISTED
    *first, last = [*names[:MOST_LISTED], *([f"{more} more"] if more > 0 else [])]
    return f"{', '.join(first)} and {last}" if first else last
