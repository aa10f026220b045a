"""One planning job: check, solve, compare, write, read back, audit: only then is it a plan."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from models.network import Network
from models.phases import by_phase
from models.plan import Deployment, Violation
from planner import phases
from planner.evaluation.audit import audit_stages
from planner.evaluation.baselines import PLAN, compare
from planner.evaluation.conflict import reasons
from planner.evaluation.evaluation import Evaluation, evaluate
from planner.evaluation.keeping import keeping
from planner.evaluation.kept import Keeping, unknown
from planner.evaluation.rollout import orders_of
from planner.evaluation.score import Score
from planner.files import move_beside, put_beside
from planner.jobs.cluster import NoCluster
from planner.jobs.requests import Workers, cores
from planner.reading import Tables, read_network
from planner.report.done import Done
from planner.report.earlier import (
    LOG,
    PLAN_JSON,
    PLAN_XLSX,
    REJECTED,
    REPORT,
    WORKBOOK_COPY,
    known_workbooks,
    move_aside,
    plan_path,
)
from planner.report.html.plan_page import write_report
from planner.report.plan_audit import audit_plan
from planner.report.plan_json import write_json
from planner.report.plan_workbook import write_plan
from planner.report.progress import ProgressLine
from planner.result import Limits, Result, Run
from planner.solver.arrays import BadNumber
from planner.solver.log import heard
from planner.solver.phased import Rollout, solve_phases
from planner.solver.room import TooLarge
from planner.solver.solve import Solved, Timer, solve
from planner.versions import versions
from planner.workbook.excel import file_hash
from planner.workbook.findings import Finding

CHEAPEST_S, CHEAPEST_GAP = 30.0, 0.04
"""How long, and how exactly, the cheapest plan without independence is sought for comparison."""
KEEPING_S = 30.0
"""How long what users keep is sought where the solve took all its time, in short runs less."""
WRONG_FILE = "file"
"""The name under which a plan that does not read back as written is reported."""


@dataclass(frozen=True)
class Job:
    """What to plan, where to put it, and limits that override the workbook's settings.

    With a `scenario` the workbook is planned as that has it. It is `called` otherwise than its file
    where that is a copy.
    """

    workbook: Path
    out: Path
    time_limit_s: float | None = None
    gap: float | None = None
    deterministic: bool = False
    require_served: bool = False
    solver: Mapping[str, object] = field(default_factory=dict)
    workers: Workers = Workers()
    scenario: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        """Return what the workbook is called."""
        return self.called or self.workbook.name


def run(job: Job, stop: threading.Event, progress: ProgressLine) -> Done:
    """Return the end of the job; whatever it is, plan.json in the output folder says it too."""
    job.out.mkdir(parents=True, exist_ok=True)
    timer = Timer()
    with timer.step("read"):
        tables = read_network(job.workbook, job.require_served, job.scenario)
    made = Run(job.name, tables.sha256, 0, versions=versions(), scenario=job.scenario)
    if tables.network is None:
        return _finish(job, Done(Result("invalid", made), None, tables.findings), timer, tables)
    network = tables.network
    limits = limits_of(job, network)
    lines: list[str] = []
    progress.limit_s = limits.time_limit_s
    progress.say("looking for a plan")
    try:
        with heard(lines.append):
            if network.phases:
                rollout = solve_phases(network, limits, stop, progress.solving)
            else:
                rollout = Rollout(solve(network, limits, stop, progress.solving))
    except BadNumber as error:
        finding = Finding(
            "",
            "",
            f"numbers that the solver would drop: {error}",
            "write them in units that keep every figure between 1e-9 and 1e15",
        )
        return _finish(
            job, Done(Result("invalid", made), None, (*tables.findings, finding)), timer, tables
        )
    except TooLarge as error:
        finding = Finding(
            "",
            "",
            str(error),
            "loosen latency limits that differ by region, so that rows become one class; merge "
            "regions or models that are alike; split the workbook; or run it where there is more",
        )
        return _finish(
            job, Done(Result("invalid", made), None, (*tables.findings, finding)), timer, tables
        )
    solved = rollout.solved
    done = replace(_ended(tables, network, limits, solved, made), log=tuple(lines))
    result, made = replace(done.result, phase_gaps=rollout.gaps), done.result.run
    done = replace(done, result=result)
    timer.times |= solved.times
    if solved.plan is None:
        if solved.status == "infeasible":
            progress.say("looking for the rules in the way")
            with timer.step("reasons"):
                found = reasons(rollout.alone or network, job.workers, stop)
        else:
            found = ()
        said = phases.why_not(rollout)
        done = replace(done, result=replace(result, reasons=(*said, *found)))
        return _finish(job, done, timer, tables)
    with timer.step("guarantees"):
        spent_s = sum(timer.times.values())
        progress.say("looking for what ends the guarantees of users")
        seconds = max(limits.time_limit_s - spent_s, min(KEEPING_S, limits.time_limit_s / 4))
        last = by_phase(network, solved.plan)[-1]
        kept = _kept(last.network, last.plan, seconds, job.workers, stop)
        if kept.stopped and not stop.is_set():
            made = replace(made, clock_stopped=True)
            result = replace(result, run=made)
            done = replace(done, result=result)
    with timer.step("compare"):
        progress.say("comparing with what simple tools would do")
        cheapest = _Cheapest(stop, limits, sum(solved.times.values()))
        done = replace(done, evaluations=evaluate(network, solved.plan, kept))
        final = done.evaluations[-1]
        # Simple tools know no phases: beside a roll-out they would only break its limits.
        scores = (final.score(PLAN),) if network.phases else _scores(final, cheapest)
        done = replace(done, scores=scores)
        if cheapest.clock_stopped:
            done = replace(done, result=replace(result, run=replace(made, clock_stopped=True)))
    if network.phases:
        with timer.step("roll-out"):
            progress.say("looking for an order in which no step breaks a guarantee")
            done = replace(done, orders=orders_of(network, solved.plan, stop))
    progress.say("writing the plan, and auditing what was written")
    done = _write_and_audit(job, tables, done, timer)
    for folder, part in phases.parts(done):
        written = _write_and_audit(replace(job, out=job.out / folder), tables, part, Timer())
        done = phases.told(done, folder, written)
    return done


def limits_of(job: Job, network: Network) -> Limits:
    """Return the limits of a solve: those of the job, else those of the workbook."""
    settings, threads = network.settings, job.solver.get("threads")
    return Limits(
        time_limit_s=settings.time_limit_s if job.time_limit_s is None else job.time_limit_s,
        gap=settings.mip_gap if job.gap is None else job.gap,
        deterministic=job.deterministic,
        seed=settings.seed,
        threads=threads if isinstance(threads, int) else cores(),
        solver=job.solver,
    )


def write_solved(
    job: Job, tables: Tables, network: Network, limits: Limits, solved: Solved, command: str
) -> Done:
    """Write, read back and audit a plan that another command found; nothing is compared with it.

    The `network` is that of the tables, with the goals that were solved for.
    """
    assert solved.plan is not None
    timer = Timer()
    timer.times |= solved.times
    made = Run(
        job.name,
        tables.sha256,
        0,
        versions=versions(),
        scenario=job.scenario,
        command=command,
    )
    done = _ended(tables, network, limits, solved, made)
    evaluations = evaluate(network, solved.plan, unknown(network))
    done = replace(done, evaluations=evaluations, scores=(evaluations[-1].score(PLAN),))
    return _write_and_audit(job, tables, done, timer)


def _ended(tables: Tables, network: Network, limits: Limits, solved: Solved, made: Run) -> Done:
    """Return the end of a solve, and how it was made."""
    options = {
        "time_limit_s": limits.time_limit_s,
        "gap": limits.gap,
        "deterministic": limits.deterministic,
        "require_served": network.settings.require_served,
        **limits.solver,
    }
    made = replace(
        made,
        seed=limits.seed,
        options=options,
        clock_stopped=solved.clock_stopped,
        search=solved.search,
    )
    result = Result(solved.status, made, solved.plan, solved.gap, solved.stages, _warnings(tables))
    edits = tuple(map(str, tables.edits))
    return Done(result, network, tables.findings, book=tables.book, edits=edits)


def _warnings(tables: Tables) -> tuple[Finding, ...]:
    return tuple(finding for finding in tables.findings if not finding.is_error)


class _Cheapest:
    """The planner's own solver on a short leash, for the plan that is blind to what is shared."""

    def __init__(self, stop: threading.Event, limits: Limits, spent_s: float) -> None:
        self.stop, self.limits, self.spent_s = stop, limits, spent_s
        self.clock_stopped = False

    def __call__(self, network: Network) -> Deployment | None:
        if self.stop.is_set():
            return None
        seconds = min(CHEAPEST_S, self.limits.time_limit_s / 4)
        if self.limits.deterministic:
            seconds = max(seconds, self.limits.time_limit_s - self.spent_s)
        limits = replace(self.limits, time_limit_s=seconds, gap=CHEAPEST_GAP)
        solved = solve(network, limits, self.stop)
        self.clock_stopped = solved.clock_stopped
        return None if solved.plan is None else solved.plan.final


