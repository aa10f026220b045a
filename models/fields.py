"""How a workbook column is declared: once, with type, unit, default and description.

The reader, its checks, the template, the header notes and the data dictionary are all derived
from these declarations, which sit on the fields of the row classes in `models.data`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a cell of the column may hold."""

    NAME = "name"  # text that identifies something
    TEXT = "text"  # free text
    NUMBER = "number"
    INTEGER = "whole number"
    SHARE = "share"  # a fraction in 0..1
    CHOICE = "choice"  # one of `choices`
    YES_NO = "yes or no"
    NAMES = "names"  # several names: `A; B`
    NEEDS = "dependencies"  # `A; B` needs both, `A | B` needs either, `none`


@dataclass(frozen=True)
class Column:
    """The declaration of one workbook column.

    `references` names the sheets whose keys the cell must match; `dependency` is the kind of
    dependency that the cell creates; `minimum` and `maximum` bound a number, both included, but
    one that is `positive` may not be 0; `also` are other headers that mean the column.
    """

    kind: Kind
    description: str
    header: str = ""
    unit: str = ""
    required: bool = False
    key: bool = False
    default: object = None
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    minimum: float | None = 0
    maximum: float | None = None
    positive: bool = False
    dependency: str = ""
    also: tuple[str, ...] = ()


def column(kind: Kind, description: str, *, default: Any = None, **declared: Any) -> Any:
    """Return a dataclass field that carries its `Column` declaration as metadata."""
    required = declared.get("required", False) or declared.get("key", False)
    declared.setdefault("required", required)
    declaration = Column(kind, description, default=default, **declared)
    metadata = {"column": declaration}
    if declared["required"]:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def columns(row_class: type) -> dict[str, Column]:
    """Return the declared columns of a row class by attribute name, in declaration order."""
    found = {}
    for entry in fields(row_class):
        declaration = entry.metadata.get("column")
        if declaration is not None:
            found[entry.name] = declaration
    return found


def header_of(attribute: str, declaration: Column) -> str:
    """Return the header of the column as written in row 1 of its sheet."""
    return declaration.header or attribute
