"""What is solved, by name: generated sizes and workbooks, with the limit and repeats of each."""

from __future__ import annotations

from pathlib import Path

from bench.networks import SIZES

ROOT = Path(__file__).parents[1]
PUBLIC = ROOT.parent / "shared" / "data"
COMMITTEES = "internet_computer"
"""The case that asks for nothing but committees with the fewest changes."""
WORKBOOKS = {
    "minimal": ROOT / "inputs" / "minimal.xlsx",
    "opengradient": ROOT / "inputs" / "opengradient.xlsx",
    "cap71": PUBLIC / "orlib" / "cap71.xlsx",
    "cap101": PUBLIC / "orlib" / "cap101.xlsx",
    "cap131": PUBLIC / "orlib" / "cap131.xlsx",
    COMMITTEES: PUBLIC / "internet_computer" / "2025-08-19.xlsx",
}
"""Workbooks by name; the public ones lie beside the project."""
FACILITIES = "facilities"
"""The generated case of facility location alone."""
GENERATED = (*SIZES, FACILITIES)
CASES = (*GENERATED, *WORKBOOKS)

LIMIT_S = {"S": 60.0, "M": 300.0, "L": 900.0, "XL": 1800.0, FACILITIES: 120.0}
WORKBOOK_LIMIT_S = 60.0
ONCE = ("L", "XL")
"""Too long to be run three times."""


def limit_s(case: str) -> float:
    """Return the seconds for each way, building included."""
    return LIMIT_S.get(_size(case), WORKBOOK_LIMIT_S)


def repeats(case: str) -> int:
    """Return how many runs the median is taken of."""
    return 1 if _size(case) in ONCE else 3


def _size(case: str) -> str:
    """Return the size that a case is of: `M-local` is as large as M."""
    return case.partition("-")[0]


def is_here(case: str) -> bool:
    """Return whether the case can be solved on this machine."""
    return case in GENERATED or WORKBOOKS[case].exists()