def _kept(
    network: Network,
    plan: Deployment,
    seconds: float,
    workers: Workers,
    stop: threading.Event,
) -> Keeping:
    """Return what users keep; a finished plan is never lost to what is told of it."""
    try:
        return keeping(network, plan, seconds, workers, stop)
    except (KeyboardInterrupt, ArithmeticError, RuntimeError, MemoryError, NoCluster):
        return unknown(network)


def _scores(plan: Evaluation, solve: _Cheapest) -> tuple[Score, ...]:
    """Return the comparison; a finished plan is never lost to what it is compared with."""
    try:
        return compare(plan, solve if plan.network.demand else None)
    except (KeyboardInterrupt, ArithmeticError, RuntimeError, MemoryError, BadNumber, TooLarge):
        return (plan.score(PLAN),)


def _write_and_audit(job: Job, tables: Tables, done: Done, timer: Timer) -> Done:
    """Write the plan, judge what was written, and put it in place only if it keeps every rule."""
    # Its own writing, and the audit of what was written, cannot be in the workbook.
    made = replace(done.result.run, times=dict(timer.times))
    network, result = done.network, replace(done.result, run=made)
    assert network is not None
    assert result.plan is not None
    job.out.mkdir(parents=True, exist_ok=True)
    with timer.step("write"):
        written = write_plan(job.out / f".{os.getpid()}.xlsx", replace(done, result=result))
    with timer.step("audit"):
        try:
            file, violations = audit_plan(network, written)
            violations += audit_stages(network, result.plan, result.stages)
            if file.plan != result.plan:
                message = "what was written is not what was planned"
                violations += (Violation(WRONG_FILE, written.name, message),)
            if violations:
                violations = tables.located(violations)
                result = replace(result, status="rejected", violations=violations)
                # What was written says nothing of its own audit yet.
                written = write_plan(written, replace(done, result=result))
        except BaseException:
            written.unlink(missing_ok=True)
            raise
    # A rejected plan of an earlier run may have been edited since: nothing is overwritten.
    aside = move_aside(job.out, True, job.workbook) if violations else {}
    wanted = job.out / REJECTED if violations else plan_path(job.out)
    try:
        target = move_beside(written, wanted)
    finally:
        written.unlink(missing_ok=True)
    kept = {} if wanted.name in (PLAN_XLSX, REJECTED) else {PLAN_XLSX: target.name}
    done = replace(done, result=result, aside=aside, kept=kept).with_file("plan", target, wanted)
    return _finish(job, done, timer, tables)


