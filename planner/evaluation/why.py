"""Why a plan is as it is: what each rule and limit costs, each site adds, each row is served by.

The network is solved anew without the rule, with the limit one unit looser, with the site forced
open or shut, with the row served faster: each solve begins from the plan and has its own limit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from models.network import Network
from models.plan import Deployment, Plan
from models.ways import Ways
from planner.evaluation.audit import audit
from planner.evaluation.explain_results import Member
from planner.evaluation.why_eased import priced, sharpened, tried
from planner.evaluation.why_limits import binding
from planner.evaluation.why_nearer import Rows
from planner.evaluation.why_results import INFEASIBLE, UNKNOWN, Best, NoSuch, RowReason, Unused, Why
from planner.evaluation.why_rows import MOST_SOLVED, furthest, picked, within
from planner.evaluation.why_rules import rules
from planner.evaluation.why_sites import (
    MOST_FORCED,
    cheapest_first,
    conflict,
    forbidding,
    forced,
    shut,
    unused,
    used,
)
from planner.evaluation.why_solves import Ask, Solves, given, known, price
from planner.evaluation.why_starts import serving, with_node, without
from planner.jobs.requests import Workers
from planner.workbook.book import Book
from planner.workbook.names import did_you_mean

SECONDS_EACH = 20.0
"""Seconds of each solve, unless said."""
BASE_TIMES = 4.0
"""How many times that the network as it is has: every price is against it."""
AS_IT_IS = "the plan as it is"
LEAST_TOLERANCE = 0.01
"""How much worse than the best, relatively, a plan may be and still be near it, or the mip_gap."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a plan: all of it, or only why these sites and rows are as they are."""

    sites: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    seconds: float = SECONDS_EACH
    workers: Workers = Workers()

    @property
    def is_all(self) -> bool:
        """Return whether everything is asked."""
        return not self.sites and not self.rows


def why(
    network: Network,
    plan: Deployment,
    book: Book,
    asked: Asked,
    stop: threading.Event,
    say: Callable[[str], object],
) -> Why:
    """Return what was asked; after a stop, what was found.

    Raises NoSuch and NoCluster.
    """
    for site in asked.sites:
        if site not in network.sites:
            way_out = did_you_mean(site, network.sites, "name a site of the sheet Sites")
            raise NoSuch(f"{site!r} is no site; {way_out}")
    named = [row.key for row in picked(network, asked.rows)]
    return _Explained(network, plan, book, asked, stop, say).found(named)


