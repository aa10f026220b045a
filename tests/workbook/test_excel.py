"""Files that are no sane workbook are refused in one sentence."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from planner.reading import read_network
from planner.workbook.excel import CellKind, read_workbook
from planner.workbook.findings import InputError
from planner.workbook.zip_door import MAX_MEMBERS
from tests.workbooks import base, smallest, write

SHEET1 = "xl/worksheets/sheet1.xml"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def refusal(path: Path) -> str:
    """Return the one finding about a file that cannot be read."""
    tables = read_network(path)
    assert tables.network is None
    assert len(tables.findings) == 1
    assert tables.findings[0].way_out
    return str(tables.findings[0])


def patch(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """Change one member of the package, or add it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members.get(member, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a change that replaces what must be there."""

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"site,provider\na,P\n", "is text (CSV?)"),
        (bytes(range(256)) * 4, "is not a workbook"),
        (OLE + b"\0" * 600, "old Excel file (.xls)"),
        (OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"PK\x03\x04 cut short", "damaged or cut short"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "network.xlsx"
    path.write_bytes(content)
    assert words in refusal(path)


def test_paths_without_workbook_are_told_apart(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.xlsx")
    assert "is a directory" in refusal(tmp_path)
    assert "Excel's lock file" in refusal(tmp_path / "~$network.xlsx")


def test_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, base())
    path.write_bytes(path.read_bytes()[:-3000])
    assert "damaged or cut short" in refusal(path)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a.txt": b"a"}, "is a zip file"),
        ({"mimetype": b"application/vnd.oasis"}, "is an OpenDocument file"),
        ({"[Content_Types].xml": b"<a>sheet.binary.macroEnabled spreadsheetml</a>"}, "(.xlsb)"),
        ({"[Content_Types].xml": b"<a>spreadsheetml macroEnabled</a>"}, "macros (.xlsm)"),
        ({"[Content_Types].xml": b"<a>wordprocessingml</a>"}, "without sheets"),
        ({"[Content_Types].xml": b"<a>spreadsheetml</a>"}, "holds no sheet"),
        ({"[Content_Types].xml": b"<a>spreadsheetml</b>"}, "is damaged"),
        ({f"{number}.txt": b"" for number in range(MAX_MEMBERS + 1)}, "more than 2,000"),
        ({"[Content_Types].xml": b"<a>spreadsheetml</a>", "big.bin": b"0" * 2**24}, "inflates to"),
    ],
)
def test_strange_packages_are_told_apart(
    tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    path = tmp_path / "network.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert words in refusal(path)


def test_doubled_part_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, smallest())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SHEET1, b"<worksheet/>")
    assert "a part twice" in refusal(path)


def test_changed_bytes_are_noticed_by_their_checksum(tmp_path: Path) -> None:
    path = tmp_path / "network.xlsx"
    stored = write(tmp_path, smallest(), "source.xlsx")
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    data = path.read_bytes()
    assert b"provider" in data
    path.write_bytes(data.replace(b"provider", b"provoder", 1))
    assert "damaged" in refusal(path)


def test_doctype_is_refused(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, smallest()), SHEET1, lambda data: b'<!DOCTYPE a [<!ENTITY b "c">]>' + data
    )
    assert "DOCTYPE" in refusal(path)


def test_far_cell_is_named_and_costs_nothing(tmp_path: Path) -> None:
    far = b'</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    path = patch(write(tmp_path, smallest()), SHEET1, replaced(b"</row></sheetData>", far))
    message = refusal(path)
    assert message.startswith("Sites!XFD1048576:")
    assert "Ctrl+End" in message


def test_strict_workbook_is_refused(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, smallest()),
        "xl/workbook.xml",
        replaced(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ),
    )
    assert "Strict Open XML" in refusal(path)


@pytest.mark.parametrize("number", [b"1_000", "٣".encode(), b" 5 ", b"nan", b"0x10"])
def test_number_that_excel_never_writes_is_refused(tmp_path: Path, number: bytes) -> None:
    path = patch(
        write(tmp_path, smallest()),
        "xl/worksheets/sheet3.xml",
        replaced(b"<v>3</v>", b"<v>" + number + b"</v>"),
    )
    assert refusal(path).startswith("Capacities!C2: the cell holds")


def test_number_beyond_all_bounds_is_not_finite(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, smallest()),
        "xl/worksheets/sheet3.xml",
        replaced(b"<v>3</v>", b"<v>1E+309</v>"),
    )
    assert "Capacities!C2: max_nodes is not a finite number" in refusal(path)


def test_cell_given_twice_is_refused(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, smallest()),
        "xl/worksheets/sheet3.xml",
        replaced(b'<c r="D2"', b'<c r="C2"'),
    )
    assert refusal(path).startswith("Capacities!C2: the cell is out of order or there twice")


def test_vanished_sheet_is_noticed(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, base()),
        "xl/workbook.xml",
        replaced(b'<sheet name="Locks"', b'<other name="Locks"'),
    )
    assert "holds a sheet" in refusal(path)


def test_external_links_are_a_warning(tmp_path: Path) -> None:
    path = patch(
        write(tmp_path, smallest()),
        "xl/externalLinks/externalLink1.xml",
        lambda _: b"<externalLink/>",
    )
    tables = read_network(path)
    assert tables.network is not None
    assert "links to other workbooks" in str(tables.findings[0])


def test_any_damage_ends_in_a_finding(tmp_path: Path) -> None:
    data = write(tmp_path, base()).read_bytes()
    random_ = random.Random(1)
    path = tmp_path / "damaged.xlsx"
    for _ in range(120):
        damaged = bytearray(data)
        for _ in range(random_.choice((1, 1, 8))):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        path.write_bytes(bytes(damaged))
        tables = read_network(path)
        assert tables.network is not None or tables.findings


def test_any_damage_within_a_sheet_ends_in_a_finding(tmp_path: Path) -> None:
    path = write(tmp_path, smallest())
    random_ = random.Random(2)
    with zipfile.ZipFile(path) as archive:
        original = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(150):
        member = random_.choice(sorted(original))
        data = bytearray(original[member])
        data[random_.randrange(len(data))] = random_.randrange(32, 127)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in original.items():
                archive.writestr(name, bytes(data) if name == member else content)
        tables = read_network(path)
        assert tables.network is not None or tables.findings


def test_cells_keep_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "cells.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for position, value in enumerate(
        (1.5, "NA", True, datetime(2025, 3, 1), "#REF!", "=1+1", "00123", "  ", "null"), start=1
    ):
        sheet.cell(1, position).value = value  # type: ignore[assignment]
    sheet.merge_cells("A3:B4")
    book.save(path)
    read = read_workbook(path).sheets[0]
    kinds = [read.cell(1, position).kind for position in range(1, 11)]
    assert kinds == [
        CellKind.NUMBER,
        CellKind.TEXT,
        CellKind.BOOLEAN,
        CellKind.DATE,
        CellKind.ERROR,
        CellKind.UNCALCULATED,
        CellKind.TEXT,
        CellKind.BLANK,
        CellKind.TEXT,
        CellKind.BLANK,
    ]
    assert [read.cell(1, position).value for position in (2, 7, 9)] == ["NA", "00123", "null"]
    assert read.merged == ("A3:B4",)


def test_formula_with_stored_value_is_that_value(tmp_path: Path) -> None:
    path = tmp_path / "cells.xlsx"
    book = openpyxl.Workbook()
    book["Sheet"]["A1"], book["Sheet"]["B1"] = "=1+1", '=""'
    book.save(path)
    patch(path, SHEET1, replaced(b"<v />", b"<v>2</v>"))
    patch(path, SHEET1, replaced(b'<c r="B1">', b'<c r="B1" t="str">'))
    sheet = read_workbook(path).sheets[0]
    assert (sheet.cell(1, 1).kind, sheet.cell(1, 1).value) == (CellKind.NUMBER, 2)
    assert sheet.cell(1, 2).kind is CellKind.BLANK


def test_input_error_carries_its_findings(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_workbook(tmp_path / "none.xlsx")
    assert str(caught.value) == str(caught.value.findings[0])
    assert caught.value.findings[0].as_dict()["level"] == "error"


def test_a_workbook_of_something_else_is_one_finding(tmp_path: Path) -> None:
    path = tmp_path / "else.xlsx"
    openpyxl.Workbook().save(path)
    (found,) = read_network(path).findings
    assert "no sheet of the workbook is one that the planner knows: it has 'Sheet'" in str(found)
    assert "planner init" in found.way_out
