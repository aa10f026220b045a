"""Outage figures that cannot be, or that say too little, are told with their cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.reading import read_network
from tests.workbooks import base, save


@pytest.mark.parametrize(
    ("often", "long", "level", "cell"),
    [
        (2, 5000, "error", "D2"),  # 10,000 of 8,760 hours
        (2, 4380, "", ""),  # down all year: that can be
        (2, None, "warning", "D2"),
        (None, 8, "warning", "C2"),
        (0, None, "", ""),
        (None, None, "", ""),
    ],
)
def test_figures_fit_into_a_year_and_come_in_twos(
    often: float | None, long: float | None, level: str, cell: str, tmp_path: Path
) -> None:
    sheets = base()
    sheets["Dependencies"] = [
        ["dependency", "kind", "outages_per_year", "outage_hours"],
        ["Hetzner", "provider", often, long],
    ]
    found = [
        finding
        for finding in read_network(save(tmp_path, sheets)).findings
        if finding.sheet == "Dependencies"
    ]
    assert [(finding.level, finding.cell) for finding in found] == (
        [(level, cell)] if level else []
    )
