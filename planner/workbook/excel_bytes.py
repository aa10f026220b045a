"""The bytes of a workbook: without the clock in them, and its cells written quickly.

The library makes an element of every cell and passes it on node by node, which takes longer than
all else that is written. Here the rows of a sheet are text, the same as the library would give.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import openpyxl
from openpyxl.cell._writer import etree_write_cell
from openpyxl.comments.comment_sheet import CommentRecord
from openpyxl.compat import safe_string
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.writer.excel import ExcelWriter
from openpyxl.xml import functions

_FIXED_DATE = datetime(2020, 1, 1)
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

_NO_ROWS = re.compile(rb"<sheetData ?/>|<sheetData></sheetData>")
_FREQUENT = {"s": "inlineStr", "n": "n", "b": "b"}
"""What is written of cells of a data type as their type."""


def deterministic_bytes(book: openpyxl.Workbook) -> bytes:
    """Return the bytes of the workbook without the clock in them."""
    book.properties.creator = "planner"
    book.properties.created = book.properties.modified = _FIXED_DATE
    found = io.BytesIO()
    _Writer(book, _Archive(found, "w", zipfile.ZIP_DEFLATED)).save()
    return found.getvalue()


class _Archive(zipfile.ZipFile):
    """An archive whose members are all of one date."""

    def writestr(self, name: Any, data: Any, *_: Any) -> None:
        """Add a member."""
        entry = zipfile.ZipInfo(name, _ZIP_DATE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        super().writestr(entry, data)


class _Writer(ExcelWriter):
    """The library's writer, but for the rows of worksheets."""

    _archive: zipfile.ZipFile

    def write_worksheet(self, ws: Any) -> None:
        """Write one worksheet into the archive."""
        ws._drawing = SpreadsheetDrawing()
        ws._drawing.charts, ws._drawing.images = ws._charts, ws._images
        writer: Any = _SheetWriter(ws, io.BytesIO())
        writer.write()
        ws._rels = writer._rels
        before, after = _NO_ROWS.split(writer.read(), maxsplit=1)
        rows = "".join(writer.texts).encode("utf-8")
        data = b"".join((before, b"<sheetData>", rows, b"</sheetData>", after))
        self._archive.writestr(ws.path[1:], data)
        self.manifest.append(ws)


class _SheetWriter(WorksheetWriter):
    """Writes a worksheet without its rows, which are left as texts."""

    ws: Any

    def __init__(self, ws: Any, out: io.BytesIO) -> None:
        self.texts: list[str] = []
        self._looks: dict[int, str] = {}
        super().__init__(ws, out)

    def write_row(self, xf: Any, row: Any, row_idx: int) -> None:
        """Keep the text of a row."""
        self.texts.extend(self._row(row_idx, row))

    def _row(self, number: int, row: Any) -> Iterator[str]:
        """Yield the text of a row."""
        attributes = {"r": f"{number}"} | dict(self.ws.row_dimensions.get(number, {}))
        yield f"<row{''.join(f' {k}={quoteattr(v)}' for k, v in attributes.items())}>"
        for cell in row:
            if cell._comment is not None:
                self.ws._comments.append(CommentRecord.from_cell(cell))
            look = self._look(cell)
            if cell._value is not None or look or cell._comment:
                yield _cell(cell, look)
        yield "</row>"

    def _look(self, cell: Any) -> str:
        """Return the attribute that says how a cell looks; many share one style."""
        style = id(cell._style)
        if style not in self._looks:
            self._looks[style] = f' s="{cell.style_id}"' if cell.has_style else ""
        return self._looks[style]


def _cell(cell: Any, look: str) -> str:
    """Return the text of a cell; what is rare, such as a date or a link, the library writes."""
    value, kind = cell._value, cell.data_type
    if value in (None, "") or kind not in _FREQUENT or cell._hyperlink or isinstance(value, list):
        rare = _Rare()
        etree_write_cell(rare, cell.parent, cell, bool(look))
        return rare.text
    start = f'<c r="{cell.coordinate}"{look} t="{_FREQUENT[kind]}">'
    if kind != "s":
        return f"{start}<v>{safe_string(value)}</v></c>"
    stripped = value.strip()
    space = ' xml:space="preserve"' if stripped and stripped != value else ""
    return f"{start}<is><t{space}>{escape(value)}</t></is></c>"


class _Rare:
    """Takes the element that the library makes of a cell."""

    text = ""

    def write(self, element: Any) -> None:
        """Take it."""
        to_text: Any = functions.tostring
        self.text = to_text(element, encoding="unicode")
