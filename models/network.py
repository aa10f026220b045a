"""The network: every validated table of one workbook, complete and with references resolved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from models.data import (
    HOURS_PER_MONTH,
    Committee,
    Demand,
    DemandKey,
    Dependency,
    DiversityRow,
    Item,
    LoadedToday,
    Lock,
    Model,
    Needs,
    NodeType,
    Offer,
    OfferKey,
    Phase,
    Policy,
    Provider,
    Region,
    Scenario,
    SeatToday,
    Settings,
    Shock,
    Site,
)
from models.exposure import EVERYTHING, Exposure, ExposureGraph, offer_item
from models.plan import Deployment

if TYPE_CHECKING:
    from models.stopping import Stopping

UNKNOWN = "unknown"
"""The name of the dependency that stands for an empty cell of a site attribute."""

SITE_ATTRIBUTES = (
    "country",
    "bloc",
    "operator",
    "owner",
    "data_centre",
    "metro",
    "grid",
    "network",
)
NODE_TYPE_ATTRIBUTES = ("tee", "gpu", "client")

SHOCK = "shock:"
"""The kind under which a shock is a dependency, which no planner's own kind can be."""


@dataclass(frozen=True)
class Link:
    """A network path between two places, round trip, from one row of Routes."""

    origin: Item
    target: Item
    latency_ms: float
    cost_per_million: float = 0.0
    via: tuple[tuple[Item, ...], ...] = ()
    label: str = "direct"
    row: int = 0
    source: str = field(default="", compare=False)

    @cached_property
    def item(self) -> Item:
        """Return the item that stands for the link in the exposure graph."""
        return Item("route", f"{self.origin} > {self.target} > {self.label}")


class Goal(NamedTuple):
    """One objective: what to make small, and what later goals may give up of it.

    With `at_most` no plan at all may exceed that in the measure, in its unit.
    """

    priority: int
    measure: str
    weight: float = 1.0
    tolerance: float = 0.0
    absolute: bool = False
    at_most: float | None = None


DEFAULT_GOALS = (Goal(1, "unserved"), Goal(2, "monthly_cost"))


@dataclass(frozen=True)
class Later:
    """The phase after one, with its plan: what it may add is what is not there yet."""

    phase: Phase
    plan: Deployment
    keeps: bool = True


@dataclass(frozen=True)
class Step:
    """A phase of the roll-out as a network of its own, whose `existing_nodes` stood before it.

    With `keeps` these stay. `standing` are the sites open before, None where their status says it;
    `later` is the phase after it where that is decided already.
    """

    phase: Phase
    keeps: bool = False
    standing: frozenset[str] | None = None
    later: Later | None = None


