"""Frozen data as JSON and back, by the declared types of their fields."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

PlainValue = Any
"""What JSON can hold: objects for dataclasses, lists for the rest, of pairs for mappings."""

_T = TypeVar("_T")


def to_plain(value: object) -> PlainValue:
    """Return data as JSON can hold them. Raises TypeError where something is no data."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_dataclass(value):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return [[to_plain(key), to_plain(entry)] for key, entry in value.items()]
    if isinstance(value, frozenset):
        return sorted(map(to_plain, value), key=json.dumps)
    if isinstance(value, (tuple, list)):
        return [to_plain(entry) for entry in value]
    raise TypeError(f"{type(value).__name__} is no plain data")


def from_plain(kind: type[_T], value: PlainValue) -> _T:
    """Return the data of a class again. Raises ValueError where they are not of its shape."""
    return cast(_T, _read(kind, value))


def _read(kind: Any, value: PlainValue) -> Any:
    inner = get_args(kind)
    origin: Any = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        return _read_optional(inner, value)
    if origin is float and type(value) is int:
        return value
    if origin in (bool, int, float, str):
        return _of(origin, value)
    if is_dataclass(origin):
        return _read_fields(origin, _of(dict, value))
    return _read_entries(origin, inner, _of(list, value))


def _read_fields(kind: Any, entries: dict[str, PlainValue]) -> Any:
    hints = get_type_hints(kind)
    if entries.keys() != hints.keys():
        raise ValueError(f"{sorted(entries)} are not the fields of {kind.__name__}")
    return kind(**{name: _read(hints[name], entry) for name, entry in entries.items()})


def _read_entries(origin: Any, inner: tuple[Any, ...], entries: list[PlainValue]) -> Any:
    """Return a mapping, a set, a tuple of any length or a named tuple."""
    if issubclass(origin, Mapping):
        return {_read(inner[0], key): _read(inner[1], entry) for key, entry in entries}
    if issubclass(origin, frozenset):
        return frozenset(_read(inner[0], entry) for entry in entries)
    if inner:
        return tuple(_read(inner[0], entry) for entry in entries)
    hints = get_type_hints(origin)
    return origin(
        *(_read(hint, entry) for hint, entry in zip(hints.values(), entries, strict=True))
    )


def _read_optional(inner: tuple[Any, ...], value: PlainValue) -> Any:
    (kind,) = (choice for choice in inner if choice is not types.NoneType)
    return None if value is None else _read(kind, value)


def _of(kind: type, value: PlainValue) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
