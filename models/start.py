"""A first plan for execution, built greedily from the tables: the solver never starts blind.

Demand rows are taken by weight. Each is served where it costs least: what it pays to route, the
share of a node that it fills, and a part of what must be opened for it. Limits of offers, sites,
providers, upstreams and hard request shares are kept; what fits nowhere stays unserved. Verifiers,
copies and seats are left to the solver, which completes the plan exactly.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from models.costs import millions_per_month
from models.data import DiversityRow, Item, OfferKey, names_in
from models.network import Network
from models.options import Options
from models.plan import Deployment, Replica
from models.service import replica_size

OPENING_WEIGHT = 0.5
"""How much of what must newly be opened is charged to the row that opens it."""
ROUNDS = 3
"""How often a row may be split over another offer."""


@dataclass
class _State:
    """What the greedy plan holds so far."""

    nodes: dict[OfferKey, int] = field(default_factory=lambda: defaultdict(int))
    warm: dict[Replica, int] = field(default_factory=lambda: defaultdict(int))
    slots: dict[OfferKey, int] = field(default_factory=lambda: defaultdict(int))
    load: dict[object, float] = field(default_factory=lambda: defaultdict(float))
    memory: dict[OfferKey, float] = field(default_factory=lambda: defaultdict(float))
    open: set[str] = field(default_factory=set)
    contracts: set[str] = field(default_factory=set)
    shares: dict[tuple[int, str, str, Item], float] = field(
        default_factory=lambda: defaultdict(float)
    )


def greedy_start(network: Network, options: Options) -> Deployment:
    """Return nodes, warm replicas and cold slots that serve as much demand as the greedy finds."""
    return _Greedy(network, options).run()


class _Greedy:
    def __init__(self, network: Network, options: Options) -> None:
        self.network, self.options = network, options
        self.state = _State()
        self.by_demand = options.groups(np.ones(len(options), bool), options.demand)
        self.limits = [
            (index, rule)
            for index, rule in enumerate(network.diversity)
            if rule.role == "execution"
            and rule.max_share is not None
            and rule.penalty is None
            and rule.measure in ("", "requests")
        ]
        self.totals = self._share_totals()
        self.slot_size: dict[OfferKey, float] = {}
        for position in np.flatnonzero(options.cold):
            offer = options.offers[options.offer[position]]
            model = network.models[network.demand[options.demand[position]].model]
            size = replica_size(model, network.node_types[offer.node_type]) or 1.0
            self.slot_size[offer] = max(self.slot_size.get(offer, 0.0), size)

    def run(self) -> Deployment:
        network, state = self.network, self.state
        for name, site in sorted(network.sites.items()):
            if site.status == "required":
                state.open.add(name)
        order = sorted(
            range(len(network.demand)),
            key=lambda index: (-self._weight(index), network.demand[index].key),
        )
        for index in order:
            left = 1.0
            for _ in range(ROUNDS):
                left -= self._serve_once(index, left)
                if left <= 1e-9:
                    break
        return Deployment(
            open=frozenset(state.open),
            contracts=frozenset(state.contracts),
            nodes={offer: count for offer, count in sorted(state.nodes.items()) if count},
            warm={replica: count for replica, count in sorted(state.warm.items()) if count},
            cold_slots={offer: count for offer, count in sorted(state.slots.items()) if count},
        )

    def _weight(self, index: int) -> float:
        demand = self.network.demand[index]
        model = self.network.models.get(demand.model)
        each = model.requests_per_s if model is not None and model.requests_per_s else 1.0
        memory = (model.gpu_memory_gb or 1.0) if model is not None else 1.0
        return demand.requests_per_s * memory / each

    def _serve_once(self, index: int, left: float) -> float:
        """Serve up to `left` of the row at the best offer and return the share served."""
        best: tuple[float, int, float] | None = None
        for position in self.by_demand.get((index,), ()):
            share, cost = self._price(int(position), index, left)
            if share <= 1e-9:
                continue
            score = cost / share
            if best is None or score < best[0] - 1e-12:
                best = (score, int(position), share)
        if best is None:
            return 0.0
        self._take(best[1], index, best[2])
        return best[2]

    def _price(self, position: int, index: int, left: float) -> tuple[float, float]:
        """Return the share of the row that the option can take, and what that costs a month."""
        network, options = self.network, self.options
        offer = options.offers[options.offer[position]]
        site = network.sites[offer.site]
        if "forbidden" in (site.status, network.providers[site.provider].status):
            return 0.0, 0.0
        share = min(left, self._share_room(position, index), self._upstream_room(index))
        unit, each, size = self._unit(position, index)
        if unit is None or share <= 1e-9 or each <= 0:
            return 0.0, 0.0
        need = self._load(position, index)
        spare = self._capacity(unit, each) - self.state.load[unit]
        room = self._room(offer, size)
        if need > 0:
            share = min(share, max(0.0, (spare + room * each) / need))
        if share <= 1e-9 or (self._count(unit) == 0 and room == 0):
            return 0.0, 0.0
        pieces = max(0, math.ceil((need * share - spare) / each - 1e-9))
        if self._count(unit) == 0:
            pieces = max(1, pieces)
        nodes = self._nodes_for(offer, size, pieces) - self.state.nodes[offer]
        entry = network.offers[offer]
        months = network.settings.months
        node_cost = entry.node_cost + entry.one_off_cost / months
        cost = node_cost * size * need * share / each
        opening = node_cost * max(0, nodes)
        if offer.site not in self.state.open:
            opening += site.monthly_cost + site.opening_cost / months
            if site.provider not in self.state.contracts:
                opening += network.providers[site.provider].monthly_cost
        routing = float(options.cost_per_million[position]) * millions_per_month(network, index)
        return share, cost + OPENING_WEIGHT * opening + routing * share + 1e-9

    def _take(self, position: int, index: int, share: float) -> None:
        network, state = self.network, self.state
        offer = self.options.offers[self.options.offer[position]]
        unit, each, size = self._unit(position, index)
        need = self._load(position, index) * share
        spare = self._capacity(unit, each) - state.load[unit]
        pieces = max(0, math.ceil((need - spare) / each - 1e-9))
        if self._count(unit) == 0:
            pieces = max(1, pieces)
        state.nodes[offer] = max(
            self._nodes_for(offer, size, pieces), network.offers[offer].min_nodes
        )
        state.memory[offer] += size * pieces
        state.load[unit] += need
        if isinstance(unit, tuple) and isinstance(unit[1], Replica):
            state.warm[unit[1]] += pieces
        elif isinstance(unit, tuple) and unit[1] == "cold":
            state.slots[offer] += pieces
        state.open.add(offer.site)
        state.contracts.add(network.sites[offer.site].provider)
        rate = network.demand[index].requests_per_s * share
        for rule_index, label, period, items in self._limited(position, index):
            for item in items:
                state.shares[rule_index, label, period, item] += rate
        for name in self._upstreams(index):
            state.load["upstream", network.demand[index].period, name] += rate

    def _unit(self, position: int, index: int) -> tuple[object, float, float]:
        """Return what carries the load, how much one piece of it carries, and its size in nodes."""
        network, options = self.network, self.options
        demand = network.demand[index]
        offer = options.offers[options.offer[position]]
        settings, model = network.settings, network.models.get(demand.model)
        if options.cold[position]:
            return (demand.period, "cold", offer), settings.cold_share, self.slot_size[offer]
        if model is None or model.proxied:
            each = settings.utilisation * (network.offers[offer].requests_per_s or 0.0)
            return (demand.period, "nodes", offer), each, 1.0
        key = Replica(offer.site, offer.node_type, demand.model)
        node_type = network.node_types[offer.node_type]
        each = settings.utilisation * (model.requests_per_s or 0.0) * node_type.speed
        size = replica_size(model, node_type) or 1.0
        return (demand.period, key), each, size

    def _count(self, unit: object) -> int:
        if isinstance(unit, tuple):
            if isinstance(unit[1], Replica):
                return self.state.warm[unit[1]]
            if unit[1] == "cold":
                return self.state.slots[unit[2]]
            return self.state.nodes[unit[2]]
        return 0

    def _capacity(self, unit: object, each: float) -> float:
        return self._count(unit) * each

    def _load(self, position: int, index: int) -> float:
        network = self.network
        demand = network.demand[index]
        policy = network.policies.get(demand.verification)
        overhead = policy.overhead if policy is not None else 0.0
        if not self.options.cold[position]:
            return demand.requests_per_s * (1 + overhead)
        service_s = network.models[demand.model].service_ms * (1 + overhead) / 1000
        return demand.requests_per_s * (float(self.options.load_s[position]) + service_s)

    def _room(self, offer: OfferKey, size: float) -> int:
        """Return how many more pieces of a size fit at the offer, within every node limit."""
        network, state = self.network, self.state
        most = network.offers[offer].max_nodes - state.nodes[offer]
        site = network.sites[offer.site]
        if site.max_nodes is not None:
            at_site = sum(n for o, n in state.nodes.items() if o.site == offer.site)
            most = min(most, site.max_nodes - at_site)
        for name, provider in network.providers.items():
            if provider.max_nodes is not None:
                item = Item("provider", name)
                if item in network.hangs_on(offer):
                    used = sum(n for o, n in state.nodes.items() if item in network.hangs_on(o))
                    most = min(most, provider.max_nodes - used)
        free = state.nodes[offer] + max(0, most) - state.memory[offer]
        return max(0, int(free / size + 1e-9)) if size < 1.0 or free >= 1.0 else 0

    def _nodes_for(self, offer: OfferKey, size: float, pieces: int) -> int:
        needed = math.ceil(self.state.memory[offer] + size * pieces - 1e-9)
        return max(needed, self.state.nodes[offer])

    def _upstreams(self, index: int) -> frozenset[str]:
        model = self.network.models.get(self.network.demand[index].model)
        return names_in(model.upstream) if model is not None else frozenset()

    def _upstream_room(self, index: int) -> float:
        demand = self.network.demand[index]
        model = self.network.models.get(demand.model)
        room = 1.0
        if model is not None and model.max_requests_per_s is not None and demand.requests_per_s:
            for name in self._upstreams(index):
                sent = self.state.load["upstream", demand.period, name]
                room = min(room, (model.max_requests_per_s - sent) / demand.requests_per_s)
        return max(0.0, room)

    def _share_totals(self) -> dict[tuple[int, str, str], float]:
        totals: dict[tuple[int, str, str], float] = defaultdict(float)
        for rule_index, rule in self.limits:
            for demand in self.network.demand:
                if rule.applies_to in ("", demand.region, f"model:{demand.model}"):
                    label = demand.model if rule.scope == "each" else ""
                    totals[rule_index, label, demand.period] += demand.requests_per_s
        return totals

    def _limited(self, position: int, index: int) -> list[tuple[int, str, str, frozenset[Item]]]:
        demand = self.network.demand[index]
        offer = self.options.offers[self.options.offer[position]]
        found = []
        for rule_index, rule in self.limits:
            if rule.applies_to in ("", demand.region, f"model:{demand.model}"):
                label = demand.model if rule.scope == "each" else ""
                items = self._exposed(rule, offer, position)
                found.append((rule_index, label, demand.period, items))
        return found

    def _exposed(self, rule: DiversityRow, offer: OfferKey, position: int) -> frozenset[Item]:
        hangs_on = self.network.hangs_on(offer)
        link = int(self.options.link[position])
        if link >= 0:
            hangs_on |= self.network.graph.hangs_on(self.network.links[link].item)
        return frozenset(
            item
            for item in hangs_on
            if item.kind == rule.kind and rule.dependency in ("", item.name)
        )

    def _share_room(self, position: int, index: int) -> float:
        rate = self.network.demand[index].requests_per_s
        room = 1.0
        if not rate:
            return room
        for rule_index, label, period, items in self._limited(position, index):
            share = self.network.diversity[rule_index].max_share or 0.0
            allowed = share * self.totals[rule_index, label, period]
            for item in items:
                used = self.state.shares[rule_index, label, period, item]
                room = min(room, (allowed - used) / rate)
        return max(0.0, room)
