"""The phases of a job: what is said where there is no plan, and the plan of each in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from models.plan import Plan
from planner.evaluation.baselines import PLAN
from planner.files import folder_names
from planner.report.done import Done
from planner.report.earlier import move_aside
from planner.solver.phased import Rollout

PHASES = Path("phases")
"""The folder, below that of the plan, in which every phase has one."""
ONE_PHASE = "solve, up to one phase"
"""The command by which the plan of a phase is recorded: it was not made by itself."""


def why_not(rollout: Rollout) -> tuple[str, ...]:
    """Return which phase has no plan, where that is known."""
    if not rollout.failed:
        return ()
    if rollout.solved.status != "infeasible":
        return (
            f"Phase {rollout.failed}: no plan was found in time, or none on what the plans found "
            "for the phases before it leave standing.",
        )
    if rollout.alone is None:
        return (
            f"Phase {rollout.failed} has a plan by itself, but none on what the phases before it"
            " may leave standing: max_new_nodes, budgets and closing in Phases are in the way.",
        )
    return (f"Phase {rollout.failed} has no plan, whatever stands before it.",)


def move_stale(out: Path, done: Done, workbook: Path) -> dict[str, str]:
    """Move aside what would pass for the plan of a phase of this run; return the new names."""
    accepted = done.result.plan is not None and done.result.status != "rejected"
    names = done.result.plan.phases if accepted and done.result.plan is not None else ()
    own = set(folder_names(names).values())
    moved = {}
    for folder in sorted(path for path in (out / PHASES).glob("*") if path.is_dir()):
        if folder.name not in own:
            for name, now in move_aside(folder, False, workbook).items():
                moved[str(PHASES / folder.name / name)] = str(PHASES / folder.name / now)
    return moved


def parts(done: Done) -> Iterator[tuple[Path, Done]]:
    """Yield a folder for every phase of an accepted plan, and the plan up to the end of it.

    The phase is the last of that plan, and so the one that audit, stress and sites judge.
    """
    plan = done.result.plan
    if done.network is None or not done.network.phases or plan is None or done.result.violations:
        return
    names = [*plan.phases]
    for number, (name, folder) in enumerate(folder_names(names).items(), start=1):
        gaps = {known: done.result.phase_gaps[known] for known in names[:number]}
        result = replace(
            done.result,
            run=replace(done.result.run, command=ONE_PHASE),
            plan=Plan({known: plan.phases[known] for known in names[:number]}),
            stages=(),
            gap=gaps[name],
            phase_gaps=gaps,
        )
        told = done.evaluations[:number]
        scores = (told[-1].score(PLAN),)
        part = replace(
            done,
            result=result,
            evaluations=told,
            scores=scores,
            orders=done.orders[:number],
            files={},
            aside={},
            kept={},
        )
        yield PHASES / folder, part


def told(done: Done, folder: Path, part: Done) -> Done:
    """Return the end of the job, with the names that files of a phase have taken or given up."""
    aside, beside, kept = (
        {str(folder / name): str(folder / now) for name, now in names.items()}
        for names in (part.aside, part.beside, part.kept)
    )
    return replace(
        done,
        aside={**done.aside, **aside},
        beside={**done.beside, **beside},
        kept={**done.kept, **kept},
    )
