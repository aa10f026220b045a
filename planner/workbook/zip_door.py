"""Is this file a sane Excel workbook? Cheap checks on its bytes before any library opens it."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from planner.workbook.findings import Finding, InputError, column_letters, row_and_column
from planner.workbook.names import nearest

MAX_FILE_BYTES = 50 * 2**20
MAX_MEMBER_BYTES = 200 * 2**20
MAX_INFLATED_BYTES = 400 * 2**20
MAX_MEMBERS = 2_000
MAX_CELLS = 5_000_000
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 10 * 2**20
"""Small members may compress as well as they like."""

_CHUNK = 2**20
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_SAVE_AS = "in Excel, save it as 'Excel Workbook (.xlsx)'"


@dataclass
class Part:
    """What one worksheet part of the package says about its cells."""

    is_sheet: bool = False
    merged: list[str] = field(default_factory=list)
    """Merged ranges such as `A2:B3`."""
    uncalculated: dict[str, str] = field(default_factory=dict)
    """Formulas that were stored without a value, by cell."""
    hidden: list[int] = field(default_factory=list)
    """Rows that are hidden, by hand or by a filter."""
    last_row: int = 0
    last_column: int = 0
    defect: tuple[str, str] | None = None
    """The cell and what is wrong with it."""


@dataclass(frozen=True)
class Package:
    """What the raw package holds: sheet titles with their parts, in workbook order."""

    parts: Mapping[str, Part]
    titles: Mapping[str, str]
    """The sheet title per part name."""
    has_external_links: bool
    hidden: frozenset[str] = frozenset()
    """Titles of sheets that are hidden."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of the file; raise InputError if there is no such readable file."""
    if path.name.startswith("~$"):
        raise _refused(f"{path.name} is Excel's lock file", f"name {path.name[2:]} instead")
    try:
        if path.is_dir():
            raise _refused(f"{path} is a directory", "name an .xlsx file in it")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _refused(
                f"{path.name} has {size / 2**20:,.0f} MB, more than {MAX_FILE_BYTES // 2**20} MB",
                "remove pictures and sheets that the planner does not need",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise _refused(f"{path} does not exist", way_out_of_missing(path)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refused(f"{path} cannot be read: {reason}", "check its permissions") from None


def way_out_of_missing(path: Path) -> str:
    """Return the workbook beside a path that is not there which may have been meant."""
    name = nearest(path.stem, {found.stem for found in path.parent.glob("*.xlsx")})
    return f"did you mean {name}.xlsx?" if name else "check the path"


def inspect(name: str, data: bytes) -> Package:
    """Return what the bytes hold; raise InputError unless they are a sane .xlsx workbook."""
    _sniff(name, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = frozenset(member.filename.lower() for member in archive.infolist())
            _check_members(name, archive.infolist())
            _check_content(name, archive)
            parts, links = {}, _Links()
            for member in archive.infolist():
                if member.filename.lower().endswith((".xml", ".rels")):
                    part = _scan(name, archive, member, links)
                    if part.is_sheet:
                        parts[member.filename] = part
                else:
                    _drain(archive, member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise _refused(f"{name} is damaged or cut short ({error})", _repair()) from None
    has_links = any("externallinks/" in part for part in names)
    package = Package(parts, links.titles(), has_links, frozenset(links.hidden))
    _check_sheets(name, package, links, names)
    return package


def _refused(message: str, way_out: str, sheet: str = "", cell: str = "") -> InputError:
    return InputError((Finding(sheet, cell, message, way_out),))


def _repair() -> str:
    return "open it in Excel, let it repair the file, and save it again"


def _sniff(name: str, data: bytes) -> None:
    if not data:
        raise _refused(f"{name} is empty (0 bytes)", "save the workbook again")
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise _refused(f"{name} is protected by a password", "save it without a password")
        raise _refused(f"{name} is an old Excel file (.xls)", _SAVE_AS)
    if not data.startswith(b"PK"):
        text = all(byte >= 32 or byte in b"\t\r\n\f" for byte in data[:4096])
        kind = "text (CSV?)" if text else "not a workbook"
        raise _refused(f"{name} is {kind}, not an .xlsx workbook", _SAVE_AS)
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise _refused(f"{name} is damaged or cut short", "copy or download it again")


def _check_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise _refused(f"{name} has {len(members):,} parts, more than {MAX_MEMBERS:,}", _SAVE_AS)
    names = [member.filename.lower() for member in members]
    if len(set(names)) < len(names):
        raise _refused(f"{name} holds a part twice, so readers disagree about it", _repair())
    if any(member.flag_bits & 1 for member in members):
        raise _refused(f"{name} is an encrypted zip file", "save it without a password")
    total = sum(member.file_size for member in members)
    for member in members:
        swollen = member.file_size > max(RATIO_FLOOR_BYTES, MAX_RATIO * member.compress_size)
        if swollen or member.file_size > MAX_MEMBER_BYTES or total > MAX_INFLATED_BYTES:
            raise _refused(
                f"{name} inflates to {total / 2**20:,.0f} MB ({member.filename}"
                f" {member.file_size / 2**20:,.0f} MB), which is too much",
                "delete unused rows, columns and sheets",
            )


def _check_content(name: str, archive: zipfile.ZipFile) -> None:
    names = {member.lower() for member in archive.namelist()}
    if "[content_types].xml" not in names:
        kind = "an OpenDocument file" if "mimetype" in names else "a zip file"
        raise _refused(f"{name} is {kind}, not an .xlsx workbook", _SAVE_AS)
    types = b"".join(
        _drain(archive, member)
        for member in archive.infolist()
        if member.filename.lower() == "[content_types].xml"
    )
    if b"sheet.binary" in types:
        raise _refused(f"{name} is a binary workbook (.xlsb)", _SAVE_AS)
    if b"macroEnabled" in types or any(member.endswith("vbaproject.bin") for member in names):
        raise _refused(f"{name} holds macros (.xlsm), which the planner does not open", _SAVE_AS)
    if b"spreadsheetml" not in types:
        raise _refused(f"{name} is an Office file without sheets", _SAVE_AS)


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the inflated member, never more than its declared size: headers can lie."""
    size = 0
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > member.file_size:
                raise zipfile.BadZipFile(f"{member.filename} is larger than it says")
            yield chunk


def _drain(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read the whole member, so that its checksum is compared; return its bytes."""
    return b"".join(_chunks(archive, member))


@dataclass
class _Links:
    """Sheet titles by relationship, and relationships by part, as workbook.xml declares them."""

    strict: bool = False
    sheets: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def titles(self) -> dict[str, str]:
        """Return the sheet title per part name."""
        return {
            self.targets[link]: title for link, title in self.sheets.items() if link in self.targets
        }


def _scan(name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, links: _Links) -> Part:
    part = Part()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype(name, member.filename)
    parser.StartElementHandler = _root_handler(parser, part, links, member.filename)
    try:
        for chunk in _chunks(archive, member):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _refused(f"{name} is damaged: {member.filename}: {error}", _repair()) from None
    return part


def _refuse_doctype(name: str, member: str) -> Callable[..., None]:
    def refuse(*_: Any) -> None:
        raise _refused(f"{name} declares a DOCTYPE in {member}; no workbook needs one", _SAVE_AS)

    return refuse


def _root_handler(
    parser: expat.XMLParserType, part: Part, links: _Links, member: str
) -> Callable[[str, dict[str, str]], None]:
    """Return the handler that looks at the root and leaves only the handlers its kind needs."""

    def root(tag: str, attributes: dict[str, str]) -> None:
        parser.StartElementHandler = None
        local = _local(tag)
        if local == "worksheet":
            part.is_sheet = True
            _SheetScan(parser, part)
        elif local == "workbook":
            links.strict |= any("purl.oclc.org" in value for value in attributes.values())
            parser.StartElementHandler = _sheet_titles(links)
        elif local == "Relationships":
            parser.StartElementHandler = _sheet_targets(links, member.partition("_rels/")[0])

    return root


def _sheet_titles(links: _Links) -> Callable[[str, dict[str, str]], None]:
    def element(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "sheet":
            if attributes.get("state", "visible") != "visible":
                links.hidden.add(attributes.get("name", ""))
            for key, value in attributes.items():
                if key.endswith(":id"):
                    links.sheets[value] = attributes.get("name", "")

    return element


def _sheet_targets(links: _Links, folder: str) -> Callable[[str, dict[str, str]], None]:
    def element(_: str, attributes: dict[str, str]) -> None:
        if attributes.get("Type", "").endswith("sheet"):
            target = posixpath.join("/", folder, attributes.get("Target", ""))
            links.targets[attributes.get("Id", "")] = posixpath.normpath(target).lstrip("/")

    return element


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


class _SheetScan:
    """Walks over the cells of one worksheet part and notes their extent and first defect."""

    def __init__(self, parser: expat.XMLParserType, part: Part) -> None:
        self.parser = parser
        self.part = part
        self.row = 0
        self.column = 0
        self.address = ""
        self.type = "n"
        self.text: list[str] = []
        parser.StartElementHandler = self.start

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        local = _local(tag)
        if local == "c":
            self.cell(attributes)
        elif local == "f" or (local == "v" and (self.type == "n" or self.has_formula)):
            self.text.clear()
            self.parser.CharacterDataHandler = self.text.append
            self.parser.EndElementHandler = self.end
            # A text formula that gives "" is stored with the type 'str' and no value: it is blank.
            if local == "f" and self.type != "str":
                self.part.uncalculated[self.address] = "="
        elif local == "row":
            row = int(attributes.get("r", self.row + 1))
            if row <= self.row:
                self.defect(f"A{row}", "comes after a later row")
            self.row, self.column = row, 0
            if attributes.get("hidden") in ("1", "true"):
                self.part.hidden.append(row)
        elif local == "mergeCell":
            self.part.merged.append(attributes.get("ref", ""))

    @property
    def has_formula(self) -> bool:
        return self.address in self.part.uncalculated

    def cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        row, column = (
            (self.row, self.column + 1) if reference is None else row_and_column(reference)
        )
        self.address = f"{column_letters(column)}{row}"
        if row != self.row or column <= self.column:
            self.defect(self.address, "is out of order or there twice")
        self.column = column
        self.part.last_row = max(self.part.last_row, row)
        self.part.last_column = max(self.part.last_column, column)
        self.type = attributes.get("t", "n")

    def end(self, tag: str) -> None:
        self.parser.CharacterDataHandler = None
        self.parser.EndElementHandler = None
        text = "".join(self.text)
        if _local(tag) == "f":
            if self.has_formula:
                self.part.uncalculated[self.address] = f"={text}"
            return
        if text:
            self.part.uncalculated.pop(self.address, None)
        # Libraries read 1_000, Arabic digits and padded digits as numbers; Excel writes none.
        if text and self.type == "n" and _NUMBER.fullmatch(text) is None:
            self.defect(self.address, f"holds {text[:40]!r}, which is not a number")

    def defect(self, cell: str, words: str) -> None:
        if self.part.defect is None:
            self.part.defect = (cell, words)


def _check_sheets(name: str, package: Package, links: _Links, names: frozenset[str]) -> None:
    if links.strict:
        raise _refused(f"{name} is saved as 'Strict Open XML Spreadsheet'", _SAVE_AS)
    if not package.parts:
        raise _refused(f"{name} holds no sheet", _repair())
    for link, title in links.sheets.items():
        if links.targets.get(link, "").lower() not in names:
            raise _refused(f"{name} lists a sheet that it does not hold", _repair(), title)
    for member, part in package.parts.items():
        sheet = package.titles.get(member)
        if sheet is None:
            raise _refused(f"{name} holds a sheet ({member}) that it does not list", _repair())
        if part.defect is not None:
            cell, words = part.defect
            raise _refused(f"the cell {words}; the file is damaged", _repair(), sheet, cell)
        if part.last_row * part.last_column > MAX_CELLS:
            raise _refused(
                f"the sheet reaches to row {part.last_row:,}, column"
                f" {column_letters(part.last_column)}: more than {MAX_CELLS:,} cells",
                "delete the empty rows and columns beyond the table (Ctrl+End shows the last cell)",
                sheet,
                f"{column_letters(part.last_column)}{part.last_row}",
            )
