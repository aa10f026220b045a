"""The rows of the workbook as frozen dataclasses, one class per sheet, one field per column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.fields import Kind, column
from models.measures import NAMES

HOURS_PER_MONTH = 730.0
SECONDS_PER_HOUR = 3600.0

ROLES = ("execution", "verification", "storage", "coordination")
STATUSES = ("candidate", "existing", "required", "forbidden")

Needs = tuple[tuple[str, ...], ...]
"""All of the entries are needed, and of each entry any one name is enough."""


def names_in(needs: Needs | None) -> frozenset[str]:
    """Return every name in a dependency cell; none for an unknown one."""
    return frozenset(name for any_of in needs or () for name in any_of)


def _all_in(needs: Needs | None, allowed: Iterable[str]) -> bool:
    names = names_in(needs)
    return bool(names) and names.issubset(allowed)


class Item(NamedTuple):
    """A thing that can fail: a dependency, or something that hangs on dependencies."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class OfferKey(NamedTuple):
    """A node type on offer at a site."""

    site: str
    node_type: str

    def __str__(self) -> str:
        return f"{self.site}/{self.node_type}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What every sheet may have beside its own columns; `row` is the line in the workbook."""

    row: int = field(default=0, compare=False)
    source: str = column(
        Kind.TEXT,
        "where the figures of this row come from; begins with measured, estimated or assumed",
        default="",
    )
    as_of: str = column(Kind.TEXT, "the date the figures were read", default="")
    note: str = column(Kind.TEXT, "anything worth remembering", default="")


def _name(description: str, **declared: Any) -> Any:
    return column(Kind.NAME, description, key=True, **declared)


def _to(sheet: str, description: str, **declared: Any) -> Any:
    return column(Kind.NAME, description, references=(sheet,), **declared)


def _needs(kind: str, description: str, **declared: Any) -> Any:
    return column(Kind.NEEDS, description, dependency=kind, **declared)


def _number(unit: str, description: str, default: float | None = None, **declared: Any) -> Any:
    return column(Kind.NUMBER, description, unit=unit, default=default, **declared)


def _integer(unit: str, description: str, default: int | None = None, **declared: Any) -> Any:
    return column(Kind.INTEGER, description, unit=unit, default=default, **declared)


def _share(description: str, default: float | None = None) -> Any:
    return column(Kind.SHARE, description, default=default, maximum=1)


def _choice(choices: tuple[str, ...], description: str, default: str | None, **more: Any) -> Any:
    return column(Kind.CHOICE, description, choices=choices, default=default, **more)


def _yes_no(description: str) -> Any:
    return column(Kind.YES_NO, description, default=False)


def _names(description: str, **declared: Any) -> Any:
    return column(Kind.NAMES, description, default=(), **declared)


def _text(description: str) -> Any:
    return column(Kind.TEXT, description, default="")


def _latitude() -> Any:
    return _number("degrees", "north positive", minimum=-90, maximum=90, also=("lat",))


def _longitude() -> Any:
    also = ("lon", "lng", "long")
    return _number("degrees", "east positive", minimum=-180, maximum=180, also=also)


def _monthly_cost(description: str, default: float | None = 0) -> Any:
    return _number("currency/month", description, default, also=("cost per month",))


def _outages_per_year() -> Any:
    return _number("1/year", "how often it fails")


def _outage_hours() -> Any:
    return _number("hours", "how long one outage lasts")


