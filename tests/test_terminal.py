"""What a terminal, a pipe and a code page get to see: nothing that ends in a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from planner.cli import main
from tests.test_cli import MINIMAL, ROOT, figures, run
from tests.workbooks import Sheets, save, smallest

LONG = ("explain", "frontier", "rerun", "sites", "solve", "stress")
"""The commands that may take long."""

NAME = "Zürich → ≤ 7 東京 ™"
"""Letters that one code page or another does not have."""


def odd() -> Sheets:
    """Return a workbook whose names no code page has all of."""
    sheets = smallest()
    for rows in sheets.values():
        for row in rows:
            row[:] = [NAME if cell in ("a", "R") else cell for cell in row]
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        [NAME, "Demand", None, "requests_per_s", "x0.5"],
    ]
    return sheets


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the workbook `→.xlsx`, one that is wrong, and a plan in `plan`."""
    folder = tmp_path_factory.mktemp("odd")
    book = save(folder, odd(), "→.xlsx")
    wrong = odd()
    wrong["Sites"][2][1] = "Nobody ≥ ü"
    save(folder, wrong, "≤.xlsx")
    old = odd()
    old["Sites"][0].append("höhe → m")
    save(folder, old, "old.xlsx")
    assert run("solve", book, "--out", folder / "plan", "-q").exit_code == 0
    return folder


SAYINGS = {
    "audit": ("audit", "→.xlsx", "plan/plan.xlsx"),
    "audit of another": ("audit", "≤.xlsx", "plan/plan.xlsx"),
    "check": ("check", "≤.xlsx"),
    "compare": ("compare", "plan", "plan"),
    "explain": ("explain", "→.xlsx", "--processes", "1"),
    "explain a plan": ("explain", "→.xlsx", "plan/plan.xlsx", "--processes", "1"),
    "frontier": (
        "frontier",
        "→.xlsx",
        "--against",
        "share:provider",
        "--points",
        "0",
        "--processes",
        "1",
    ),
    "help": ("frontier", "--help"),
    "init": ("init", "new →.xlsx", "--from", "old.xlsx"),
    "no such command": ("→",),
    "no such scenario": ("solve", "→.xlsx", "--scenario", "→ ü", "--out", "unknown"),
    "rerun": ("rerun", "plan"),
    "sites": ("sites", "→.xlsx", "plan/plan.xlsx", "--processes", "1"),
    "solve": ("solve", "→.xlsx", "--scenario", "all", "--out", "all", "-v", "--processes", "1"),
    "stress": ("stress", "→.xlsx", "plan/plan.xlsx", "--processes", "1"),
    "stress of a kind": ("stress", "→.xlsx", "plan/plan.xlsx", "--kind", "→ ü"),
}


def test_every_command_is_tried_with_a_code_page() -> None:
    assert {words[0] for words in SAYINGS.values()} >= set(main.commands)


ENDS = {
    "audit of another": 2,
    "check": 2,
    "no such command": 2,
    "no such scenario": 2,
    "stress of a kind": 2,
}
"""The exit codes that are not 0."""

EACH = """
import json, sys
from planner.cli import main

for name, words in json.loads(sys.argv[1]).items():
    print(f"## {name}", flush=True)
    try:
        main(words)
    except SystemExit as end:
        print(f"## {end.code}", flush=True)
"""
"""One command after the other, each begun and ended by a line: to start Python takes longest."""


def piped(
    sayings: dict[str, tuple[str, ...]], folder: Path, **environment: str
) -> subprocess.CompletedProcess:
    """Return what commands wrote into a pipe, as bytes."""
    return subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(sayings)],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=600,
    )


@pytest.mark.parametrize("code_page", ["cp1252", "cp437"])
def test_a_code_page_that_lacks_letters_is_no_traceback_and_json_loses_none(
    code_page: str, planned: Path
) -> None:
    (planned / "new →.xlsx").unlink(missing_ok=True)
    as_json = ("solve", "→.xlsx", "--out", "as json", "--json")
    done = piped({**SAYINGS, "json": as_json}, planned, PYTHONIOENCODING=code_page)
    errors = done.stderr.decode(code_page)
    assert done.returncode == 0, errors
    assert "Traceback" not in errors
    said = done.stdout.decode(code_page)
    for name in SAYINGS:
        assert f"## {name}".encode(code_page, "replace").decode(code_page) in said
    codes = [int(code) for code in re.findall(r"^## (\d+)\r?$", said, re.MULTILINE)]
    assert codes == [*(ENDS.get(name, 0) for name in SAYINGS), 0], errors
    text = re.search(r"## json\r?\n(.*?)## 0", said, re.DOTALL)
    assert text is not None
    assert json.loads(text[1]) == figures(planned / "as json")
    assert NAME in json.dumps(figures(planned / "as json"), ensure_ascii=False)


