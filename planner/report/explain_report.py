"""Why there is no plan and what would give one, for the screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.evaluation.explain_results import Explanation, Member, Suggestion

FORMAT = 1
MOST_UNDECIDED = 12
_PROVEN = {"optimal": "", "feasible": " (the best found)", "interrupted": " (the best found)"}


def screen(found: Explanation, name: str) -> str:
    """Return what was found as lines of text; `name` is that of the workbook."""
    if found.status == "plan":
        return f"There is a plan for {name}: planner solve writes it."
    if found.status == "not_decided" and found.stopped:
        return "Stopped before it was known whether there is a plan."
    if found.status == "not_decided":
        return "Whether there is a plan was not decided in time; raise time_limit_s in Settings."
    lines = [f"No plan exists for {name}."]
    if found.members:
        is_proven = all(member.decided for member in found.members)
        none = " None of them can be left out:" if is_proven else ""
        one = len(found.members) == 1
        lines.append("This cannot hold:" if one else f"These cannot hold together.{none}")
        lines += _members(found.members)
    if found.suggestions:
        lines.append("What would give a plan, each solved:")
        for number, suggestion in enumerate(found.suggestions, start=1):
            lines.append(_suggestion(number, suggestion, found.currency))
        lines.append("planner explain ... --apply N writes a copy with that as a scenario.")
    lines += found.notes
    if found.stopped:
        lines.append("Stopped: this is what was found so far.")
    return "\n".join(lines)


def _members(members: Sequence[Member]) -> Iterator[str]:
    """Yield a line for every cell; of those that are undecided only the last ones."""
    undecided = [member for member in members if not member.decided]
    untold = set(map(id, undecided[:-MOST_UNDECIDED]))
    told = [member for member in members if id(member) not in untold]
    width = max(len(member.cell) for member in told)
    yield from (_member(member, width) for member in told)
    if untold:
        yield f"  and {len(untold)} more, of which it was not decided whether they are needed"


def _member(member: Member, width: int) -> str:
    kept = " (kept)" if member.kept else ""
    doubt = "" if member.decided else " (not decided whether it is needed)"
    return f"  {member.cell:{width}}  {member.sentence}{kept}{doubt}"


def _suggestion(number: int, found: Suggestion, currency: str) -> str:
    text = " and ".join(map(str, found.steps))
    least = "" if found.least else "; less may do: not decided in time"
    cost = f"{currency} {found.cost:,.0f} a month{_PROVEN.get(found.status, '')}"
    return f"  {number}  {text}: {cost}{least}"


def document(found: Explanation) -> dict[str, object]:
    """Return everything that was found."""
    return {
        "format": FORMAT,
        "status": found.status,
        "complete": not (found.stopped or found.notes),
        "conflict": [
            {
                "cell": member.cell,
                "rules": list(member.rules),
                "sentence": member.sentence,
                "decided": member.decided,
                "kept": member.kept,
            }
            for member in found.members
        ],
        "suggestions": [
            {
                "scenario": one.scenario,
                "steps": [vars(step) for step in one.steps],
                "rows": [
                    {
                        name: getattr(row, name)
                        for name in ("scenario", "sheet", "where", "column", "change")
                    }
                    for row in one.rows
                ],
                "monthly_cost": one.cost,
                "status": one.status,
                "least": one.least,
            }
            for one in found.suggestions
        ],
        "notes": list(found.notes),
        "stopped": found.stopped,
    }