@dataclass(frozen=True, kw_only=True)
class Site(Row):
    """A place where nodes can run, owned by one provider."""

    site: str = _name("a place where nodes can run")
    provider: str = _to("Providers", "who sells the capacity", required=True, dependency="provider")
    city: str = _text("for people; a metro is what counts as a dependency")
    country: Needs | None = _needs("country", "where the site stands")
    bloc: Needs | None = _needs("bloc", "the legal bloc of the country")
    latitude: float | None = _latitude()
    longitude: float | None = _longitude()
    operator: Needs | None = _needs("operator", "who runs the machines")
    owner: Needs | None = _needs("owner", "who owns the building")
    data_centre: Needs | None = _needs("data_centre", "the building")
    metro: Needs | None = _needs("metro", "the metropolitan area")
    grid: Needs | None = _needs("grid", "the power grid")
    network: Needs | None = _needs("network", "the carrier")
    status: str = _choice(
        STATUSES, "existing may close and pays no one-off cost; required must open", "candidate"
    )
    opening_cost: float = _number("currency", "paid once when the site opens", 0)
    monthly_cost: float = _monthly_cost("while the site is open")
    max_nodes: int | None = _integer("nodes", "of all types together; blank: no limit")
    other: tuple[tuple[str, Needs | None], ...] = ()
    """Dependency kinds of the planner's own, from columns headed `dep: KIND`."""

    def lies_in(self, countries: tuple[str, ...], blocs: tuple[str, ...]) -> bool:
        """Return whether data residency allows every place that the site has or may have.

        `DE; US` is both and `DE | US` may be either, so neither lies in DE; nor does the unknown.
        """
        return not self.outside(countries, blocs)

    def outside(self, countries: tuple[str, ...], blocs: tuple[str, ...]) -> str:
        """Return which of `countries` and `blocs` the site does not lie in; empty if in both."""
        if countries and not _all_in(self.country, countries):
            return "countries"
        return "blocs" if blocs and not _all_in(self.bloc, blocs) else ""


@dataclass(frozen=True, kw_only=True)
class Provider(Row):
    """Who sells the capacity at a site."""

    provider: str = _name("who sells capacity", dependency="provider")
    parent: Needs | None = _needs(
        "provider", "the provider it resells or belongs to", references=("Providers",)
    )
    monthly_cost: float = _monthly_cost("of the contract")
    max_nodes: int | None = _integer("nodes", "of it and all that hang on it; blank: no limit")
    status: str = _choice(STATUSES, "whether a contract is allowed or required", "candidate")
    outages_per_year: float | None = _outages_per_year()
    outage_hours: float | None = _outage_hours()


@dataclass(frozen=True, kw_only=True)
class Offer(Row):
    """A node type on offer at a site (sheet Capacities)."""

    site: str = _name("where", references=("Sites",))
    node_type: str = _name("what")
    max_nodes: int = _integer("nodes", "most that can be had", required=True)
    min_nodes: int = _integer("nodes", "fewest if the site is open", 0)
    existing_nodes: int = _integer("nodes", "running today", 0)
    monthly_cost: float | None = _monthly_cost(
        "of one node, 0 if it is free; or give hourly_cost", None
    )
    hourly_cost: float | None = _number(
        "currency/hour", "of one node; or give monthly_cost", also=("cost per hour",)
    )
    one_off_cost: float = _number("currency", "of one new node", 0)
    requests_per_s: float | None = _number(
        "requests/s", "of one node; for workbooks without Models and for proxied models"
    )

    @property
    def key(self) -> OfferKey:
        """Return the site and node type."""
        return OfferKey(self.site, self.node_type)

    @property
    def node_cost(self) -> float:
        """Return the cost of one node in currency per month."""
        if self.hourly_cost is not None:
            return self.hourly_cost * HOURS_PER_MONTH
        return self.monthly_cost or 0.0


class DemandKey(NamedTuple):
    """What tells demand rows apart."""

    region: str
    model: str
    verification: str
    service_class: str
    period: str

    def __str__(self) -> str:
        return ", ".join(part for part in self if part)