def _finish(job: Job, done: Done, timer: Timer, tables: Tables) -> Done:
    """Write report.html, solver.log, the workbook's copy and plan.json; return the job's end."""
    job.out.mkdir(parents=True, exist_ok=True)
    accepted = done.result.plan is not None and done.result.status != "rejected"
    aside = move_aside(job.out, accepted, job.workbook)
    aside |= phases.move_stale(job.out, done, job.workbook)
    done = replace(done, aside={**done.aside, **aside})
    if done.final is not None:
        with timer.step("report"):
            done = _report(job, done)
    # A run that solved nothing has a log too, or that of an earlier run would pass for its own.
    told = "\n".join(done.log or ("Nothing was solved here.",)) + "\n"
    log = job.out / LOG
    done = done.with_file("log", put_beside(log, told.encode("utf-8")), log)
    if tables.data:
        done = _keep_copy(job, done, tables)
    made = replace(done.result.run, times=dict(timer.times))
    done = replace(done, result=replace(done.result, run=made))
    return done.with_file("figures", write_json(job.out, done), job.out / PLAN_JSON)


def _report(job: Job, done: Done) -> Done:
    """Write the report; a finished plan is never lost to a report that fails."""
    try:
        return done.with_file("report", write_report(job.out, done), job.out / REPORT)
    except (ArithmeticError, LookupError, TypeError, ValueError, OSError) as error:
        text = f"{REPORT} was not written ({type(error).__name__}: {error})"
        finding = Finding("", "", text, "the plan is none the worse for it", level="warning")
        return replace(done, findings=(*done.findings, finding))


def _keep_copy(job: Job, done: Done, tables: Tables) -> Done:
    """Put what was read beside the plan, so that the folder says all of the run.

    A file of that name that no run put there stays, and is said.
    """
    target = job.out / WORKBOOK_COPY
    own = target.exists() and job.workbook.exists() and target.samefile(job.workbook)
    if own or file_hash(target) == tables.sha256:
        return done.with_file("workbook", target, target)
    if not target.exists() or file_hash(target) in known_workbooks(job.out):
        return done.with_file("workbook", put_beside(target, tables.data), target)
    text = f"{WORKBOOK_COPY} in {job.out} is not of this program and is left as it is"
    finding = Finding("", "", text, "move it away, or plan into another folder", level="warning")
    return replace(done, findings=(*done.findings, finding))
