"""Upper bounds on what a network can do, whatever the plan: supply, reach and throughput."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from models.data import Committee, Demand, Item, Model, OfferKey, Policy, Site
from models.network import Network
from models.paths import FloatArray, IntArray
from models.plan import exceeds
from models.service import estimated_ms, replicas_per_node
from models.stands import BoolArray
from models.ways import within_all
from planner.checks.answers import Answers


@dataclass(frozen=True)
class Bounds:
    """What the offers of a network can give at most. Forbidden and empty offers give nothing."""

    network: Network
    _round_trips: dict[tuple[Item, Item], float | None] = field(default_factory=dict)
    _hosts: dict[str, tuple[OfferKey, ...]] = field(default_factory=dict)
    _allowed: dict[tuple[str, str, str], tuple[OfferKey, ...]] = field(default_factory=dict)
    _allowed_at: dict[tuple[str, str, str], tuple[BoolArray, IntArray]] = field(
        default_factory=dict
    )

    def is_usable(self, site: Site) -> bool:
        """Return whether any node may stand at the site."""
        provider = self.network.providers.get(site.provider)
        if provider is not None and (provider.status == "forbidden" or provider.max_nodes == 0):
            return False
        return site.status != "forbidden" and site.max_nodes != 0

    @cached_property
    def offers(self) -> Mapping[str, tuple[OfferKey, ...]]:
        """Return the usable offers of each role, sorted."""
        found: dict[str, list[OfferKey]] = {}
        for key, offer in sorted(self.network.offers.items()):
            if offer.max_nodes > 0 and self.is_usable(self.network.sites[key.site]):
                found.setdefault(self.network.role(key), []).append(key)
        return {role: tuple(keys) for role, keys in found.items()}

    @cached_property
    def asked(self) -> tuple[Demand, ...]:
        """Return the demand rows that ask for something, one per row of the sheet."""
        rows: dict[int, Demand] = {}
        for demand in self.network.demand:
            if demand.requests_per_s > 0:
                rows.setdefault(demand.row, demand)
        return tuple(rows.values())

    def role_way_out(self, role: str) -> str:
        """Return the way out where no node type has the role; empty if one has."""
        node_types = self.network.node_types.values()
        if any(node_type.role == role for node_type in node_types):
            return ""
        if not any(node_type.row for node_type in node_types):
            return (
                f"add a sheet Node types with the columns node_type and role, and a type of role"
                f" {role}: without it every type counts as execution"
            )
        return f"write the role {role} for a node type in Node types"

    @cached_property
    def lost(self) -> Mapping[str, frozenset[OfferKey]]:
        """Return, per protected failure, the offers that go down with it."""
        network = self.network
        return {name: network.takes_down(failed) for name, failed in network.protected.items()}

    def most(self, amount: Mapping[OfferKey, float], at_site: float = math.inf) -> float:
        """Return the largest Σ amount · nodes that offers, sites and providers have room for.

        Sites lie within providers and those within their parents, so taking the best first is
        exact; a provider with several parents ends the chain, which can only raise the bound.
        No more than `at_site` nodes are counted at any site.
        """
        room: dict[Item, float] = {}
        total = 0.0
        for key in sorted(amount, key=lambda key: (-amount[key], key)):
            nodes = float(self.network.offers[key].max_nodes)
            limits = self._limits[key.site]
            for item, limit in limits:
                most = min(limit, at_site) if item.kind == "site" else limit
                nodes = min(nodes, room.setdefault(item, most))
            for item, _ in limits:
                room[item] -= nodes
            # An unlimited rate of no nodes is nothing.
            total += amount[key] * nodes if nodes else 0.0
        return total

    def most_alone(self, rates: FloatArray) -> FloatArray:
        """Return what each of `executing` can do without the others, at these rates a node."""
        limits = [[limit for _, limit in self._limits[key.site]] for key in self.executing]
        nodes = [
            min([float(self.network.offers[key].max_nodes), *found])
            for key, found in zip(self.executing, limits, strict=True)
        ]
        room = np.array(nodes, dtype=float)
        most: FloatArray = np.where(room > 0, rates, 0.0) * room
        return most

    @cached_property
    def _limits(self) -> Mapping[str, tuple[tuple[Item, float], ...]]:
        found = {}
        for site in self.network.sites.values():
            own = math.inf if site.max_nodes is None else float(site.max_nodes)
            limits = [(Item("site", site.site), own)]
            name: str | None = site.provider
            above: set[str] = set()
            while name is not None and name not in above and name in self.network.providers:
                above.add(name)
                provider = self.network.providers[name]
                if provider.max_nodes is not None:
                    limits.append((Item("provider", name), float(provider.max_nodes)))
                only = provider.parent or ()
                name = only[0][0] if len(only) == 1 and len(only[0]) == 1 else None
            found[site.site] = tuple(limits)
        return found

    def _round_trip(self, origin: Item, target: Item) -> float | None:
        ends = origin, target
        if ends not in self._round_trips:
            links = self.network.links_between(*ends)
            self._round_trips[ends] = (
                min(link.latency_ms for link in links)
                if links
                else estimated_ms(self.network, *ends)
            )
        return self._round_trips[ends]

    def hosts(self, demand: Demand) -> tuple[OfferKey, ...]:
        """Return the offers that can run the row's model, wherever they are."""
        if demand.model not in self._hosts:
            model = self.network.models.get(demand.model)
            self._hosts[demand.model] = tuple(
                key for key in self.executing if self.node_rate(model, key) > 0
            )
        return self._hosts[demand.model]

    def allowed(self, demand: Demand) -> tuple[OfferKey, ...]:
        """Return the offers that run the model, lie in the residency and have the TEE."""
        scope = (demand.model, demand.verification, demand.residency)
        if scope not in self._allowed:
            policy = self.network.policies.get(demand.verification)
            self._allowed[scope] = tuple(
                key
                for key in self.hosts(demand)
                if self.network.sites[key.site].lies_in(demand.countries, demand.blocs)
                and self.has_tee(policy, key)
            )
        return self._allowed[scope]

    def answering(self, demand: Demand) -> tuple[IntArray, FloatArray]:
        """Return the sites of allowed offers, as sorted positions, and how soon they answer."""
        places = self._where_allowed(demand)[1]
        return places, self.answers.ms(demand, places)

    def fastest(self, demand: Demand) -> tuple[str, float] | None:
        """Return the allowed site that answers soonest, and in how many ms; None if not known."""
        places, latencies = self.answering(demand)
        if np.isnan(latencies).all():
            return None
        best = int(np.nanargmin(latencies))
        return self.answers.sites[places[best]], float(latencies[best])

    def servable(self, demand: Demand) -> tuple[OfferKey, ...]:
        """Return the offers that may serve the row as far as all but capacity goes."""
        found = np.flatnonzero(self.reach(demand)).tolist()
        return tuple(self.executing[position] for position in found)

    def reach(self, demand: Demand) -> BoolArray:
        """Return which of `executing` are those offers: a large network has no room for tuples."""
        allowed, places = self._where_allowed(demand)
        if demand.max_latency_ms is None:
            return allowed
        fast = np.zeros(len(self.answers.sites), dtype=bool)
        fast[places] = within_all(self.answers.ms(demand, places), demand.max_latency_ms)
        return allowed & fast[self._site_of]

    def _where_allowed(self, demand: Demand) -> tuple[BoolArray, IntArray]:
        """Return which offers are allowed, and the positions of their sites."""
        scope = (demand.model, demand.verification, demand.residency)
        if scope not in self._allowed_at:
            allowed = set(self.allowed(demand))
            found = np.array([key in allowed for key in self.executing], dtype=bool)
            self._allowed_at[scope] = found, np.unique(self._site_of[found])
        return self._allowed_at[scope]

    @cached_property
    def executing(self) -> tuple[OfferKey, ...]:
        """Return the usable offers for execution, sorted."""
        return self.offers.get("execution", ())

    @cached_property
    def answers(self) -> Answers:
        """Return how soon the sites of `executing` answer."""
        return Answers(self.network, sorted({key.site for key in self.executing}))

    @cached_property
    def _site_of(self) -> IntArray:
        return np.array([self.answers.at[key.site] for key in self.executing], dtype=np.int64)

    def node_rate(self, model: Model | None, key: OfferKey) -> float:
        """Return the most requests/s of the model that one node of the offer can serve."""
        offer, settings = self.network.offers[key], self.network.settings
        node_type = self.network.node_types[key.node_type]
        if model is not None and model.node_types and key.node_type not in model.node_types:
            return 0.0
        if model is None or model.proxied:
            return settings.utilisation * (offer.requests_per_s or 0.0)
        replicas = self.replicas(model, key)
        if not replicas:
            return 0.0
        rate = settings.utilisation * (model.requests_per_s or 0.0) * node_type.speed
        if node_type.load_gb_per_s and model.weights_gb:
            busy_s = model.weights_gb / node_type.load_gb_per_s + model.init_s
            busy_s += model.service_ms / 1000
            rate = max(rate, settings.cold_share / busy_s if busy_s else math.inf)
        return rate * replicas

    def replicas(self, model: Model, key: OfferKey) -> int:
        """Return how many replicas an executing node can hold; 0 if the model cannot run there."""
        if self.network.role(key) != "execution" or model.proxied:
            return 0
        if model.node_types and key.node_type not in model.node_types:
            return 0
        return replicas_per_node(model, self.network.node_types[key.node_type])

    def has_tee(self, policy: Policy | Committee | None, key: OfferKey) -> bool:
        """Return whether the offer has the TEE that a policy or committee asks for."""
        return policy is None or self.network.node_types[key.node_type].has_tee(policy.tee)

    def seatable(self, committee: Committee) -> tuple[OfferKey, ...]:
        """Return the offers that may hold seats of the committee."""
        return tuple(
            key
            for key in self.offers.get("coordination", ())
            if self.network.may_sit(committee, key)
        )

    def most_seats(self, committee: Committee, offers: Iterable[OfferKey]) -> float:
        """Return the most seats of the committee that the offers can hold, one a node."""
        limit = committee.max_seats_per_site
        return self.most(dict.fromkeys(offers, 1.0), math.inf if limit is None else limit)

    def seats_by_site(self, committee: Committee) -> dict[str, float]:
        """Return the most seats of the committee that each site can hold."""
        by_site: dict[str, list[OfferKey]] = {}
        for key in self.seatable(committee):
            by_site.setdefault(key.site, []).append(key)
        return {site: self.most_seats(committee, keys) for site, keys in by_site.items()}

    def within(self, site: str, others: Iterable[str], limit_ms: float | None) -> list[str]:
        """Return the others whose round trip from the site is known and within the limit."""
        if limit_ms is None:
            return list(others)
        near = []
        for other in others:
            ends = Item("site", site), Item("site", other)
            latency = 0.0 if other == site else self._round_trip(*ends)
            if latency is not None and not exceeds(latency, limit_ms):
                near.append(other)
        return near

    def storing(self, model: Model) -> tuple[OfferKey, ...]:
        """Return the offers that can hold a copy of the model, sorted."""
        found = []
        for key in self.offers.get("storage", ()):
            disk_tb = self.network.node_types[key.node_type].disk_tb or 0.0
            nodes = self.network.offers[key].max_nodes
            if (model.weights_gb or 0.0) <= 1000 * disk_tb * nodes:
                found.append(key)
        return tuple(found)

    def storable(self, model: Model) -> tuple[str, ...]:
        """Return the sites that can hold a copy of the model, sorted."""
        return tuple(sorted({key.site for key in self.storing(model)}))