@dataclass(frozen=True, kw_only=True)
class Demand(Row):
    """Requests from a region for a model, with a latency limit and guarantees."""

    region: str = _name("where the users are")
    requests_per_s: float = _number("requests/s", "how many", required=True)
    model: str = column(
        Kind.NAME,
        "the AI model called",
        references=("Models",),
        key=True,
        required=False,
        default="",
    )
    service_class: str = column(
        Kind.NAME, "interactive, batch …", header="class", key=True, required=False, default=""
    )
    period: str = column(
        Kind.NAME,
        "blank: every period",
        references=("Periods",),
        key=True,
        required=False,
        default="",
    )
    verification: str = column(
        Kind.NAME,
        "the verification policy promised",
        references=("Verification",),
        key=True,
        required=False,
        default="",
    )
    max_latency_ms: float | None = _number("ms", "the slowest answer allowed; blank: no limit")
    failover_latency_ms: float | None = _number("ms", "after a failure; blank: twice the limit")
    min_served: float = _share("still to be served under each protected shock", 0)
    unserved_penalty: float = _number("currency/million requests", "for each request unserved", 0)
    countries: tuple[str, ...] = _names("data residency: execution and verification only there")
    blocs: tuple[str, ...] = _names("data residency by bloc; with countries, both must hold")

    @property
    def key(self) -> DemandKey:
        """Return what tells this row from the others."""
        return DemandKey(
            self.region, self.model, self.verification, self.service_class, self.period
        )

    @property
    def residency(self) -> str:
        """Return the data residency as one label; empty when there is none."""
        parts = []
        if self.countries:
            parts.append("countries " + ";".join(sorted(self.countries)))
        if self.blocs:
            parts.append("blocs " + ";".join(sorted(self.blocs)))
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Period(Row):
    """A part of the month with demand of its own."""

    period: str = _name("a part of the month")
    hours_per_month: float | None = _number("hours", "blank: an even part of 730")


@dataclass(frozen=True, kw_only=True)
class Region(Row):
    """Where users are."""

    region: str = _name("where users are")
    latitude: float | None = _latitude()
    longitude: float | None = _longitude()
    country: str = _text("for people and the map")


@dataclass(frozen=True, kw_only=True)
class NodeType(Row):
    """A kind of machine with exactly one role."""

    node_type: str = _name("a kind of machine")
    role: str = _choice(ROLES, "what its nodes do", None, required=True)
    gpu_memory_gb: float | None = _number("GB", "of the whole node")
    load_gb_per_s: float | None = _number(
        "GB/s", "disk to GPU; blank: no cold loads here", positive=True
    )
    speed: float = _number("", "against the model's own requests_per_s", 1, positive=True)
    verifications_per_s: float | None = _number("1/s", "of one node")
    disk_tb: float | None = _number("TB", "for copies, of one node")
    tee: Needs | None = _needs("tee", "the trusted execution kind, e.g. Nitro, TDX, SEV-SNP")
    gpu: Needs | None = _needs("gpu", "the GPU family")
    client: Needs | None = _needs("client", "the software it runs")

    def has_tee(self, required: str) -> bool:
        """Return whether the node type has the TEE asked for: '', 'no', 'yes', or kinds `A; B`.

        One that has `A; B` has A; one that has `A | B` may have the other.
        """
        wanted = required.strip().casefold()
        if wanted in ("", "no", "none"):
            return True
        if wanted in ("yes", "any"):
            return bool(self.tee)
        kinds = {name.strip() for name in wanted.replace("|", ";").split(";")}
        return any(all(name.casefold() in kinds for name in any_of) for any_of in self.tee or ())


@dataclass(frozen=True, kw_only=True)
class Model(Row):
    """An AI model that users call."""

    model: str = _name("an AI model")
    gpu_memory_gb: float | None = _number("GB", "of one replica; 0 for a proxied model")
    weights_gb: float | None = _number("GB", "to load and to store")
    requests_per_s: float | None = _number("requests/s", "of one replica at speed 1")
    service_ms: float = _number("ms", "to answer one request", 0)
    init_s: float = _number("s", "engine start after the weights are in", 0)
    copies: int = _integer("copies", "replicas of the weights to store", 0)
    min_copies_left: int = _integer("copies", "left under each protected dependency or shock", 1)
    upstream: Needs | None = _needs("upstream", "a proxied model hangs on it wherever it runs")
    max_requests_per_s: float | None = _number("requests/s", "of the upstream; blank: no limit")
    cost_per_million: float = _number("currency/million requests", "wherever it runs", 0)
    node_types: tuple[str, ...] = _names("blank: all execution types", references=("Node types",))

    @property
    def proxied(self) -> bool:
        """Return whether the model runs at an upstream."""
        return bool(self.upstream)


