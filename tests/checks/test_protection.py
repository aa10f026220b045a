"""What is protected holds, or is said by name not to: findings beside what the solver finds."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from models.network import Network
from planner.evaluation.conflict import reasons
from planner.jobs.requests import Workers
from planner.reading import build, read_network
from planner.result import Limits
from planner.solver.solve import solve
from planner.workbook.excel import read_workbook
from planner.workbook.findings import Finding
from planner.workbook.sheets import read_book
from tests.workbooks import Cells, Sheets, base, put, save

LIMITS = Limits(20.0, gap=0.0)


def council(nodes: dict[str, int], *committees: tuple[str, int], protect: str = "Acme") -> Sheets:
    """Return a workbook with one site per provider and only committees to place on its nodes."""
    return {
        "Sites": [["site", "provider"], *([f"at {name}", name] for name in nodes)],
        "Providers": [["provider"], *([name] for name in nodes)],
        "Capacities": [
            ["site", "node_type", "max_nodes"],
            *([f"at {name}", "seat", most] for name, most in nodes.items()),
        ],
        "Demand": [["region", "requests_per_s"]],
        "Committees": [["committee", "seats"], *map(list, committees or [("council", 4)])],
        "Dependencies": [["dependency", "kind", "protect"], [protect, "provider", "yes"]],
    }


def read(folder: Path, sheets: Sheets) -> tuple[Network, list[Finding]]:
    """Return the network, also where no plan can be made of it, and what is said of protect."""
    path = save(folder, sheets)
    tables = read_network(path)
    network = tables.network or build(read_book(read_workbook(path), []), [])
    said = [found for found in tables.findings if "protected, " in found.message]
    wrong = [found for found in tables.findings if found.is_error and found not in said]
    assert not wrong, wrong
    return network, said


# Of four seats one may be lost with Acme: three must be elsewhere.
@pytest.mark.parametrize(
    ("safe", "level", "words", "status"),
    [
        (None, "warning", "every offer for seats of committee 'council' goes down", "optimal"),
        (
            1,
            "error",
            "needs 3 of its 4 seats outside it (max_faulty 1), but at most 1",
            "infeasible",
        ),
        (
            2,
            "error",
            "needs 3 of its 4 seats outside it (max_faulty 1), but at most 2",
            "infeasible",
        ),
        (3, None, "", "optimal"),
    ],
)
def test_a_safe_node_never_turns_a_plan_into_none_without_a_word(
    tmp_path: Path, safe: int | None, level: str | None, words: str, status: str
) -> None:
    network, said = read(tmp_path, council({"Acme": 9, **({"Bolt": safe} if safe else {})}))
    assert [found.level for found in said] == ([level] if level else [])
    assert all(f"{found.sheet}!{found.cell}" == "Dependencies!C2" for found in said)
    assert all(words in found.message for found in said)
    assert solve(network, LIMITS).status == status


def test_the_way_out_of_a_default_is_a_row_of_its_own(tmp_path: Path) -> None:
    sheets = council({"Acme": 9}, protect="*")
    _, said = read(tmp_path, sheets)
    assert said[0].way_out.endswith("or give it a row of its own with protect no")
    sheets["Dependencies"].append(["Acme", "provider", "no"])
    assert read(tmp_path, sheets)[1] == []


def test_many_committees_are_one_finding(tmp_path: Path) -> None:
    names = [(f"c{number}", 1) for number in range(9)]
    _, (said,) = read(tmp_path, council({"Acme": 9}, *names))
    assert "committee 'c5' and 3 more goes down with it" in said.message


def test_four_protected_providers_are_needed_to_lose_one_seat_of_four(tmp_path: Path) -> None:
    three = dict.fromkeys(("Acme", "Bolt", "Cord"), 9)
    network, (said,) = read(tmp_path, council(three, protect="*"))
    assert "provider:Acme, provider:Bolt and provider:Cord are protected" in said.message
    assert "at most 3 of its 4 can be had" in said.message
    assert solve(network, LIMITS).status == "infeasible"
    network, said_of_four = read(tmp_path, council({**three, "Dorn": 1}, protect="*"))
    assert not said_of_four
    assert solve(network, LIMITS).status == "optimal"


def test_what_only_the_solver_finds_is_named_with_its_row(tmp_path: Path) -> None:
    # Either council could have its three safe seats, both together need six of five.
    sheets = council({"Acme": 9, "Bolt": 5}, ("council", 4), ("senate", 4))
    sheets["Dependencies"].append(["Bolt", "provider", "no"])
    network, said = read(tmp_path, sheets)
    assert not said
    assert solve(network, LIMITS).status == "infeasible"
    assert any(
        reason.startswith(
            "protect: no plan keeps every guarantee without provider:Acme "
            "(Dependencies, row 2). Take it off protect"
        )
        for reason in reasons(network, Workers(1), threading.Event())
    )


@pytest.mark.parametrize(
    ("protect", "executing", "said"),
    [
        # Fra1, par1 and ams1 lie in the EU: what one executes, the other two verify, both of them.
        (None, 10, ""),
        ("OVH", 10, ""),  # at par1, verified by the other two
        ("OVH", 0, "needs 2 of its 2 verifiers outside it (quorum), but no executing node has"),
        ("*", 10, "may lose 0 of its 2 verifiers with each (quorum 2): no executing node can have"),
    ],
)
def test_what_no_protected_quorum_can_verify_is_not_served(
    tmp_path: Path, protect: str | None, executing: int, said: str
) -> None:
    sheets = base()
    if protect:
        sheets["Dependencies"].append([protect, "provider", None, None, "yes"])
        put(sheets, "Committees", 2, "max_faulty", 2)
    put(sheets, "Capacities", 6, "max_nodes", executing)
    network, found = read(tmp_path, sheets)
    assert [said in finding.message for finding in found] == ([True] if said else [])
    plan = solve(network, LIMITS).plan
    assert plan is not None
    served = sum(flow.share for flow in plan.final.routing if flow.demand.verification == "two")
    assert served == pytest.approx(0 if said else 2)  # of two rows


def test_drawn_networks_are_refused_only_where_there_is_no_plan(tmp_path: Path) -> None:
    seen = set()
    for seed in range(30):
        network, said = read(tmp_path, drawn(random.Random(seed)))
        levels = {found.level for found in said}
        status = solve(network, LIMITS).status
        seen.add(("error" in levels, "warning" in levels, status))
        if "error" in levels:
            assert status == "infeasible", (seed, said)
        elif status == "infeasible":
            found = reasons(network, Workers(1), threading.Event())
            assert any(reason.startswith("protect: ") for reason in found), (seed, found)
    # Both outcomes with and without a note, and plans that only the solver knows not to exist.
    assert seen >= {
        (False, False, "optimal"),
        (False, True, "optimal"),
        (True, False, "infeasible"),
        (True, True, "infeasible"),
        (False, False, "infeasible"),
    }


def drawn(draw: random.Random) -> Sheets:
    """Return a workbook with a plan, were nothing protected: seats and copies at a few sites."""
    names = [f"s{number}" for number in range(draw.randint(2, 4))]
    kinds = {"provider": "PQR", "country": "DEF"}
    hangs_on = {kind: [draw.choice(values) for _ in names] for kind, values in kinds.items()}
    nodes = [draw.randint(1, 6) for _ in names]
    disks = [draw.randint(0, 1) for _ in names]
    protected: Cells = []
    for kind, found in hangs_on.items():
        chosen = draw.choice([None, "*", *found])
        protected += [[chosen, kind, "yes"]] if chosen else []
    first = draw.randint(1, min(7, sum(nodes)))
    seats = [first, draw.randint(0, sum(nodes) - first)]
    copies = draw.randint(0, sum(disks))
    return {
        "Sites": [["site", "provider", "country"], *_rows(names, *hangs_on.values())],
        "Providers": [["provider"], *([name] for name in sorted(set(hangs_on["provider"])))],
        "Node types": [
            ["node_type", "role", "disk_tb", "gpu_memory_gb"],
            ["seat", "coordination", None, None],
            ["disk", "storage", 1, None],
            ["gpu", "execution", None, 80],
        ],
        "Capacities": [
            ["site", "node_type", "max_nodes"],
            *([name, "seat", most] for name, most in zip(names, nodes, strict=True)),
            *([name, "disk", most] for name, most in zip(names, disks, strict=True)),
            ["s0", "gpu", 1],
        ],
        "Demand": [["region", "requests_per_s", "model"]],
        "Models": [
            ["model", "gpu_memory_gb", "weights_gb", "requests_per_s", "copies", "min_copies_left"],
            ["chat", 10, 500, 1, copies, draw.randint(0, copies)],
        ],
        "Committees": [
            ["committee", "seats", "max_faulty"],
            *(
                [f"c{number}", count, draw.choice([None, draw.randint(0, count - 1)])]
                for number, count in enumerate(seats)
                if count
            ),
        ],
        "Dependencies": [["dependency", "kind", "protect"], *protected],
        "Shocks": [
            ["shock", "takes_down", "protect"],
            ["storm", "s0; s1", draw.choice(["yes", "no"])],
        ],
    }


def _rows(*columns: list[str]) -> Cells:
    """Return the columns as rows."""
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("protect", ["yes", "no"])
def test_max_faulty_without_protection_is_said_to_limit_nothing(
    tmp_path: Path, protect: str
) -> None:
    sheets = base()
    del sheets["Diversity"]
    put(sheets, "Committees", 2, "max_faulty", 1)
    put(sheets, "Dependencies", 2, "protect", protect)
    found = [str(f) for f in read_network(save(tmp_path, sheets)).findings]
    assert any("max_faulty 1 limits nothing" in text for text in found) == (protect == "no")
