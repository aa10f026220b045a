"""What is said to be beyond any plan is: the solver finds none either, and one just below."""

from __future__ import annotations

import random
from pathlib import Path

from planner.reading import build, read_network
from planner.solver.solve import solve
from planner.workbook.excel import read_workbook
from planner.workbook.sheets import read_book
from tests.checks.test_protection import LIMITS, drawn
from tests.thorough import some
from tests.workbooks import Sheets, put, save


def asked(draw: random.Random) -> Sheets:
    """Return a workbook with seats and copies to place, and a min_collapse for one of the two."""
    sheets = drawn(draw)
    sheets["Dependencies"] = sheets["Dependencies"][:1]
    put(sheets, "Shocks", 2, "protect", "no")
    role = draw.choice(["coordination", "storage"])
    kind = draw.choice([None, "provider", "country"])
    sheets["Diversity"] = [
        ["rule", "role", "kind", "min_collapse"],
        ["firm", role, kind, draw.randint(1, 4)],
    ]
    return sheets


def test_a_collapse_that_is_out_of_reach_has_no_plan(tmp_path: Path) -> None:
    seen = set()
    for seed in some(range(40)):
        path = save(tmp_path, asked(random.Random(seed)))
        tables = read_network(path)
        said = [found for found in tables.findings if "is out of reach" in found.message]
        others = [found for found in tables.findings if found.is_error and found not in said]
        if others:
            continue
        network = tables.network or build(read_book(read_workbook(path), []), [])
        status = solve(network, LIMITS).status
        seen.add((bool(said), status))
        if said:
            assert status == "infeasible", (seed, said)
            assert said[0].cell == "D2"
    assert seen >= {(True, "infeasible"), (False, "optimal")}