@dataclass(frozen=True, kw_only=True)
class Route(Row):
    """A network path from a region or site to a site or upstream, round trip."""

    origin: str = column(Kind.NAME, "a region or site", header="from", required=True)
    target: str = column(Kind.NAME, "a site or upstream", header="to", required=True)
    latency_ms: float = _number("ms", "round trip", required=True)
    cost_per_million: float = _number("currency/million requests", "to use it", 0)
    via: Needs | None = _needs("cable", "what it runs over; kind cable unless said")
    route: str = _text("a name; several rows for a pair are alternatives")


@dataclass(frozen=True, kw_only=True)
class Dependency(Row):
    """Anything several things share and can lose together."""

    dependency: str = _name("its name; * is the default of its kind")
    kind: str = _name("provider, metro, country, grid, cable, tee …")
    outages_per_year: float | None = _outages_per_year()
    outage_hours: float | None = _outage_hours()
    protect: bool = _yes_no("every guarantee must survive its failure")

    @property
    def item(self) -> Item:
        """Return what fails."""
        return Item(self.kind, self.dependency)


@dataclass(frozen=True, kw_only=True)
class ExposureRow(Row):
    """'x depends on g', beyond what the attribute columns say (sheet Exposure)."""

    item: str = column(Kind.NAME, "what depends; kind:name, role:execution or * too", required=True)
    depends_on: Needs | None = column(
        Kind.NEEDS, "the dependency it hangs on", required=True, dependency="any"
    )
    confidence: str = _choice(("known", "suspected"), "how sure", "known")


@dataclass(frozen=True, kw_only=True)
class DiversityRow(Row):
    """A limit on how much may hang on one dependency (sheet Diversity)."""

    rule: str = column(Kind.NAME, "a label, may repeat", required=True)
    role: str = _choice(ROLES, "the role it limits", None, required=True)
    kind: str = column(
        Kind.NAME, "the kind of dependency; min_collapse alone does without: any mix", default=""
    )
    dependency: str = column(Kind.NAME, "blank: every one of the kind", default="")
    measure: str = _choice(
        ("requests", "work", "copies", "seats", "nodes", "sites"),
        "what is counted; blank: what the role does",
        "",
    )
    applies_to: str = column(
        Kind.NAME, "blank: all; or a committee, model:name, region, policy", default=""
    )
    scope: str = _choice(("each", "total"), "every one by itself, or their sum", "each")
    max_share: float | None = _share("most that may hang on one, of what is served or placed")
    max_count: int | None = _integer("", "most nodes, copies, seats or sites on one")
    min_count: int | None = _integer("", "fewest on the named dependency")
    min_distinct: int | None = _integer("", "different dependencies with something on them")
    min_nakamoto: int | None = _integer("", "no fewer dependencies may exceed the threshold")
    threshold: float | None = _share("the fraction that must be exceeded to break the role")
    min_collapse: int | None = _integer(
        "", "no fewer dependencies, failing together, may end the guarantee", minimum=1
    )
    penalty: float | None = _number("currency/month", "per unit, or per 1.0 of share; blank: hard")

    @property
    def failures_borne(self) -> int:
        """Return how many failures together may not end the guarantee; 0 if none is asked for."""
        return 0 if self.min_collapse is None else self.min_collapse - 1


