"""The cells of a workbook that set a limit, each with its sentence and how far it could give."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.data import (
    Committee,
    Demand,
    Dependency,
    DiversityRow,
    Lock,
    Model,
    Offer,
    Policy,
    Provider,
    Row,
    Settings,
    Shock,
    Site,
)
from models.fields import Kind, columns
from models.network import Network

SHARE_STEP = 0.001
"""How exactly the least change of a share is found."""
NUMBER_STEP = 0.01
"""How exactly that of any other number is found, of the power of ten that it begins with."""
MANY = 10
"""How many times what is on offer an offer may be raised to."""

UNBOUND = 1_000_000
"""More than any lock lets in."""

TABLES: Mapping[type[Row], str] = {
    Site: "sites",
    Provider: "providers",
    Offer: "offers",
    Demand: "demand",
    Model: "models",
    Policy: "policies",
    Committee: "committees",
    Dependency: "dependencies",
    Shock: "shocks",
    DiversityRow: "diversity",
    Lock: "locks",
}
"""Where the rows of a sheet stand in the network."""
SETTINGS = "settings"

Place = tuple[str, int, str]
"""What tells limits apart: table, row and attribute."""


@dataclass(frozen=True, eq=False)
class Limit:
    """One cell that sets a limit: the rules that ask for it, and what it would be at its loosest.

    `way` is raise, lower or release. Where it is `by_rule`, leaving out those rules asks for no
    more than the cell at its loosest does. `value` is what holds now, be it a default.
    """

    row: Row | Settings
    attribute: str
    rules: tuple[str, ...]
    way: str
    value: Any
    loosest: Any
    sentence: str
    by_rule: bool = False

    @property
    def place(self) -> Place:
        """Return what tells it from all others."""
        if isinstance(self.row, Settings):
            return SETTINGS, 0, self.attribute
        return TABLES[type(self.row)], self.row.row, self.attribute

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same cell: rows that say the same are not the same row."""
        return isinstance(other, Limit) and self.place == other.place

    def __hash__(self) -> int:
        """Return the hash of its place."""
        return hash(self.place)

    @property
    def kind(self) -> Kind:
        """Return what its cell holds."""
        return columns(type(self.row))[self.attribute].kind

    @property
    def unit(self) -> str:
        """Return the unit of its cell; empty if it has none."""
        return columns(type(self.row))[self.attribute].unit

    @property
    def is_exact(self) -> bool:
        """Return whether its row asks for neither less nor more, so that less may be too few."""
        return isinstance(self.row, Committee) and self.attribute == "seats"

    @property
    def step(self) -> float:
        """Return how exactly its least change is found."""
        if self.kind is Kind.INTEGER:
            return 1
        if self.kind is Kind.SHARE:
            return SHARE_STEP
        if not self.value:
            return 1.0
        return float(NUMBER_STEP * 10 ** math.floor(math.log10(abs(self.value))))

    @property
    def steps(self) -> int | None:
        """Return the steps to its loosest value; None if there is no end to them."""
        if self.loosest is None:
            return None
        return max(1, -int(-abs(self.loosest - self.value) / self.step // 1))

    def after(self, steps: int) -> Any:
        """Return its value so many steps looser."""
        if steps == self.steps:
            return self.loosest
        sign = 1 if self.way == "raise" else -1
        found = self.value + sign * steps * self.step
        return int(found) if self.kind is Kind.INTEGER else float(f"{found:.10g}")


def changed(network: Network, changes: Mapping[Limit, Any]) -> Network:
    """Return the network with other values in these cells."""
    new: dict[str, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for limit, value in changes.items():
        table, number, attribute = limit.place
        new[table][number][attribute] = value
        if limit.is_exact and not value:
            new[table][number].setdefault("max_faulty", 0)  # of no seats none fails
    settings = new.pop(SETTINGS, {}).get(0, {})
    tables = {name: _replaced(getattr(network, name), rows) for name, rows in new.items()}
    return replace(network, settings=replace(network.settings, **settings), **tables)


def _replaced(table: Any, new: Mapping[int, Mapping[str, Any]]) -> Any:
    if isinstance(table, tuple):
        return tuple(replace(row, **new[row.row]) if row.row in new else row for row in table)
    return {
        key: replace(row, **new[row.row]) if row.row in new else row for key, row in table.items()
    }


def loosened(network: Network, loose: Iterable[Limit]) -> Network:
    """Return the network with these limits at their loosest."""
    return changed(network, {limit: limit.loosest for limit in loose})


# What sets a limit --------------------------------------------------------------------------------


def limits(network: Network) -> tuple[Limit, ...]:
    """Return every limit of the network.

    What is on offer and asked for comes first, the planner's own rules last: of several
    conflicts, the one of later limits is told.
    """
    found = [
        *_of_each(network.offers.values(), _offer),
        *_of_each(network.sites.values(), _site),
        *_of_each(network.providers.values(), _provider),
        *_of_each(_first(network.demand), _demand),
        *_of_each(network.models.values(), _model),
        *_of_each(network.policies.values(), _policy),
        *_of_each(network.committees.values(), _committee),
        *_of_each(network.dependencies.values(), _dependency),
        *_of_each(network.shocks.values(), _shock),
        *_of_each(network.diversity, _diversity),
        *_of_each(network.locks, _lock),
        *_settings(network.settings),
    ]
    return tuple(found)


def _of_each(rows: Any, of: Callable[[Any], Iterator[Limit]]) -> Iterator[Limit]:
    for row in rows:
        yield from of(row)


def _first(rows: tuple[Demand, ...]) -> list[Demand]:
    """Return the demand rows of the workbook: one without a period stands once for each."""
    found: dict[int, Demand] = {}
    for row in rows:
        found[row.row] = replace(row, period="") if row.row in found else row
    return list(found.values())


def _raise(
    row: Row | Settings, attribute: str, rule: str, sentence: str, value: Any = None, **more: Any
) -> Iterator[Limit]:
    value = getattr(row, attribute) if value is None else value
    loosest = more.pop("loosest", None)
    if value is not None and (loosest is None or value < loosest):
        yield Limit(row, attribute, tuple(rule.split()), "raise", value, loosest, sentence, **more)


def _lower(
    row: Row | Settings, attribute: str, rule: str, sentence: str, value: Any = None, **more: Any
) -> Iterator[Limit]:
    value = getattr(row, attribute) if value is None else value
    loosest = more.pop("loosest", 0)
    if value is not None and value > loosest:
        yield Limit(row, attribute, tuple(rule.split()), "lower", value, loosest, sentence, **more)


def _release(
    row: Row | Settings, attribute: str, rule: str, sentence: str, loosest: Any, **more: Any
) -> Iterator[Limit]:
    value = getattr(row, attribute)
    if value and value != loosest:
        rules = tuple(rule.split())
        yield Limit(row, attribute, rules, "release", value, loosest, sentence, **more)


def _offer(row: Offer) -> Iterator[Limit]:
    at = f"{row.node_type} at {row.site}"
    most = MANY * max(1, row.max_nodes)
    sentence = f"at most {row.max_nodes} {at} can be had"
    yield from _raise(row, "max_nodes", "opening", sentence, loosest=most)
    sentence = f"an open site {row.site} has at least {row.min_nodes} {row.node_type}"
    yield from _lower(row, "min_nodes", "opening", sentence, by_rule=True)


def _site(row: Site) -> Iterator[Limit]:
    yield from _raise(
        row, "max_nodes", "opening", f"site {row.site} holds at most {row.max_nodes} nodes"
    )
    yield from _status(row, f"site {row.site}", "opening")


def _provider(row: Provider) -> Iterator[Limit]:
    name = row.provider
    sentence = f"at most {row.max_nodes} nodes may hang on provider {name}"
    yield from _raise(row, "max_nodes", "contracts", sentence)
    yield from _status(row, f"the contract with {name}", "contracts")


def _status(row: Site | Provider, what: str, rule: str) -> Iterator[Limit]:
    if row.status in ("required", "forbidden"):
        sentence, is_required = f"{what} is {row.status}", row.status == "required"
        yield from _release(row, "status", rule, sentence, "candidate", by_rule=is_required)


def _demand(row: Demand) -> Iterator[Limit]:
    name = str(row.key)
    sentence = f"{name} asks for {_number(row.requests_per_s)} requests/s"
    yield from _lower(row, "requests_per_s", "served", sentence)
    if row.max_latency_ms is not None:
        sentence = f"{name} is answered within {_number(row.max_latency_ms)} ms"
        yield from _raise(row, "max_latency_ms", "served", sentence)
        wait = row.failover_latency_ms or 2 * row.max_latency_ms
        sentence = f"{name} is answered within {_number(wait)} ms after a failure"
        more = {"loosest": 100 * wait}
        yield from _raise(row, "failover_latency_ms", "survival", sentence, wait, **more)
    sentence = f"{name} is served to {_percent(row.min_served)} after each protected failure"
    yield from _lower(row, "min_served", "survival", sentence)
    for attribute in ("countries", "blocs"):
        sentence = f"{name} is served in {'; '.join(getattr(row, attribute))} only"
        yield from _release(row, attribute, "served", sentence, ())


def _model(row: Model) -> Iterator[Limit]:
    name = f"model {row.model}"
    yield from _lower(row, "copies", "storage", f"{name} is stored {row.copies} times")
    if row.copies:
        sentence = f"{row.min_copies_left} copies of {name} are left after each protected failure"
        yield from _lower(row, "min_copies_left", "storage", sentence)
    if row.max_requests_per_s is not None:
        sentence = f"the upstream of {name} accepts {_number(row.max_requests_per_s)} requests/s"
        yield from _raise(row, "max_requests_per_s", "upstream", sentence)


def _policy(row: Policy) -> Iterator[Limit]:
    name = f"policy {row.policy}"
    kinds = ", ".join(row.independent_of)
    sentence = f"verifiers of {name} share no {kinds} with the executing node"
    yield from _release(row, "independent_of", "verification", sentence, ())
    if row.max_latency_ms is not None:
        sentence = f"verifiers of {name} are within {_number(row.max_latency_ms)} ms"
        yield from _raise(row, "max_latency_ms", "verification", sentence)
    sentence = f"nodes that execute under {name} have the TEE {row.tee}"
    yield from _release(row, "tee", "verification", sentence, "")


def _committee(row: Committee) -> Iterator[Limit]:
    name = f"committee {row.committee}"
    yield from _lower(row, "seats", "seats", f"{name} has {row.seats} seats")
    sentence = f"{name} may lose {row.faulty_limit} seats"
    most = {"loosest": row.seats - 1}
    yield from _raise(row, "max_faulty", "fault_limit", sentence, row.faulty_limit, **most)
    sentence = f"{name} has at most {row.max_seats_per_site} seats at a site"
    yield from _raise(row, "max_seats_per_site", "seats", sentence)
    if row.reach_ms is not None:
        seats = row.quorum_seats
        within = f"{seats} seats of {name} are within {_number(row.reach_ms)} ms of each"
        yield from _raise(row, "reach_ms", "reach", within)
        yield from _lower(row, "reach_seats", "reach", within, seats, loosest=1)
    for attribute, of in (("node_types", "on"), ("countries", "in"), ("blocs", "in")):
        sentence = f"seats of {name} are {of} {'; '.join(getattr(row, attribute))} only"
        yield from _release(row, attribute, "seats", sentence, ())
    yield from _release(row, "tee", "seats", f"nodes of {name} have the TEE {row.tee}", "")


_PROTECTING = "fault_limit storage survival verification"


def _dependency(row: Dependency) -> Iterator[Limit]:
    what = f"every {row.kind}" if row.dependency == "*" else str(row.item)
    sentence = f"every guarantee survives the failure of {what}"
    yield from _release(row, "protect", _PROTECTING, sentence, False)


def _shock(row: Shock) -> Iterator[Limit]:
    sentence = f"every guarantee survives the shock {row.shock}"
    yield from _release(row, "protect", _PROTECTING, sentence, False)


def _diversity(row: DiversityRow) -> Iterator[Limit]:
    if row.penalty is None:
        of = f"{row.role} {row.measure}"
        on = f"{row.kind} {row.dependency}" if row.dependency else f"one {row.kind}"
        of_name = f" of {row.applies_to}" if row.applies_to else ""
        if row.max_share is not None:
            sentence = f"at most {_percent(row.max_share)} of {of}{of_name} hang on {on}"
            rule = "diversity_share"
            yield from _raise(row, "max_share", rule, sentence, loosest=1.0, by_rule=True)
        sentence = f"at most {row.max_count} {of}{of_name} hang on {on}"
        yield from _raise(row, "max_count", "diversity_count", sentence, by_rule=True)
        sentence = f"at least {row.min_count} {of}{of_name} hang on {on}"
        yield from _lower(row, "min_count", "diversity_count", sentence, by_rule=True)
        sentence = f"{of}{of_name} are on at least {row.min_distinct} of kind {row.kind}"
        yield from _lower(row, "min_distinct", "diversity_distinct", sentence, by_rule=True)
        sentence = f"it takes {row.min_nakamoto} of kind {row.kind} to break {of}{of_name}"
        more = {"loosest": 1, "by_rule": True}
        yield from _lower(row, "min_nakamoto", "diversity_nakamoto", sentence, **more)
    kind = f" of kind {row.kind}" if row.kind else ""
    sentence = f"it takes {row.min_collapse} failures{kind} to end {row.role}"
    more = {"loosest": 1, "by_rule": True}
    yield from _lower(row, "min_collapse", "diversity_collapse", sentence, **more)


def _lock(row: Lock) -> Iterator[Limit]:
    what = "seats" if row.committee else "replicas or copies" if row.model else "nodes"
    names = (row.committee, row.model, row.provider, row.site, row.node_type)
    of = ", ".join(filter(None, names)) or "all"
    sentence = f"at least {row.minimum} {what} of {of} are locked in"
    yield from _lower(row, "minimum", "locks", sentence, by_rule=True)
    sentence = f"at most {row.maximum} {what} of {of} are locked in"
    # A lock without any bound is no lock.
    yield from _raise(row, "maximum", "locks", sentence, loosest=UNBOUND, by_rule=True)


def _settings(row: Settings) -> Iterator[Limit]:
    sentence = "all demand must be served"
    yield from _release(row, "require_served", "served", sentence, False, by_rule=True)
    for attribute, often in (("budget_monthly", "a month"), ("budget_one_off", "once")):
        most = getattr(row, attribute)
        if most is not None:
            sentence = f"the plan costs at most {_number(most)} {row.currency} {often}"
            yield from _raise(row, attribute, "budget", sentence, by_rule=True)


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _percent(value: float) -> str:
    return f"{100 * value:.4g} %"
