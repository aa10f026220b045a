"""What the shell completes, and what the command line takes a slip of the pen for."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from models.data import ROLES
from planner.cli import main
from tests.test_cli import MINIMAL, ROOT, run
from tests.workbooks import base, save, smallest


def completed(*words: object) -> list[str]:
    """Return what the last word can become."""
    *given, begun = map(str, words)
    shell = ShellComplete(main, {}, "planner", "_PLANNER_COMPLETE")
    return [found.value for found in shell.get_completions(given, begun)]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workbook with kinds and scenarios."""
    sheets = base()
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        ["high demand", "Demand", None, "requests_per_s", "x2"],
        ["low demand", "Demand", None, "requests_per_s", "x0.5"],
    ]
    return save(tmp_path_factory.mktemp("completed"), sheets)


def test_commands_and_options_are_completed() -> None:
    assert completed("s") == ["sites", "solve", "stress"]
    assert "--scenario" in completed("solve", "x.xlsx", "--sc")


def test_scenarios_are_those_of_the_workbook(book: Path) -> None:
    assert completed("solve", book, "--scenario", "") == ["high demand", "low demand", "all"]
    assert completed("solve", "-q", book, "--scenario", "HI") == ["high demand"]
    assert completed("audit", book, "--scenario", "") == ["high demand", "low demand"]


def test_kinds_and_measures_are_those_of_the_workbook(book: Path) -> None:
    kinds = completed("stress", book, "plan.xlsx", "--kind", "")
    assert {"country", "provider"} <= set(kinds)
    measures = completed("frontier", book, "--against", "")
    assert measures[:4] == ["latency", "worst_loss", "expected_loss", "changes"]
    assert measures[4 : 4 + len(kinds)] == [f"share:{kind}" for kind in kinds]
    assert measures[4 + len(kinds) :] == [f"collapse:{role}" for role in ROLES]
    assert completed("frontier", book, "--against", "share:prov") == ["share:provider"]


def test_rules_that_may_not_give_are_completed(book: Path) -> None:
    assert completed("explain", book, "--keep", "bud") == ["budget"]


def test_without_a_workbook_nothing_is_made_up(tmp_path: Path) -> None:
    garbled = tmp_path / "garbled.xlsx"
    garbled.write_text("no workbook", encoding="utf-8")
    for words in ((), (tmp_path / "none.xlsx",), (garbled,), (tmp_path,)):
        assert completed("stress", *words, "--kind", "") == []
        assert completed("audit", *words, "--scenario", "") == []


def test_the_readme_says_how_for_every_shell() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for shell in ("bash", "zsh", "fish"):
        assert f"_PLANNER_COMPLETE={shell}_source planner" in text


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("slove", "{book}"), "'solve'"),
        (("solve", "{book}", "--scenaro", "x"), "'--scenario'"),
        (("solve", "{book}", "--scenario", "hig demand", "--out", "{out}"), "'high demand'"),
        (("audit", "{book}", "--today", "--scenario", "lo demand"), "'low demand'"),
        (("explain", "{book}", "--keep", "budgt"), "'budget'"),
        (("frontier", "{book}", "--against", "latncy"), "'latency'"),
        (("frontier", "{book}", "--against", "share:contry"), "'share:country'"),
        (("frontier", "{book}", "--against", "collapse:storge"), "'collapse:storage'"),
        (("stress", "{minimal}", "{plan}", "--kind", "contry"), "'country'"),
        (("solve", "{folder}/netwrk.xlsx"), "network.xlsx"),
        (("check", "{folder}/netwrk.xlsx"), "network.xlsx"),
        (("frontier", "{folder}/netwrk.xlsx", "--against", "latency"), "network.xlsx"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(
    words: tuple[str, ...], meant: str, book: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    if "{plan}" in words:
        run("solve", MINIMAL, "--out", plan, "-q")
    places = {
        "book": book,
        "folder": book.parent,
        "minimal": MINIMAL,
        "out": tmp_path / "out",
        "plan": plan / "plan.xlsx",
    }
    done = run(*(word.format(**places) for word in words))
    assert done.exit_code == 2
    assert f"did you mean {meant}?" in done.output.casefold(), done.output


def test_a_path_that_is_like_none_is_to_be_checked(tmp_path: Path) -> None:
    save(tmp_path, smallest())
    assert "does not exist; check the path" in run("check", tmp_path / "other.xlsx").output