@dataclass(frozen=True)
class Network:
    """Every table of a workbook, keyed and complete.

    Demand rows carry a period each (``""`` where there is no Periods sheet), every region and node
    type that is used is present, and routes, exposures and shocks name items instead of text. A
    part of a network says which demand rows are `lost` after which failure in the whole, and what
    is `unavoidable` to them there. The network of one phase has a `step` and no `phases`.
    """

    settings: Settings = field(default_factory=Settings)
    sites: Mapping[str, Site] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    offers: Mapping[OfferKey, Offer] = field(default_factory=dict)
    demand: tuple[Demand, ...] = ()
    periods: Mapping[str, float] = field(default_factory=lambda: {"": HOURS_PER_MONTH})
    regions: Mapping[str, Region] = field(default_factory=dict)
    node_types: Mapping[str, NodeType] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    dependencies: Mapping[Item, Dependency] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()
    diversity: tuple[DiversityRow, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    committees: Mapping[str, Committee] = field(default_factory=dict)
    seats_today: tuple[SeatToday, ...] = ()
    loaded_today: tuple[LoadedToday, ...] = ()
    shocks: Mapping[str, Shock] = field(default_factory=dict)
    shock_items: Mapping[str, frozenset[Item]] = field(default_factory=dict)
    locks: tuple[Lock, ...] = ()
    goals: tuple[Goal, ...] = DEFAULT_GOALS
    phases: tuple[Phase, ...] = ()
    step: Step | None = None
    scenarios: tuple[Scenario, ...] = ()
    lost: Mapping[str, frozenset[DemandKey]] | None = None
    unavoidable: Mapping[DemandKey, frozenset[Item] | None] = field(default_factory=dict)

    @cached_property
    def graph(self) -> ExposureGraph:
        """Return what hangs on what, from attribute columns and the Exposure sheet together."""
        return ExposureGraph(tuple(_exposures(self)))

    def part(self, **changed: Any) -> Network:
        """Return the network with fewer offers, other demand or other latencies.

        What hangs on what stays, so the graph is not built again.
        """
        found = replace(self, **changed)
        vars(found)["graph"] = self.graph
        return found

    @cached_property
    def failures(self) -> ExposureGraph:
        """Return the graph with every shock that an objective counts as one more dependency.

        All that the shock takes down hangs on it.
        """
        shocks: tuple[Exposure, ...] = ()
        if any(goal.measure == "expected_loss" for goal in self.goals):
            shocks = tuple(
                Exposure(item, (Item(SHOCK, name),))
                for name, shock in sorted(self.shocks.items())
                if shock.outages_per_year and shock.outage_hours
                for item in sorted(self.shock_items[name])
            )
        return ExposureGraph((*self.graph.exposures, *shocks)) if shocks else self.graph

    @cached_property
    def stopping(self) -> Stopping:
        """Return which failures stop what, the same for everything that is asked of the network."""
        # Imported where it is needed: SciPy takes a second to load.
        from models.stopping import Stopping

        return Stopping(self.graph)

    @cached_property
    def standing(self) -> frozenset[str]:
        """Return the sites that are open before the plan, so that to open them costs nothing."""
        if self.step is not None and self.step.standing is not None:
            return self.step.standing
        return frozenset(name for name, site in self.sites.items() if site.status == "existing")

    @cached_property
    def protected(self) -> Mapping[str, frozenset[Item]]:
        """Return the failures that every guarantee must survive, by name, sorted."""
        failures = {}
        for item in self.graph.dependencies:
            row = self.dependency_row(item)
            if row is not None and row.protect and not is_unknown(item):
                failures[str(item)] = frozenset((item,))
        for name, shock in self.shocks.items():
            if shock.protect:
                failures[f"shock:{name}"] = self.shock_items[name]
        return dict(sorted(failures.items()))

    @cached_property
    def rerouted(self) -> frozenset[str]:
        """Return the policies under which every demand row is verified anew after a failure.

        The rule `survival` sees to it, so that a panel need not outlive what is protected.
        """
        asked = {row.verification for row in self.demand if row.min_served}
        return frozenset(asked - {row.verification for row in self.demand if not row.min_served})

    def protecting(self, failure: str) -> Dependency | Shock:
        """Return the row that protects against a failure of that name."""
        for item in self.protected[failure]:
            row = self.dependency_row(item)
            if row is not None and str(item) == failure:
                return row
        return self.shocks[failure.removeprefix("shock:")]

    def dependency_row(self, item: Item) -> Dependency | None:
        """Return the Dependencies row of the item, or the `*` row of its kind."""
        return self.dependencies.get(item) or self.dependencies.get(Item(item.kind, "*"))

    @cached_property
    def _links_between(self) -> Mapping[tuple[Item, Item], tuple[Link, ...]]:
        between: dict[tuple[Item, Item], list[Link]] = defaultdict(list)
        for link in self.links:
            between[link.origin, link.target].append(link)
        return {ends: tuple(links) for ends, links in between.items()}

    def links_between(self, origin: Item, target: Item) -> tuple[Link, ...]:
        """Return the routes from origin to target; those of the other direction if none."""
        forward = self._links_between.get((origin, target))
        return forward or self._links_between.get((target, origin), ())

    def role(self, offer: OfferKey) -> str:
        """Return what the nodes of the offer do."""
        return self.node_types[offer.node_type].role

    @cached_property
    def _offers_by_role(self) -> Mapping[str, tuple[OfferKey, ...]]:
        by_role: dict[str, list[OfferKey]] = defaultdict(list)
        for offer in sorted(self.offers):
            by_role[self.role(offer)].append(offer)
        return {role: tuple(offers) for role, offers in by_role.items()}

    def offers_of(self, role: str) -> tuple[OfferKey, ...]:
        """Return the offers of one role, sorted."""
        return self._offers_by_role.get(role, ())

    def may_sit(self, committee: Committee, offer: OfferKey) -> bool:
        """Return whether nodes of the offer may hold seats of the committee."""
        of_type = not committee.node_types or offer.node_type in committee.node_types
        lies_in = self.sites[offer.site].lies_in(committee.countries, committee.blocs)
        has_tee = self.node_types[offer.node_type].has_tee(committee.tee)
        return self.role(offer) == "coordination" and of_type and lies_in and has_tee

    @cached_property
    def _hangs_on(self) -> Mapping[OfferKey, frozenset[Item]]:
        return {offer: self.graph.hangs_on(offer_item(offer)) for offer in self.offers}

    def hangs_on(self, offer: OfferKey) -> frozenset[Item]:
        """Return the dependencies each of which alone takes the offer down."""
        return self._hangs_on.get(offer, frozenset())

    def takes_down(self, failed: frozenset[Item]) -> frozenset[OfferKey]:
        """Return the offers that are gone when the items fail."""
        gone = self.graph.down(failed)
        return frozenset(offer for offer in self.offers if offer_item(offer) in gone)

    @cached_property
    def month_share(self) -> Mapping[str, float]:
        """Return the fraction of the month that each period lasts."""
        total = sum(self.periods.values())
        return {period: hours / total for period, hours in self.periods.items()}

    def mean_rate(self, demand: Demand) -> float:
        """Return the requests/s that a row asks for, mean over the month."""
        return demand.requests_per_s * self.month_share[demand.period]


def is_unknown(item: Item) -> bool:
    """Return whether the dependency stands for an empty cell."""
    return item.name == UNKNOWN or item.name.startswith(UNKNOWN + " (")


def _exposures(network: Network) -> Iterator[Exposure]:
    suspected = network.settings.suspected == "count"
    for offer in sorted(network.offers):
        role = Item("role", network.role(offer))
        for item in (Item("site", offer.site), Item("node_type", offer.node_type), role):
            yield Exposure(offer_item(offer), (item,))
        yield Exposure(offer_item(offer), (EVERYTHING,))
    for site in network.sites.values():
        item = Item("site", site.site)
        yield Exposure(item, (Item("provider", site.provider),))
        attributes = [(kind, getattr(site, kind)) for kind in SITE_ATTRIBUTES]
        for kind, needs in [*attributes, *site.other]:
            if needs is None:
                needs = ((_unknown_name(network, site.site),),)
            yield from _needed(item, kind, needs)
    for provider in network.providers.values():
        yield from _needed(Item("provider", provider.provider), "provider", provider.parent)
    for node_type in network.node_types.values():
        for kind in NODE_TYPE_ATTRIBUTES:
            yield from _needed(
                Item("node_type", node_type.node_type), kind, getattr(node_type, kind)
            )
    for model in network.models.values():
        yield from _needed(Item("model", model.model), "upstream", model.upstream)
    for link in network.links:
        for any_of in link.via:
            yield Exposure(link.item, any_of)
    for exposure in network.exposures:
        if suspected or exposure.confidence == "known":
            yield exposure


def _needed(item: Item, kind: str, needs: Needs | None) -> Iterator[Exposure]:
    for any_of in needs or ():
        yield Exposure(item, tuple(Item(kind, name) for name in any_of))


def _unknown_name(network: Network, site: str) -> str:
    return UNKNOWN if network.settings.unknown == "shared" else f"{UNKNOWN} ({site})"
