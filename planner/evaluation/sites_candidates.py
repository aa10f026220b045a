"""Which sites, of those that may open, raise the weakest guarantee most for the money.

A guarantee that k failures end is raised only if every set of k that ends it today is survived
(implicit hitting sets, turned round): all of these sets are listed, each addition is asked which of
them it survives, and only additions that together survive them all are asked for their new size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from models.data import Item
from models.exposure import offer_item
from models.network import Network
from models.plan import Deployment
from planner.evaluation.sites_additions import Additions, applied, most_of
from planner.evaluation.sites_guarantees import (
    Failed,
    excess,
    fewest,
    is_ended,
    rank,
    share_of_requests,
    smallest_sets,
    weakest,
)
from planner.evaluation.sites_results import Addition, Candidates, Figure, Figures
from planner.evaluation.sites_search import Judged, Search
from planner.evaluation.stress_questions import Asked
from planner.jobs.requests import Workers, run_jobs


def weakest_of_each(network: Network, whole: Figures) -> tuple[Figure, ...]:
    """Return the weakest guarantee of committees, of copies and of service, the weakest first.

    Panels are the router's choice and left out: service that is verified counts them.
    """
    share_of = share_of_requests(network)
    groups: dict[tuple[str, str], list[Figure]] = {}
    for figure, size in whole.values.items():
        is_end = figure.what == "collapse" and figure.reading == "worst" and size is not None
        if is_end and figure.role != "verification":
            kind = figure.loss if figure.row else ""
            groups.setdefault((figure.role, kind), []).append(figure)
    found = [weakest(whole, group, share_of) for group in groups.values()]
    return tuple(sorted((f for f in found if f is not None), key=rank(whole, share_of)))


def candidates(
    network: Network,
    plan: Deployment,
    whole: Figures,
    figure: Figure,
    most: int,
    workers: Workers,
    stop: threading.Event,
    say: Callable[[str], None],
    failures: list[str],
) -> Candidates | None:
    """Return what other sites would add to a guarantee; None after a stop.

    Jobs that went wrong are added to `failures`. Raises ArithmeticError if a solver fails here.
    """
    if stop.is_set():
        return None
    say(f"all the smallest sets that end {figure.role} of {figure.of}")
    asked = Asked(network, plan)
    size = round(whole.values[figure] or 0)
    sets = smallest_sets(asked, figure, size)
    offered = Additions(network, plan, figure).by_site()
    jobs = [
        Judge(site, network, plan, figure, sets, tuple(offered[site])) for site in sorted(offered)
    ]
    judged: list[Judged] = []
    for number, response in enumerate(run_jobs(jobs, workers, stop=stop), start=1):
        if isinstance(response.result, tuple):
            judged.extend(response.result)
            say(f"what could be added at {response.key}: {number} of {len(jobs)}")
        elif response.failure:
            failures.append(f"{response.key}: {response.failure}")
    if stop.is_set():
        return None
    judged.sort(key=lambda found: (found.addition.cost, found.addition.site, found.addition.nodes))
    search = Search(asked, figure, size, sets, tuple(judged), most)
    singles = tuple(search.singles())
    best = search.best(singles, stop, say)
    return Candidates(
        guarantee=figure,
        size=size,
        sets=sets,
        looked_at=len(offered),
        most=most,
        singles=singles,
        best=best,
        unable="" if best is not None else _unable(search, len(offered), most),
    )


# One addition -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judge:
    """All that may be added at one site, to be judged."""

    site: str
    network: Network
    plan: Deployment
    figure: Figure
    sets: tuple[Failed, ...]
    additions: tuple[Addition, ...]

    @property
    def key(self) -> str:
        """Return the name of the job."""
        return self.site

    def run(self, stop: threading.Event) -> tuple[Judged, ...]:
        """Return what each addition does, as many as there are after a stop."""
        asked = Asked(self.network, self.plan)
        offered = Additions(self.network, self.plan, self.figure)
        found: list[Judged] = []
        for addition in _undominated(self.network, self.additions):
            if stop.is_set():
                break
            found.append(_judged(asked, offered, self.figure, self.sets, addition))
        return tuple(found)


def _undominated(network: Network, additions: Sequence[Addition]) -> Iterator[Addition]:
    """Yield additions of which none is as cheap, of as few nodes, hangs on less and gives as much.

    They come cheapest first, and give as much where none of them is cut short by what can be had.
    A lock may forbid one and allow the other, so with locks all are looked at.
    """
    kept: list[tuple[object, int, frozenset[Item]]] = []
    for addition in additions:
        hangs = frozenset(item for o, _ in addition.nodes for item in network.hangs_on(o))
        gives = (tuple(sorted(network.role(o) for o, _ in addition.nodes)), addition.given_up)
        nodes = sum(count for _, count in addition.nodes)
        full = all(count < most_of(network, offer) for offer, count in addition.nodes)
        if full and not network.locks:
            if any(g == gives and n <= nodes and less <= hangs for g, n, less in kept):
                continue
            kept.append((gives, nodes, hangs))
        yield addition


def _judged(
    asked: Asked,
    offered: Additions,
    figure: Figure,
    sets: tuple[Failed, ...],
    addition: Addition,
) -> Judged:
    alive, left = set[int](), set[int]()
    after = applied(asked.network, asked.plan, (addition,))
    change: tuple[int, ...] = ()
    if not figure.row:
        now, then = (excess(asked, plan, figure, sets) for plan in (asked.plan, after))
        change = tuple(b - a for a, b in zip(now, then, strict=True))
        left = {number for number, amount in enumerate(then) if amount > 0}
    for number, failed in enumerate(sets):
        down = asked.worst.graph.down(failed)
        if any(offer_item(offer) not in down for offer, _ in addition.nodes):
            alive.add(number)
        # With nothing of it left, exactly what was left without it is.
        if figure.row and (
            number not in alive or is_ended(asked, asked.worst, after, figure, failed)
        ):
            left.add(number)
    is_legal = len(left) == len(sets) or offered.is_legal((addition,))
    ends = () if left or not is_legal else fewest(asked, asked.worst, after, figure)
    size = None if ends is None else len(ends)
    return Judged(addition, is_legal, frozenset(left), frozenset(alive), change, size)


def _unable(search: Search, offered: int, most: int) -> str:
    """Return why no addition raises the guarantee."""
    if not offered:
        return "No other site may open and has room for what would help."
    if search.figure.role != "coordination":
        for number, failed in enumerate(search.sets):
            if search.ends_all(number):
                names = ", ".join(map(str, failed)) or "nothing at all"
                return (
                    f"Nothing at {offered} other sites helps: with it all, {names} still ends it."
                )
    return f"No additions at up to {most} of {offered} other sites raise it: all were tried."
