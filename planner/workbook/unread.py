"""The value of a cell that could not be read: it is there, but nothing may be concluded from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

_T = TypeVar("_T")


class UnreadCell(Exception):
    """Something asked for the value of a cell that could not be read and is reported already."""


class _Unread:
    """Refuses whatever is done with it; only `is` tells it from other values."""


def _refuse(*_: Any) -> Any:
    raise UnreadCell


_OPERATORS = """
    bool hash repr str format len iter contains getitem float int index eq ne lt le gt ge
    add radd sub rsub mul rmul truediv rtruediv neg abs round getattr
"""
for _name in _OPERATORS.split():
    setattr(_Unread, f"__{_name}__", _refuse)

UNREAD: Final[Any] = _Unread()
"""The value of every such cell, whatever its column holds; it is not None: the cell has content."""


def until_unread(check: Callable[..., Iterator[_T]], *given: object) -> Iterator[_T]:
    """Yield what the check finds, until it asks for a cell that could not be read.

    So one bad cell gives one finding: no check has to say which columns it relies on.
    """
    try:
        yield from check(*given)
    except UnreadCell:
        return
