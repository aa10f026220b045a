"""Every defect is found in its cell, with words that help, and nothing else is blamed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.reading import read_network
from tests.defects import DEFECTS, Defect, make
from tests.workbooks import base, save, smallest


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_defect_is_found_in_its_cell_and_nowhere_else(tmp_path: Path, defect: Defect) -> None:
    tables = read_network(make(tmp_path, defect))
    shown = "\n".join(str(finding) for finding in tables.findings)
    at_cell = [
        finding
        for finding in tables.findings
        if f"{finding.sheet}!{finding.cell}".removesuffix("!") == defect.where
        and finding.level == defect.level
    ]
    assert at_cell, shown
    text = " ".join(str(finding) for finding in at_cell)
    assert all(word in text for word in defect.words), text
    assert all(finding.way_out for finding in tables.findings), shown
    # One mistake, one error: nothing else is blamed for it.
    errors = [str(finding) for finding in tables.findings if finding.is_error]
    assert len(errors) == (defect.level == "error"), shown
    assert (tables.network is None) == (defect.level == "error")


def test_names_of_defects_are_unique() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("sheets", [base, smallest], ids=["base", "smallest"])
def test_sound_workbook_has_no_error(tmp_path: Path, sheets: object) -> None:
    tables = read_network(save(tmp_path, sheets()))  # type: ignore[operator]
    assert tables.network is not None
    assert not [finding for finding in tables.findings if finding.is_error]


def test_defects_on_many_sheets_are_all_found_in_one_pass(tmp_path: Path) -> None:
    names = [
        "decimal comma",
        "unknown provider",
        "min_nodes above max_nodes",
        "exposure cycle",
        "kind of nothing",
        "route to a region",
        "quorum out of range",
        "tolerance without sense",
        "copies above storage sites",
    ]
    chosen = [defect for defect in DEFECTS if defect.name in names]
    assert len(chosen) == len(names)
    sheets = base()
    for defect in chosen:
        defect.change(sheets)
    found = {
        f"{finding.sheet}!{finding.cell}"
        for finding in read_network(save(tmp_path, sheets)).findings
        if finding.is_error
    }
    # The last is arithmetic on Settings and Sites, which are damaged: it waits for the repair.
    wanted = {defect.where for defect in chosen if defect.name != "copies above storage sites"}
    assert found == wanted