class _Explained:
    def __init__(
        self,
        network: Network,
        plan: Deployment,
        book: Book,
        asked: Asked,
        stop: threading.Event,
        say: Callable[[str], object],
    ) -> None:
        self.network, self.plan, self.book, self.asked = network, plan, book, asked
        self.stop, self.say = stop, say
        settings = network.settings
        self.solves = Solves(plan, asked.seconds, settings.seed, asked.workers, stop, say)
        self.tolerance = max(LEAST_TOLERANCE, settings.mip_gap)

    def found(self, named: Collection[object]) -> Why:
        """Return everything that was asked."""
        network, asked, solves = self.network, self.asked, self.solves
        rows, closed, opened = self._rows(named), self._closed(), self._opened()
        forbidden = {site: forbidding(network, site, self.book) for site in closed}
        best = solves.run("sites and rows", self._asks(rows, forbidden, opened))
        base = self._base(best.pop(AS_IT_IS, None), best.values())
        eased, moved = [], []
        if asked.is_all:
            eased = list(tried(solves, network, base, rules(network, self.book), "rules"))
            self.say("which limits bind")
            limits = binding(network, self.plan, self.book)
            moved = list(tried(solves, network, base, limits, "limits"))
            base = self._sharper(base)
            eased = sharpened(solves, network, base, eased)
            moved = sharpened(solves, network, base, moved)
        base = known(base, [found for group, found in (*eased, *moved) if group[0].is_sure], ())
        return Why(
            currency=network.settings.currency,
            phase=network.step.phase.phase if network.step is not None else "",
            best=base.levels,
            given=given(network, self.plan).levels,
            tolerance=self.tolerance,
            rules=priced(base, eased),
            limits=priced(base, moved),
            unused=tuple(
                Unused(site, members)
                if members
                else self._unused(site, best.get(f"with {site}"), base)
                for site, members in forbidden.items()
            ),
            used=tuple(
                used(network, site, found, base, self.tolerance, self.book)
                for site in opened
                if (found := best.get(f"without {site}")) is not None
            ),
            rows=tuple(
                replace(row, price=price(found, base))
                if (found := best.get(_key(row))) is not None
                else row
                for row in rows
            ),
            solves=solves.count,
            seconds_each=asked.seconds,
            failures=tuple(solves.failures),
            stopped=self.stop.is_set(),
        )

    def _asks(
        self,
        rows: Sequence[RowReason],
        forbidden: Mapping[str, Sequence[Member]],
        opened: Iterable[str],
    ) -> dict[str, Ask]:
        """Return the network as it is, with sites forced or shut, and with rows served faster."""
        network, plan, asked = self.network, self.plan, self.asked
        asks = {AS_IT_IS: Ask(network, times=BASE_TIMES)}
        may_open = [site for site, members in forbidden.items() if not members]
        for site in may_open if asked.sites else may_open[:MOST_FORCED]:
            asks[f"with {site}"] = Ask(forced(network, site), with_node(network, plan, site))
        ways = Ways(network)
        for site in opened:
            asks[f"without {site}"] = Ask(shut(network, site), without(network, plan, site, ways))
        for row in furthest(rows)[: None if asked.rows else MOST_SOLVED]:
            asks[_key(row)] = self._within(row)
        return asks

    def _base(self, found: Best | None, narrower: Iterable[Best]) -> Best:
        """Return the best plan known of the network as it is, be it the one that was given."""
        is_legal = not audit(self.network, Plan({"": self.plan}))
        plan = [given(self.network, self.plan)] if is_legal else []
        return known(found or Best(UNKNOWN), (), [*plan, *narrower])

    def _sharper(self, base: Best) -> Best:
        """Return what is known of the network as it is, solved once more if that is not all."""
        if base.plan is None or all(level.value <= level.bound for level in base.levels):
            return base
        ask = Ask(self.network, times=BASE_TIMES, best=base)
        return self.solves.run("the plan itself", {AS_IT_IS: ask}).get(AS_IT_IS, base)

    def _closed(self) -> list[str]:
        if self.asked.sites:
            return [site for site in self.asked.sites if site not in self.plan.open]
        return cheapest_first(self.network, self.plan) if self.asked.is_all else []

    def _opened(self) -> list[str]:
        if self.asked.sites:
            return [site for site in self.asked.sites if site in self.plan.open]
        return sorted(self.plan.open & self.network.sites.keys()) if self.asked.is_all else []

    def _rows(self, named: Collection[object]) -> list[RowReason]:
        if not self.asked.is_all and not named:
            return []
        self.say("where each row is served")
        rows = Rows(self.network, self.plan, self.book)
        wanted = (row for row in self.network.demand if not named or row.key in named)
        return [rows.reason(row) for row in wanted if row.requests_per_s > 0]

    def _within(self, row: RowReason) -> Ask:
        """Return the network in which a row is served as fast as the nearest may."""
        (demand,) = (found for found in self.network.demand if found.key == row.demand)
        assert row.within_ms is not None
        assert row.by is not None
        network = within(self.network, demand, row.within_ms)
        return Ask(network, serving(network, self.plan, demand, row.by))

    def _unused(self, site: str, best: Best | None, base: Best) -> Unused:
        found = unused(self.network, site, best, base)
        if best is None or best.status != INFEASIBLE or self.stop.is_set():
            return found
        self.say(f"what forbids {site}")
        members = conflict(self.network, site, self.book, self.asked.workers, self.stop)
        return replace(found, forbidden_by=members)


def _key(row: RowReason) -> str:
    return f"{row.cell} {row.demand}"
