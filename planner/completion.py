"""What a shell may complete an option with: the names that a workbook has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.measures import SHARE
from planner.evaluation.frontier import COLLAPSE, MEASURES, roles
from planner.reading import read_network
from planner.workbook.excel import read_workbook
from planner.workbook.findings import InputError
from planner.workbook.scenarios import names
from planner.workbook.sheets import read_book


def completions(option: str, workbook: Path | None) -> list[str]:
    """Return what the option of that name can be for the workbook; nothing where that is unread."""
    if workbook is None or not workbook.is_file():
        return []
    try:
        return list(_NAMES[option](workbook))
    except InputError:
        return []


def _kinds(workbook: Path) -> Sequence[str]:
    network = read_network(workbook).network
    return sorted({item.kind for item in network.graph.dependencies}) if network else []


def _measures(workbook: Path) -> Sequence[str]:
    network = read_network(workbook).network
    promised = roles(network) if network else ()
    shares = [f"{SHARE}{kind}" for kind in _kinds(workbook)]
    return [*MEASURES, *shares, *(f"{COLLAPSE}{role}" for role in promised)]


def _scenarios(workbook: Path) -> Sequence[str]:
    return names(read_book(read_workbook(workbook), []))


def _rules(_: Path) -> Sequence[str]:
    from models.build import rule_name  # it loads Pyomo, which nothing else here needs
    from models.rules import RULES

    return sorted(map(rule_name, RULES))


_NAMES: Mapping[str, Callable[[Path], Sequence[str]]] = {
    "kinds": _kinds,
    "against": _measures,
    "scenario": _scenarios,
    "keep": _rules,
}
