"""Progress: time, a bar of what is said, gap; on a terminal alone."""

from __future__ import annotations

import io
import math
import re

import pytest

from planner.report.progress import ProgressLine, counted, line
from tests.test_cli import MINIMAL, run


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def shown(terminal: Terminal) -> str:
    """Return what was written, without the codes that colour it and move in it."""
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.getvalue())


def test_what_is_done_of_what_is_what_the_text_says_last() -> None:
    assert counted("without helsinki: 7 of 12") == (7, 12)
    assert counted("writing plan 2 of 5") == (2, 5)
    assert counted("high demand, 2 of 3: 40 of 1,200 s") == (40, 1200)
    assert counted("finishing: 93 of 80 s") == (80, 80)
    assert counted("sets of 2 sites to add") == (0, None)


def test_a_solve_shows_plan_bound_gap_and_the_time_of_how_much() -> None:
    said = line("monthly_cost", 105.0, 100.0, 12.0, 80.0)
    assert said == "monthly_cost  plan 105.0  bound 100.0  gap 4.8%  12 of 80 s"
    assert line("monthly_cost", math.inf, -math.inf, 1.0) == ("monthly_cost  plan -  bound -  1 s")


def test_a_terminal_sees_time_bar_gap_and_for_which_scenario(terminal: Terminal) -> None:
    with ProgressLine(terminal, quiet=False) as progress:
        progress.about = "high, 2 of 3"
        progress.limit_s = 80.0
        progress.solving("monthly_cost", 105.0, 100.0, 40.0)
        bar = progress._progress
        assert bar is not None
        bar.refresh()
        (task,) = bar.tasks
        assert (task.completed, task.total) == (40, 80)
    text = shown(terminal)
    assert "high, 2 of 3: monthly_cost  plan 105.0  bound 100.0  gap 4.8%  40 of 80 s" in text
    assert "0:00:0" in text
    assert "━" in text


def test_work_of_unknown_length_has_no_end(terminal: Terminal) -> None:
    with ProgressLine(terminal, quiet=False) as progress:
        progress.say("without helsinki: 7 of 12")
        progress.say("looking for the least that has to give")
        bar = progress._progress
        assert bar is not None
        assert bar.tasks[0].total is None
        bar.refresh()
    assert "looking for the least that has to give" in shown(terminal)


def test_names_with_brackets_and_narrow_terminals_spoil_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with ProgressLine(terminal, quiet=False) as progress:
        progress.say("without [bold]a site of a very long name indeed that goes on[/]: 7 of 12")
        bar = progress._progress
        assert bar is not None
        bar.refresh()
    lines = shown(terminal).splitlines()
    assert any("without [bold]a" in entry for entry in lines)
    assert max(map(len, lines)) <= 60
    assert any(re.match(r". 0:00:0\d ━", entry) for entry in lines)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_pipe_and_quiet_see_nothing(quiet: bool, terminal: Terminal) -> None:
    stream = terminal if quiet else io.StringIO()
    with ProgressLine(stream, quiet) as progress:
        progress.say("7 of 12")
        progress.solving("monthly_cost", 105.0, 100.0, 40.0)
    assert stream.getvalue() == ""


def test_whoever_listens_hears_what_is_done_and_for_which_scenario() -> None:
    heard: list[str] = []
    progress = ProgressLine(io.StringIO(), quiet=True, tell=heard.append)
    progress.about = "high, 2 of 3"
    progress.say("looking for a plan")
    progress.solving("monthly_cost", 105.0, 100.0, 40.0)  # the solver's log says it, too
    assert heard == ["high, 2 of 3: looking for a plan"]


def test_every_long_command_says_how_far_it_is(tmp_path: object) -> None:
    plan = f"{tmp_path}/out/plan.xlsx"
    asked = {
        "solve": (MINIMAL, "--out", f"{tmp_path}/out", "--scenario", "all"),
        "stress": (MINIMAL, plan),
        "sites": (MINIMAL, plan),
        "frontier": (MINIMAL, "--against", "latency", "--points", 0, "--out", f"{tmp_path}/f"),
        "explain": (MINIMAL,),
    }
    says = {
        "solve": ("as it stands, 1 of 1: looking for a plan",),
        "stress": (
            "what is served as it is: 1 of ",
            "what ends what, and what every failure leaves: 1 of ",
        ),
        "sites": ("without gravelines: ", "what could be added at stockholm: "),
        "frontier": ("3 of 3 plans sought", "writing plan 1 of 2"),
        "explain": ("looking for a plan",),
    }
    for name, words in asked.items():
        alone = () if name == "solve" else ("--processes", 1)
        done = run(name, *words, *alone, "-v")
        assert done.exit_code == 0, done.output
        for text in says[name]:
            assert text in done.stderr, (name, done.stderr)