@dataclass(frozen=True, kw_only=True)
class Policy(Row):
    """How executed requests are verified (sheet Verification)."""

    policy: str = _name("a verification policy")
    verifiers: int = _integer("", "0: attestation only", required=True)
    quorum: int | None = _integer("", "1 … verifiers; blank: a majority")
    work: float = _number("verifications", "per verifier and request", 1)
    max_latency_ms: float | None = _number("ms", "execution to verifier; blank: no limit")
    independent_of: tuple[str, ...] = _names("kinds that verifier and executor may not share")
    tee: str = _text("yes, or the TEE kinds the executing node must have; blank: none")
    overhead: float = _number("", "stretches service_ms, divides requests_per_s", 0)

    @property
    def quorum_verifiers(self) -> int:
        """Return the verifiers that must agree: more than half where nothing is said."""
        return self.quorum or self.verifiers // 2 + 1


@dataclass(frozen=True, kw_only=True)
class Committee(Row):
    """A group of coordination seats with a fault threshold."""

    committee: str = _name("a validator set, a subnet, a shard")
    seats: int = _integer("seats", "how many", required=True)
    node_types: tuple[str, ...] = _names(
        "blank: all coordination types", references=("Node types",)
    )
    max_faulty: int | None = _integer("seats", "blank: ⌊(seats−1)/3⌋")
    max_seats_per_site: int | None = _integer("seats", "blank: no limit")
    reach_ms: float | None = _number("ms", "round trip within which the quorum must lie")
    reach_seats: int | None = _integer("seats", "blank: ⌊2·seats/3⌋+1, own seats included")
    tee: str = _text("yes, or the TEE kinds a seat's node must have; blank: none")
    countries: tuple[str, ...] = _names("seats only there")
    blocs: tuple[str, ...] = _names("seats only there")

    @property
    def faulty_limit(self) -> int:
        """Return the seats that may fail without harm."""
        return (self.seats - 1) // 3 if self.max_faulty is None else self.max_faulty

    @property
    def quorum_seats(self) -> int:
        """Return the seats that must lie within reach of each seat."""
        return 2 * self.seats // 3 + 1 if self.reach_seats is None else self.reach_seats


@dataclass(frozen=True, kw_only=True)
class SeatToday(Row):
    """Seats held today (sheet Seats)."""

    committee: str = _name("which", references=("Committees",))
    site: str = _name("where", references=("Sites",))
    node_type: str = _name("on what")
    seats: int = _integer("seats", "held today", required=True)


@dataclass(frozen=True, kw_only=True)
class LoadedToday(Row):
    """What is loaded and stored today (sheet Today)."""

    site: str = _name("where", references=("Sites",))
    node_type: str = _name("on what")
    model: str = _name("which", references=("Models",))
    warm: int = _integer("replicas", "kept loaded today", 0)
    copies: int = _integer("copies", "stored today", 0)


@dataclass(frozen=True, kw_only=True)
class Shock(Row):
    """A set of dependencies or sites that fail together."""

    shock: str = _name("a name")
    takes_down: Needs | None = column(
        Kind.NEEDS, "what fails, all at once: `A; B`", required=True, dependency="any"
    )
    protect: bool = _yes_no("every guarantee must survive it")
    outages_per_year: float | None = _outages_per_year()
    outage_hours: float | None = _outage_hours()


@dataclass(frozen=True, kw_only=True)
class Lock(Row):
    """A least and most number of nodes, replicas, copies or seats (sheet Locks)."""

    site: str = _to("Sites", "blank sums over all", default="")
    node_type: str = column(Kind.NAME, "blank sums over all", default="")
    model: str = _to("Models", "then replicas or copies are counted", default="")
    committee: str = _to("Committees", "then seats are counted", default="")
    provider: str = _to("Providers", "blank sums over all", default="")
    minimum: int | None = _integer("", "at least", header="min")
    maximum: int | None = _integer("", "at most", header="max")


