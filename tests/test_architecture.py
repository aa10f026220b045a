"""Who may import whom, and who may print: read from the source, not from running it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import models
import planner
from tests.mutants import ELSEWHERE, EQUIVALENT, FEWER, FILES, FIRST, TESTS, first, mutants

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("models/**/*.py"), *ROOT.glob("planner/**/*.py")])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


CLI = {name(path) for path in MODULES if path.parent == ROOT / "planner" / "cli"}
"""The command line: the only modules that print and exit."""

DOORS = {
    "openpyxl": {
        "planner/workbook/excel.py",
        "planner/workbook/checked.py",
        "planner/workbook/excel_bytes.py",
        "planner/workbook/excel_charts.py",
        "planner/workbook/excel_validation.py",
        "planner/workbook/excel_writing.py",
        "planner/workbook/scenario_writing.py",
    },
    "highspy": {"planner/solver/highs.py"},
    "click": CLI,
    "joblib": {"planner/jobs/processes.py"},
    "distributed": {"planner/jobs/cluster.py"},
    "rich": {
        "planner/cli/_said.py",
        "planner/cli/_endings.py",
        "planner/report/compare_report.py",
        "planner/report/frontier_report.py",
        "planner/report/loss_tables.py",
        "planner/report/html/tables_page.py",
        "planner/report/progress.py",
        "planner/report/screen.py",
        "planner/report/sites_report.py",
        "planner/report/stress_report.py",
        "planner/report/why_report.py",
    },
}
"""A library is used through one door; openpyxl by one for reading, one for writing with
its charts, validation and bytes, and two for a copy, marked or with a scenario more; rich also by
what only shapes the text."""

FOLDERS = {
    "workbook": set(),
    "checks": {"workbook"},
    "solver": set(),
    "jobs": {"solver"},
    "evaluation": {"workbook", "checks", "solver", "jobs"},
    "report": {"workbook", "evaluation"},
    "cli": {path.stem for path in ROOT.glob("planner/*") if path.stem != "__main__"},
}
"""The folders of the planner, and what each may use of the others."""
SHARED = {"files", "result", "versions"}
"""Modules beside the folders that every folder may use."""


class Source(NamedTuple):
    """The docstring of a module, and by full name what it imports, calls and raises."""

    docstring: str | None
    imports: tuple[str, ...]
    calls: frozenset[str]
    raises: frozenset[str]


@cache
def source(path: Path) -> Source:
    """Return what a module says; its tree is not kept, which garbage collection would walk."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported, called, raised = list[str](), set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)} imports relatively"
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):
            called.add(ast.unparse(node.func))
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised.add(ast.unparse(node.exc).partition("(")[0])
    return Source(ast.get_docstring(tree), tuple(imported), frozenset(called), frozenset(raised))


def imports(path: Path) -> tuple[str, ...]:
    """Return the full name of everything that a module imports."""
    return source(path).imports


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    text = source(path).docstring
    assert text, f"{name(path)} has no docstring"
    assert text.split("\n\n")[0].rstrip().endswith((".", "?", "!")), name(path)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_models_know_nothing_of_the_planner_and_neither_knows_the_tests(path: Path) -> None:
    forbidden = {"tests"} | ({"planner"} if name(path).startswith("models/") else set())
    assert not {found.partition(".")[0] for found in imports(path)} & forbidden


def test_every_folder_of_the_planner_is_known() -> None:
    found = {path.parent.name for path in ROOT.glob("planner/*/*.py")}
    assert found == set(FOLDERS)


@pytest.mark.parametrize("path", sorted(ROOT.glob("planner/*/*.py")), ids=name)
def test_a_folder_uses_only_what_is_below_it(path: Path) -> None:
    own = path.parent.name
    used = {found.split(".")[1] for found in imports(path) if found.startswith("planner.")}
    assert used <= {own} | FOLDERS[own] | SHARED


