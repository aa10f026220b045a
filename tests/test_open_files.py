"""What is open in Excel stays as it is; what was found is written beside it, and that is said."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from planner.files import put_beside
from tests.test_cli import MINIMAL, edit_first_node_count, figures, run, sha256, unsolvable
from tests.workbooks import base, put, save, smallest

SAID = "{} is open in another program and stays as it is; the new one is {}.\n"


def hold(monkeypatch: pytest.MonkeyPatch, names: Iterable[str]) -> None:
    """Refuse to replace files of these names, as Windows does while a program has them open."""
    replace, held = os.replace, set(names)

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name in held and Path(target).exists():
            raise PermissionError(13, "held", str(target))
        replace(source, target)

    monkeypatch.setattr("planner.files.os.replace", refuse)


def beside(name: str) -> str:
    return str(Path(name).with_stem(f"{Path(name).stem} (2)"))


def said(output: str, names: Iterable[str]) -> None:
    for name in names:
        assert SAID.format(name, beside(name)) in output, output
    assert "Traceback" not in output


FILES = ("plan.xlsx", "report.html", "plan.json", "solver.log")


def test_every_file_of_a_run_that_is_held_is_written_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, out = save(tmp_path, smallest()), tmp_path / "out"
    assert run("solve", book, "--out", out, "-q").exit_code == 0
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 7)
    save(tmp_path, sheets)
    files = (*FILES, "workbook.xlsx")
    before = {name: sha256(out / name) for name in files}
    hold(monkeypatch, files)
    done = run("solve", book, "--out", out, "-q")
    assert done.exit_code == 0, done.output
    said(done.output, files)
    assert {name: sha256(out / name) for name in files} == before
    assert sha256(out / "workbook (2).xlsx") == sha256(book)
    monkeypatch.undo()
    # The new plan is whole, and its own figures say where the workbook of it is.
    assert run("audit", book, out / "plan (2).xlsx").exit_code == 0
    os.replace(out / "plan (2).json", out / "plan.json")
    assert figures(out)["run"]["files"]["workbook"] == "workbook (2).xlsx"  # type: ignore[index]
    assert run("compare", out, out).exit_code == 0
    again = run("rerun", out)
    assert again.output == "The same again: optimal.\n"


def test_a_plan_that_excel_says_is_open_is_not_replaced(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    (tmp_path / "~$plan.xlsx").write_bytes(b"")
    (tmp_path / ".~lock.report.html#").write_bytes(b"")
    before = sha256(tmp_path / "plan.xlsx"), sha256(tmp_path / "report.html")
    done = run("solve", MINIMAL, "--out", tmp_path, "-q")
    assert done.exit_code == 0
    said(done.output, ("plan.xlsx", "report.html"))
    assert (sha256(tmp_path / "plan.xlsx"), sha256(tmp_path / "report.html")) == before
    told = run("solve", MINIMAL, "--out", tmp_path, "--json")
    assert "the new one is plan (3).xlsx" in told.stderr


def test_an_edited_plan_beside_a_held_one_is_not_written_over(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    (tmp_path / "~$plan.xlsx").write_bytes(b"")
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    edit_first_node_count(tmp_path / "plan (2).xlsx")
    before = sha256(tmp_path / "plan (2).xlsx")
    done = run("solve", MINIMAL, "--out", tmp_path, "-q")
    assert "plan.xlsx is open in another program" in done.output
    assert "the new one is plan (3).xlsx" in done.output
    assert sha256(tmp_path / "plan (2).xlsx") == before


def test_a_held_plan_of_an_earlier_run_is_left_where_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("solve", MINIMAL, "--out", out, "-q")
    (out / "~$plan.xlsx").write_bytes(b"")
    done = run("solve", unsolvable(tmp_path, "invalid"), "--out", out, "-q")
    text = "plan.xlsx is of an earlier run, still there: it is open in another program.\n"
    assert text in done.output
    assert (out / "plan.xlsx").exists()


def test_a_checked_copy_that_is_held_is_written_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "latitude", 95)
    path = save(tmp_path, sheets)
    run("check", path)
    hold(monkeypatch, ["network.checked.xlsx"])
    done = run("check", path)
    assert done.exit_code == 2
    said(done.output, ["network.checked.xlsx"])
    assert "Marked in a copy: " in done.output
    assert (tmp_path / "network.checked (2).xlsx").exists()


@pytest.mark.parametrize("command", ["stress", "sites", "explain"])
def test_figures_and_pages_that_are_held_are_written_beside(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = save(tmp_path, smallest())
    run("solve", book, "--out", tmp_path, "-q")
    asked = (command, book, tmp_path / "plan.xlsx", "--processes", 1)
    assert run(*asked, "-q").exit_code == 0
    names = [f"{command}.json", f"{command}.html"]
    hold(monkeypatch, names)
    done = run(*asked)
    assert done.exit_code == 0, done.output
    said(done.output, names)
    assert (tmp_path / f"{command} (2).json").is_file()
    assert (tmp_path / f"{command} (2).html").is_file()


@pytest.mark.parametrize("command", ["stress", "sites"])
def test_what_cannot_be_written_at_all_is_still_told(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = save(tmp_path, smallest())
    run("solve", book, "--out", tmp_path, "-q")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("planner.files.os.fsync", full)
    done = run(command, book, tmp_path / "plan.xlsx", "--processes", 1)
    assert done.exit_code == 2
    assert "not written: [Errno 28] No space left on device" in done.output
    assert "everything:" not in done.output
    told = {"stress": "fewest to end", "sites": "adds"}[command]
    assert told in done.output
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_frontier_that_is_held_is_written_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, out = save(tmp_path, smallest()), tmp_path / "f"
    options = ("--against", "share:provider", "--points", "0", "--processes", "1", "--out", out)
    assert run("frontier", book, *options, "-q").exit_code == 0
    names = ["frontier.json", "frontier.csv", "frontier.html"]
    hold(monkeypatch, [*names, "plan.xlsx"])
    done = run("frontier", book, *options, "-q")
    assert done.exit_code == 0, done.output
    said(done.output, [*names, "01/plan.xlsx"])


def test_a_folder_that_takes_no_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied", "out")

    monkeypatch.setattr("planner.files.tempfile.mkstemp", refuse)
    done = run("solve", MINIMAL, "--out", tmp_path / "out", "-q")
    assert done.exit_code == 2
    assert done.output == "[Errno 13] Permission denied: 'out'\n"


def test_a_folder_that_refuses_is_not_taken_for_an_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "denied", str(target))

    monkeypatch.setattr("planner.files.os.replace", refuse)
    with pytest.raises(PermissionError):
        put_beside(tmp_path / "new.json", b"{}")
    (tmp_path / "old.json").write_bytes(b"")
    with pytest.raises(PermissionError):
        put_beside(tmp_path / "old.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
