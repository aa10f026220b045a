"""What each site adds to a plan: every figure with it and without it, a verdict, and the reason.

What is left without a site is the same plan but for all that stands there, demand routed anew; the
plan as it is is routed anew too, so that only the site makes the difference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from models.data import Item
from models.network import Network
from models.plan import Deployment
from planner.evaluation.sites_base import Base, Learned, batches, joined
from planner.evaluation.sites_candidates import candidates, weakest_of_each
from planner.evaluation.sites_change import nearest_change, weakest_of
from planner.evaluation.sites_figures import Gauge
from planner.evaluation.sites_guarantees import share_of_requests
from planner.evaluation.sites_results import (
    COST,
    INDEPENDENCE,
    Candidates,
    Change,
    Figures,
    Sites,
    SiteValue,
    moves,
)
from planner.evaluation.sites_verdict import reason, shares, verdicts, weakest_text
from planner.evaluation.stress_questions import Asked
from planner.jobs.requests import Workers, run_jobs

SHARES = 3
"""Into how many jobs the work on the whole plan is divided for every worker."""


def sites(
    network: Network,
    plan: Deployment,
    most: int = 2,
    workers: Workers | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Sites:
    """Return what every open site adds, and what up to `most` others would; after a stop, so far.

    Raises NoCluster.
    """
    stop, workers = stop or threading.Event(), workers or Workers(1)
    asked = Asked(network, plan)
    failures: list[str] = []
    base = _base(network, plan, asked, workers, stop, say, failures)
    if stop.is_set():
        return Sites(failures=tuple(failures), stopped=True)
    say("the plan as it is")
    try:
        whole = Gauge(network, plan, base).whole()
    except ArithmeticError as error:
        return Sites(failures=(*failures, f"the plan as it is: {error}"))
    shared = shares(network, plan)
    opened = sorted(plan.open & network.sites.keys())
    jobs = [_Without(site, network, plan, base, whole, shared[site]) for site in opened]
    found: list[SiteValue] = []
    for response in run_jobs(jobs, workers, stop=stop):
        if isinstance(response.result, SiteValue):
            found.append(response.result)
            say(f"without {response.key}: {len(found)} of {len(jobs)}")
        elif response.failure:
            failures.append(f"{response.key}: {response.failure}")
    others: list[Candidates | None] = []
    for figure in weakest_of_each(network, whole):
        try:
            others.append(
                candidates(network, plan, whole, figure, most, workers, stop, say, failures)
            )
        except ArithmeticError as error:
            failures.append(f"what would raise {figure.role} of {figure.of}: {error}")
    return Sites(
        figures=whole,
        sites=tuple(sorted(found, key=lambda value: value.site)),
        candidates=tuple(entry for entry in others if entry is not None),
        not_judged=asked.not_judged,
        rows_left_out=asked.left_out,
        failures=tuple(failures),
        stopped=stop.is_set(),
    )


def _base(
    network: Network,
    plan: Deployment,
    asked: Asked,
    workers: Workers,
    stop: threading.Event,
    say: Callable[[str], None],
    failures: list[str],
) -> Base:
    """Return what is known of the whole plan; what went wrong is added to `failures`."""
    jobs = batches(network, plan, asked, SHARES * workers.count)
    learned = []
    for number, response in enumerate(run_jobs(jobs, workers, stop=stop), start=1):
        say(f"what ends the plan as it is: {number} of {len(jobs)}")
        if isinstance(response.result, Learned):
            learned.append(response.result)
            failures.extend(response.result.missed)
        else:
            failures.append(f"{response.key}: {response.failure}")
    base = joined(learned)
    # The worst of all failures is not known while some are not.
    return replace(base, failures=()) if failures else base


@dataclass(frozen=True)
class _Without:
    """One site of a plan, to be judged by what is left without it."""

    site: str
    network: Network
    plan: Deployment
    base: Base
    whole: Figures
    shared: tuple[tuple[Item, int], ...]

    @property
    def key(self) -> str:
        """Return the name of the job."""
        return self.site

    def run(self, stop: threading.Event) -> SiteValue | None:
        """Return what the site adds; None after a stop."""
        gauge = Gauge(self.network, self.plan, self.base)
        less = gauge.without(self.site, stop)
        if less is None:
            return None
        found = moves(self.whole, less)
        named = verdicts(found)
        weakest = weakest_of(gauge, self.whole, self.site)
        change: Change | None = None
        if INDEPENDENCE not in named and weakest is not None:
            change = nearest_change(gauge, self.whole, self.site, weakest)
        costs = [figures.values[COST] or 0.0 for figures in (self.whole, less)]
        return SiteValue(
            site=self.site,
            verdicts=named,
            reason=reason(
                found,
                self.shared,
                weakest_text(weakest, self.whole, less),
                share_of_requests(self.network),
            ),
            saved=costs[0] - costs[1],
            shares=self.shared,
            moves=found,
            change=change,
        )