def test_what_every_folder_may_use_uses_no_more_than_the_workbook() -> None:
    for module in sorted(SHARED):
        used = {
            found.split(".")[1]
            for found in imports(ROOT / "planner" / f"{module}.py")
            if found.startswith("planner.")
        }
        assert used <= {"workbook"}, module


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "rules"], ids=name)
def test_rules_never_import_each_other(path: Path) -> None:
    if path.stem == "__init__":
        return
    for found in imports(path):
        if found.startswith("models.rules"):
            shared = found.removeprefix("models.rules").lstrip(".")
            assert shared.startswith("_"), f"{name(path)} imports {found}"


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_by_its_own_door(library: str) -> None:
    found = {
        name(path)
        for path in MODULES
        if any(used.partition(".")[0] == library for used in imports(path))
    }
    assert found <= DOORS[library]


def test_the_mathematics_touches_no_file_no_clock_and_no_solver() -> None:
    forbidden = {
        "openpyxl",
        "pandas",
        "highspy",
        "click",
        "rich",
        "pathlib",
        "os",
        "io",
        "time",
        "datetime",
        "logging",
        "sys",
        "subprocess",
        "csv",
        "json",
    }
    for path in MODULES:
        if name(path).startswith("models/"):
            used = {found.partition(".")[0] for found in imports(path)}
            assert not used & forbidden, name(path)
            assert not source(path).calls & {"open", "print", "input"}, name(path)


def test_an_audit_loads_neither_the_modelling_language_nor_the_solver() -> None:
    program = """
import sys
from pathlib import Path
from models.plan import Deployment, Plan
from planner.evaluation.audit import audit
from planner.evaluation.evaluation import evaluate
from planner.reading import read_network
from planner.report.plan_audit import audit_plan

network = read_network(Path(sys.argv[1])).network
assert audit(network, Plan({"": Deployment()}))
print(*({"pyomo", "highspy"} & sys.modules.keys()))
"""
    workbook = ROOT / "inputs" / "opengradient.xlsx"
    done = subprocess.run(
        [sys.executable, "-c", program, workbook], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_of_pyomo_only_the_core_is_loaded() -> None:
    # Its whole environment takes as long again, for solvers and writers that nobody uses.
    for path in MODULES:
        assert "pyomo.environ" not in imports(path), name(path)


def test_only_the_command_line_prints_and_exits() -> None:
    loud = {"print", "sys.exit", "exit", "quit", "os._exit", "click.echo", "click.secho"}
    for path in MODULES:
        if name(path) not in CLI:
            assert not source(path).calls & loud, name(path)
            assert "SystemExit" not in source(path).raises, name(path)


def test_nobody_builds_on_the_command_line() -> None:
    for path in MODULES:
        used = any(f"{found}.".startswith("planner.cli.") for found in imports(path))
        assert not used or name(path) in CLI | {"planner/__main__.py"}, name(path)


def test_nobody_imports_everything() -> None:
    for path in MODULES:
        assert not any(found.endswith(".*") for found in imports(path)), name(path)


def test_both_packages_lie_side_by_side() -> None:
    assert models.__file__ is not None
    assert planner.__file__ is not None
    assert Path(models.__file__).parents[1] == Path(planner.__file__).parents[1] == ROOT


def test_the_walk_of_one_row_is_true_and_short() -> None:
    text = (ROOT / "docs" / "walk.md").read_text(encoding="utf-8")
    stops = re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    assert [int(number) for number in stops] == list(range(1, len(stops) + 1))
    assert len(stops) <= 20
    named = re.findall(r"`((?:planner|models)/[\w/]+\.py):(\w+)`", text)
    assert len(named) >= len(stops)
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in found, f"{path} has no {function}"


def test_what_the_mutants_name_is_there() -> None:
    named = {test for tests in FIRST.values() for test in tests} | set(TESTS) - {FEWER}
    assert [test for test in sorted(named) if not (ROOT / test).exists()] == []
    mathematics = {name(path) for path in MODULES if name(path).startswith("models/")}
    assert set(FILES) | set(ELSEWHERE) == mathematics
    assert set(FIRST) <= {Path(path).stem for path in FILES}
    assert [path for path in FILES if not first(path)] == []
    paths = sorted({label.partition(" ")[0] for label in EQUIVALENT})
    labels = {mutant.label for path in paths for mutant in mutants(path)}
    assert [label for label in EQUIVALENT if label not in labels] == []
