"""Why a demand row is served where it is: which sites are nearer, and what each of them lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from models.data import Demand, DemandKey, DiversityRow, Item, OfferKey
from models.network import Network
from models.plan import HUB, Deployment, Flow, Refusal, Replica, exceeds
from models.rules import diversity_share
from models.service import Service, estimated_ms, route_labels, service
from planner.evaluation.why_results import Nearer, NoSuch, RowReason, Serving
from planner.workbook.book import Book
from planner.workbook.names import did_you_mean, fold_name

MOST_SOLVED = 5
"""How many rows are solved for where none is named: those that have most requests furthest away."""
NOTICED = 0.5
"""Milliseconds that a site must be nearer to be worth a word."""
FULL = 1e-3
"""How near to all that it can do, relatively, a place is full."""
LONG = 1e9
"""Milliseconds that are no limit."""
FIELDS = {
    "region": "region",
    "model": "model",
    "class": "service_class",
    "verification": "verification",
    "period": "period",
}


def picked(network: Network, texts: Iterable[str]) -> list[Demand]:
    """Return the demand rows that any text names: a region, or `region=R;model=M`.

    Raises NoSuch.
    """
    found: dict[DemandKey, Demand] = {}
    for text in texts:
        rows = [row for row in network.demand if _is_asked(row, text)]
        if not rows:
            known = sorted({row.region for row in network.demand})
            raise NoSuch(f"{text!r} names no row of Demand; {did_you_mean(text, known, _HOW)}")
        found |= {row.key: row for row in rows}
    return list(found.values())


_HOW = "name a region, or columns as in region=Germany;model=chat"


def _is_asked(row: Demand, text: str) -> bool:
    for part in filter(str.strip, text.split(";")):
        name, equals, wanted = part.partition("=")
        name, wanted = (name, wanted) if equals else ("region", part)
        attribute = FIELDS.get(fold_name(name))
        if attribute is None:
            raise NoSuch(f"{name.strip()!r} is none of {', '.join(FIELDS)}; {_HOW}")
        if fold_name(getattr(row, attribute)) != fold_name(wanted):
            return False
    return True


def within(network: Network, demand: Demand, latency_ms: float) -> Network:
    """Return the network in which a row must be served that fast; after a failure as before."""
    failover = demand.failover_latency_ms
    if failover is None:
        failover = LONG if demand.max_latency_ms is None else 2 * demand.max_latency_ms
    row = replace(demand, max_latency_ms=latency_ms, failover_latency_ms=failover)
    rows = tuple(row if other.key == demand.key else other for other in network.demand)
    return replace(network, demand=rows)


class Rows:
    """The demand rows of one plan."""

    def __init__(self, network: Network, plan: Deployment, book: Book) -> None:
        self.network, self.plan, self.book = network, plan, book
        self._at: dict[DemandKey, list[Flow]] = defaultdict(list)
        for flow in plan.routing:
            self._at[flow.demand].append(flow)
        self._offers: dict[str, list[OfferKey]] = defaultdict(list)
        for offer in network.offers_of("execution"):
            self._offers[offer.site].append(offer)

    def reason(self, demand: Demand) -> RowReason:
        """Return where a row is served, and why no site that is nearer serves it."""
        served = tuple(sorted(self._served(demand), key=lambda entry: -entry.share))
        cell = self.book.limit(demand, "region")
        found = RowReason(demand.key, cell, demand.requests_per_s, served)
        if not served or served[0].round_trip_ms is None:
            return found
        at = {entry.site for entry in served}
        ways = [self._nearer(demand, site, served[0]) for site in sorted(self._offers.keys() - at)]
        nearer = sorted((way for way in ways if way is not None), key=lambda way: -way[0].ms)
        return replace(
            found,
            nearer=tuple(site for site, _ in nearer),
            within_ms=next((latency for _, latency in nearer if latency is not None), None),
        )

    def _served(self, demand: Demand) -> Iterator[Serving]:
        for flow in self._at[demand.key]:
            found = service(
                self.network, demand, flow.offer, flow.route, flow.state, flow.fetch_from
            )
            latency_ms = found.latency_ms if isinstance(found, Service) else None
            away_ms = self._away_ms(demand.region, flow.offer.site)
            yield Serving(*flow.offer, flow.state, flow.share, latency_ms, away_ms)

    def _away_ms(self, region: str, site: str) -> float | None:
        """Return the shortest round trip from a region to a site; None if unknown."""
        ends = Item("region", region), Item("site", site)
        links = self.network.links_between(*ends)
        if links:
            return min(link.latency_ms for link in links)
        return estimated_ms(self.network, *ends)

    def _nearer(
        self, demand: Demand, site: str, served: Serving
    ) -> tuple[Nearer, float | None] | None:
        """Return why a site that is nearer does not serve a row, and how fast it would if it may.

        None if it is not nearer. The latency is None where it may not, or would not be faster.
        """
        away_ms = self._away_ms(demand.region, site)
        assert served.round_trip_ms is not None
        if away_ms is None or served.round_trip_ms - away_ms < NOTICED:
            return None
        ms = served.round_trip_ms - away_ms
        found = self._fastest(demand, self._offers[site])
        if isinstance(found, Refusal):
            return Nearer(site, ms, *self._refused(found)), None
        kind, reason, cell = (
            self._forbidden(site) or self._no_faster(found, served) or (self._lacking(demand, site))
        )
        may = None if kind in ("forbidden", "no faster") else found.latency_ms
        return Nearer(site, ms, kind, reason, cell), may

    def _fastest(self, demand: Demand, offers: Sequence[OfferKey]) -> Service | Refusal:
        """Return the fastest warm way at offers of a site, or why there is none."""
        found = [
            service(self.network, demand, offer, route, "warm")
            for offer in offers
            for route in route_labels(self.network, demand.region, offer.site)
        ]
        return min(found, key=_told_first)

    def _refused(self, found: Refusal) -> tuple[str, str, str]:
        kind = _KINDS.get(found.attribute, "not able")
        return kind, found.reason, self.book.limit(found.row, found.attribute)

    # What a site that may serve the row lacks ---------------------------------------------------

    def _forbidden(self, site: str) -> tuple[str, str, str] | None:
        row = self.network.sites[site]
        provider = self.network.providers[row.provider]
        for of, what in ((row, "the site"), (provider, "its provider")):
            if of.status == "forbidden":
                return "forbidden", f"{what} is forbidden", self.book.limit(of, "status")
        return None

    @staticmethod
    def _no_faster(found: Service, served: Serving) -> tuple[str, str, str] | None:
        """Return that the way on from there, as to an upstream, takes longer than it gains."""
        if found.latency_ms is None or served.latency_ms is None:
            return None
        if found.latency_ms <= served.latency_ms - NOTICED:
            return None
        return "no faster", f"answers no sooner, in {found.latency_ms:,.0f} ms", ""

    def _lacking(self, demand: Demand, site: str) -> tuple[str, str, str]:
        if site not in self.plan.open:
            return "closed", "not open in the plan", ""
        offers = [
            offer
            for offer in self._offers[site]
            if isinstance(self._fastest(demand, [offer]), Service)
        ]
        return (
            self._cold(demand, site, offers) or self._full(demand, offers) or self._shared(offers)
        )

    def _cold(
        self, demand: Demand, site: str, offers: list[OfferKey]
    ) -> tuple[str, str, str] | None:
        """Return that nothing there is warm, and how long it would take to load."""
        model = self.network.models.get(demand.model)
        if model is None or model.proxied:
            standing = any(self.plan.nodes.get(offer) for offer in offers)
            return None if standing else ("no node", "open, but has no node that serves it", "")
        if any(self.plan.warm.get(Replica(*offer, demand.model)) for offer in offers):
            return None
        free = replace(demand, max_latency_ms=None)
        stored = [copy for copy in sorted(self.plan.copies) if copy.model == demand.model]
        sources = [f"{copy.site}/{copy.node_type}" for copy in stored] + [HUB]
        ways = [
            found
            for offer in offers
            for route in route_labels(self.network, demand.region, site)
            for source in sources
            if isinstance(
                found := service(self.network, free, offer, route, "cold", source), Service
            )
        ]
        if not ways:
            return "cold", "not loaded there, and cannot be loaded on demand", ""
        best = min(ways, key=lambda way: way.load_s)
        reason, cell = f"cold: {best.load_s:,.3g} s", ""
        limit = demand.max_latency_ms
        if limit is not None and (best.latency_ms is None or exceeds(best.latency_ms, limit)):
            reason += f", and {limit:,.0f} ms are allowed"
            cell = self.book.limit(demand, "max_latency_ms")
        return "cold", reason, cell

    def _full(self, demand: Demand, offers: list[OfferKey]) -> tuple[str, str, str] | None:
        """Return that all that could serve the row there is busy."""
        load = room = 0.0
        for offer in offers:
            mine, most = self._load_and_room(demand, offer)
            load, room = load + mine, room + most
        if load < room * (1 - FULL):
            return None
        return "full", f"full: {load:,.4g} of {room:,.4g} requests/s", ""

    def _load_and_room(self, demand: Demand, offer: OfferKey) -> tuple[float, float]:
        network, model = self.network, self.network.models.get(demand.model)
        if model is None or model.proxied:
            each, count = network.offers[offer].requests_per_s or 0.0, self.plan.nodes.get(offer, 0)
            name = ""
        else:
            each = (model.requests_per_s or 0.0) * network.node_types[offer.node_type].speed
            count, name = self.plan.warm.get(Replica(*offer, demand.model), 0), demand.model
        load = self._loads.get((demand.period, offer, name), 0.0)
        return load, network.settings.utilisation * each * count

    @cached_property
    def _loads(self) -> dict[tuple[str, OfferKey, str], float]:
        """Return the warm requests/s by period, offer and model; none where nodes answer."""
        rows = {row.key: row for row in self.network.demand}
        loads: dict[tuple[str, OfferKey, str], float] = defaultdict(float)
        for flow in self.plan.routing:
            if flow.state == "warm" and flow.demand in rows:
                row = rows[flow.demand]
                policy = self.network.policies.get(row.verification)
                overhead = 1 + (policy.overhead if policy is not None else 0.0)
                model = self.network.models.get(row.model)
                name = "" if model is None or model.proxied else row.model
                loads[row.period, flow.offer, name] += row.requests_per_s * overhead * flow.share
        return loads

    def _shared(self, offers: list[OfferKey]) -> tuple[str, str, str]:
        """Return which share rule has no room for more there; if none, that it would be dearer."""
        hangs_on = {str(item) for offer in offers for item in self.network.hangs_on(offer)}
        for row, item in self._shares:
            if item in hangs_on:
                most = f"{100 * (row.max_share or 0.0):.4g} %"
                reason = f"{row.rule}: no more than {most} on {item}"
                return "share", reason, self.book.limit(row, "max_share")
        return "other", "has room: what else it would take is said by its price", ""

    @cached_property
    def _shares(self) -> list[tuple[DiversityRow, str]]:
        """Return every share that is at its limit, with the dependency that has it."""
        rows = tuple(
            replace(row, max_share=row.max_share * (1 - FULL))
            if row.max_share is not None and row.role == "execution"
            else row
            for row in self.network.diversity
        )
        found = diversity_share.audit(replace(self.network, diversity=rows), self.plan)
        original = {row.row: row for row in self.network.diversity}
        return [
            (original[entry.row.row], entry.where.rpartition(", ")[2])
            for entry in found
            if isinstance(entry.row, DiversityRow) and entry.row.role == "execution"
        ]


_KINDS = {
    "max_latency_ms": "too slow",
    "countries": "residency",
    "blocs": "residency",
    "tee": "TEE",
    "node_types": "node type",
    "gpu_memory_gb": "too small",
}
"""The reason in a word, by the attribute that refuses; what comes nearest to serving first."""


def _told_first(way: Service | Refusal) -> tuple[float, float]:
    """Return what sorts ways: the fastest first, then what comes nearest to being one."""
    slow = float("inf")
    if isinstance(way, Service):
        return -1.0, slow if way.latency_ms is None else way.latency_ms
    kinds = [*_KINDS]
    return float(kinds.index(way.attribute) if way.attribute in kinds else len(kinds)), slow


def furthest(found: Iterable[RowReason]) -> list[RowReason]:
    """Return the rows that could be served nearer, the most requests furthest away first."""

    def amount(entry: RowReason) -> float:
        return -entry.requests_per_s * max((site.ms for site in entry.nearer), default=0.0)

    return sorted((entry for entry in found if entry.within_ms is not None), key=amount)