def options(name: str) -> dict[str, click.Parameter]:
    return {word: option for option in main.commands[name].params for word in option.opts}


def test_quiet_and_verbose_mean_the_same_everywhere() -> None:
    for name in main.commands:
        found = options(name)
        assert found["-q"].help == "Say only what is wrong.", name  # type: ignore[attr-defined]
        assert ("-v" in found) == (name in LONG), name
        if name in LONG:
            assert found["-v"].help == "Say line by line what is done."  # type: ignore[attr-defined]
        assert "--json" in found, name


@pytest.mark.parametrize("words", [("check",), ("audit", "plan/plan.xlsx")])
def test_quiet_says_errors_alone(words: tuple[str, ...], planned: Path) -> None:
    name, *more = words
    rest = [planned / word for word in more]
    assert run(name, planned / "→.xlsx", *rest, "-q").output == ""
    wrong = run(name, planned / "≤.xlsx", *rest, "-q")
    assert "provider 'Nobody ≥ ü' is not in Providers" in wrong.output
    assert "warning" not in wrong.output.replace("0 warnings", "")
    assert wrong.exit_code == 2


def test_init_tells_path_and_changes_as_json_or_nothing(planned: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.xlsx"
    told = json.loads(run("init", path, "--from", planned / "old.xlsx", "--json").output)
    assert told["workbook"] == str(path)
    assert any("höhe → m" in change for change in told["changes"])
    assert run("init", tmp_path / "newer.xlsx", "-q").output == ""


def test_verbose_tells_what_the_log_tells_and_only_on_stderr(tmp_path: Path) -> None:
    done = run("solve", MINIMAL, "--out", tmp_path / "one", "-v")
    plain = run("solve", MINIMAL, "--out", tmp_path / "two")
    assert done.stdout.replace("/one/", "/two/") == plain.stdout
    log = (tmp_path / "one" / "solver.log").read_text(encoding="utf-8")
    said = [line[10:] for line in done.stderr.splitlines()]
    heard = iter(said)
    assert all(line[10:] in heard for line in log.splitlines())  # in this order, among others
    assert "  comparing with what simple tools would do" in said


@pytest.mark.parametrize("name", LONG)
def test_quiet_and_verbose_exclude_each_other(name: str, planned: Path) -> None:
    given = {
        "frontier": ["--against", "latency"],
        "sites": [planned / "plan" / "plan.xlsx"],
        "stress": [planned / "plan" / "plan.xlsx"],
    }.get(name, [])
    subject = planned / "plan" if name == "rerun" else planned / "→.xlsx"
    done = run(name, subject, *given, "-q", "-v")
    assert done.exit_code == 2
    assert "--quiet and --verbose are opposites" in done.output


def test_a_pipe_gets_no_escape_sequence(planned: Path) -> None:
    done = piped({name: SAYINGS[name] for name in ("compare", "solve")}, planned)
    assert done.stdout.count(b"## 0") == 2
    assert b"\x1b" not in done.stdout + done.stderr


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_is_without_colour_where_that_is_asked_for(
    no_color: str, planned: Path, tmp_path: Path
) -> None:
    import pty

    shown = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        shown.extend(data)
        return data

    environment = {"PYTHONPATH": str(ROOT), "NO_COLOR": no_color, "TERM": "xterm-256color"}
    words = [sys.executable, "-m", "planner", "solve", str(planned / "→.xlsx")]
    child = [*words, "--out", str(tmp_path)]
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        status = pty.spawn(child, read, lambda _: b"")
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert status == 0, shown.decode("utf-8", "replace")
    text = shown.decode("utf-8", "replace")
    assert "What the plan guarantees" in text
    assert bool(COLOUR.search(text)) is not bool(no_color)