@dataclass(frozen=True, kw_only=True)
class Objective(Row):
    """What to make small, in order of priority."""

    priority: int = _integer("", "lower first", required=True)
    measure: str = _choice(NAMES, "what to make small", None, required=True)
    weight: float = _number("", "within one priority", 1)
    tolerance: str = column(
        Kind.TEXT, "what later priorities may give up: 0.02, 2 %, or absolute as 2 ms", default="0"
    )


@dataclass(frozen=True, kw_only=True)
class Phase(Row):
    """A step of the roll-out, with a plan of its own on what the one before left standing."""

    phase: str = _name("a step of the roll-out")
    order: int | None = _integer("", "first to last; blank in every row: as they are listed")
    demand_multiplier: float = _number("", "on every demand row", 1)
    budget_monthly: float | None = _number("currency/month", "most to spend")
    budget_one_off: float | None = _number("currency", "most to spend in this phase")
    max_new_nodes: int | None = _integer("nodes", "most to add in this phase")
    closing: bool = _yes_no("nodes of the phase before may go; otherwise there are never fewer")


@dataclass(frozen=True, kw_only=True)
class Scenario(Row):
    """A what-if edit of the workbook: planner solve --scenario."""

    scenario: str = column(Kind.NAME, "a what-if; several rows make one", required=True)
    sheet: str = column(Kind.NAME, "the sheet it edits", required=True)
    where: str = _text("the rows it edits: `region=Germany; period=day`; blank: all")
    change: str = column(
        Kind.TEXT,
        "a value, `x1.5`, or `remove` the cell, or the row where no column is named",
        required=True,
    )
    column: str = column(Kind.NAME, "the column it edits", default="")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers that hold for the whole workbook (sheet Settings: setting, value)."""

    currency: str = column(Kind.TEXT, "of every cost", default="EUR")
    utilisation: float = column(
        Kind.SHARE, "planned load of capacity", default=0.7, maximum=1, positive=True
    )
    access_ms: float = _number("ms", "last mile of an estimated round trip", 5.0)
    route_stretch: float = _number("", "path length over great circle", 1.5)
    fibre_km_per_ms: float = _number("km/ms", "light in fibre, one way", 200.0, minimum=1)
    near_ms: float = _number("ms", "storage this near serves a cold load", 10.0)
    fetch_gb_per_s: float = _number("GB/s", "from the outside hub", 0.5, positive=True)
    cold_share: float = _share("largest share of time a cold slot is busy", 0.12)
    unknown: str = _choice(
        ("shared", "distinct"), "unknown values: one dependency or many", "shared"
    )
    suspected: str = _choice(("count", "ignore"), "suspected exposures", "count")
    require_served: bool = _yes_no("no plan is better than one that leaves demand unserved")
    budget_monthly: float | None = _number("currency/month", "most to spend")
    budget_one_off: float | None = _number("currency", "most to spend")
    months: float = _number("months", "one-off costs are spread over", 36.0, minimum=1)
    time_limit_s: float = _number("s", "for the solver", 300.0)
    mip_gap: float = _number("", "proven relative gap that is good enough", 0.01)
    seed: int = _integer("", "of everything random", 0)


SHEETS: dict[str, type[Row]] = {
    "Sites": Site,
    "Providers": Provider,
    "Capacities": Offer,
    "Demand": Demand,
    "Periods": Period,
    "Regions": Region,
    "Node types": NodeType,
    "Models": Model,
    "Routes": Route,
    "Dependencies": Dependency,
    "Exposure": ExposureRow,
    "Diversity": DiversityRow,
    "Verification": Policy,
    "Committees": Committee,
    "Seats": SeatToday,
    "Today": LoadedToday,
    "Shocks": Shock,
    "Locks": Lock,
    "Objectives": Objective,
    "Phases": Phase,
    "Scenarios": Scenario,
}
"""Every sheet but Settings, with the class of its rows."""

REQUIRED_SHEETS = ("Sites", "Providers", "Capacities")
"""Beside these, a workbook has Demand, Committees or both."""
