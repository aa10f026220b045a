"""The additions at a site that may help a guarantee, sized and priced from the workbook.

A demand row is helped by nodes that serve, with warm replicas, or verify all that must be left of
it by themselves, as far as they can be had; a model by a copy; a committee by a seat that moves.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product

from models.costs import sum_of
from models.data import Demand, OfferKey
from models.measures.monthly_cost import money
from models.network import Network
from models.outage import HALF
from models.plan import Deployment, Plan, Replica, Seat
from models.replay import failover_ms
from models.service import replicas_per_node
from planner.checks.capacity import Bounds
from planner.evaluation.audit import audit
from planner.evaluation.sites_results import Addition, Figure

ROUNDING = 1e-9

Nodes = tuple[tuple[OfferKey, int], ...]
Warm = tuple[tuple[Replica, int], ...]


class Additions:
    """What may be added to a plan, for one guarantee."""

    def __init__(self, network: Network, plan: Deployment, figure: Figure) -> None:
        self.network, self.plan, self.figure = network, plan, figure
        self._bounds = Bounds(network)
        self._bare = replace(plan, routing=(), verification=(), panels=())
        self._before = sum_of(money(network, self._bare))
        self.sites = tuple(
            sorted({o.site for found in self._bounds.offers.values() for o in found} - plan.open)
        )

    def by_site(self) -> Mapping[str, list[Addition]]:
        """Return everything that may be added at each site that is not open, cheapest first."""
        found: dict[str, list[Addition]] = defaultdict(list)
        for addition in self._all():
            if addition.site in self.sites:
                found[addition.site].append(self._complete(addition))
        return {
            site: sorted(listed, key=lambda a: (a.cost, a.nodes, a.given_up or ()))
            for site, listed in sorted(found.items())
        }

    def _all(self) -> Iterator[Addition]:
        figure = self.figure
        if figure.row:
            row = next(d for d in self.network.demand if tuple(d.key) == figure.row)
            yield from self._for_row(row)
        elif figure.role == "storage":
            model = self.network.models[figure.of]
            for offer in self._bounds.storing(model):
                each = 1000 * (self.network.node_types[offer.node_type].disk_tb or 0.0)
                count = (
                    max(1, math.ceil((model.weights_gb or 0.0) / each - ROUNDING)) if each else 1
                )
                copy = Replica(*offer, figure.of)
                yield Addition(offer.site, ((offer, count),), 0.0, copies=(copy,))
        else:
            committee = self.network.committees[figure.of]
            held = sorted(s for s, n in self.plan.seats.items() if n and s.committee == figure.of)
            for offer in self._bounds.seatable(committee):
                for seat in self._unlike(held):
                    taken = Seat(figure.of, *offer)
                    yield Addition(offer.site, ((offer, 1),), 0.0, seat=taken, given_up=seat)

    def _unlike(self, held: Iterable[Seat]) -> list[Seat]:
        """Return one seat of all that hang on the same; by site where rules tell sites apart."""
        committee = self.network.committees[self.figure.of]
        found: dict[object, Seat] = {}
        for seat in held:
            offer = OfferKey(seat.site, seat.node_type)
            place = seat.site if committee.reach_ms is not None or self.network.locks else ""
            found.setdefault((self.network.hangs_on(offer), place), seat)
        return list(found.values())

    def _for_row(self, row: Demand) -> Iterator[Addition]:
        least = (row.min_served or HALF) * row.requests_per_s
        serve: dict[str, list[tuple[Nodes, Warm]]] = defaultdict(list)
        verify: dict[str, list[tuple[Nodes, Warm]]] = defaultdict(list)
        for offer in self._bounds.servable(replace(row, max_latency_ms=failover_ms(row))):
            serve[offer.site] += self._serving(row, offer, least)
        policy = self.network.policies.get(row.verification)
        if policy is not None and policy.verifiers:
            for offer in self._bounds.offers.get("verification", ()):
                each = self.network.node_types[offer.node_type].verifications_per_s or 0.0
                lies = self.network.sites[offer.site].lies_in(row.countries, row.blocs)
                if each and lies:
                    count = self._count(offer, least * policy.work, each)
                    verify[offer.site].append((((offer, count),), ()))
        for site in sorted(serve.keys() | verify.keys()):
            both = [
                ((*s[0], *v[0]), s[1])
                for s, v in product(serve.get(site, ()), verify.get(site, ()))
            ]
            for nodes, warm in (*serve.get(site, ()), *verify.get(site, ()), *both):
                yield Addition(site, nodes, 0.0, warm=warm)

    def _serving(self, row: Demand, offer: OfferKey, least: float) -> Iterator[tuple[Nodes, Warm]]:
        network = self.network
        model, node_type = network.models.get(row.model), network.node_types[offer.node_type]
        policy = network.policies.get(row.verification)
        load = least * (1 + (policy.overhead if policy is not None else 0.0))
        if model is None or model.proxied:
            each = network.offers[offer].requests_per_s or 0.0
            if each > 0:
                yield ((offer, self._count(offer, load, each)),), ()
            return
        each = (model.requests_per_s or 0.0) * node_type.speed
        fit = replicas_per_node(model, node_type)
        if each > 0 and fit:
            count = self._count(offer, load, each * fit)
            wanted = math.ceil(load / (network.settings.utilisation * each) - ROUNDING)
            replicas = max(1, min(wanted, count * fit))
            yield ((offer, count),), ((Replica(*offer, row.model), replicas),)

    def _count(self, offer: OfferKey, load: float, each: float) -> int:
        """Return how many nodes carry the load, as many as can be had."""
        wanted = math.ceil(load / (self.network.settings.utilisation * each) - ROUNDING)
        return max(1, min(wanted, most_of(self.network, offer)))

    def _complete(self, addition: Addition) -> Addition:
        """Return the addition with the least nodes that an open site must have, and its price."""
        nodes = dict(addition.nodes)
        for key, offer in sorted(self.network.offers.items()):
            if key.site == addition.site and offer.min_nodes:
                nodes[key] = max(nodes.get(key, 0), offer.min_nodes)
        whole = replace(addition, nodes=tuple(sorted(nodes.items())))
        return replace(whole, cost=self.cost((whole,)))

    def cost(self, additions: Iterable[Addition]) -> float:
        """Return what additions cost a month, one-off costs spread over the months."""
        return sum_of(money(self.network, applied(self.network, self._bare, additions))) - (
            self._before
        )

    def is_legal(self, additions: Iterable[Addition]) -> bool:
        """Return whether the plan with them breaks no rule that it does not break already."""
        after = applied(self.network, self.plan, additions)
        return self._violations(after) <= self._violations(self.plan)

    def _violations(self, plan: Deployment) -> set[tuple[str, str]]:
        found = audit(self.network, Plan({"": plan}))
        return {(violation.rule, violation.where) for violation in found}


def most_of(network: Network, offer: OfferKey) -> int:
    """Return the most nodes of an offer that can be had, by itself."""
    limits = (network.offers[offer].max_nodes, network.sites[offer.site].max_nodes)
    return min(limit for limit in limits if limit is not None)


def applied(network: Network, plan: Deployment, additions: Iterable[Addition]) -> Deployment:
    """Return the plan with the additions."""
    nodes, warm, seats = dict(plan.nodes), dict(plan.warm), dict(plan.seats)
    opened, copies = set(plan.open), set(plan.copies)
    for addition in additions:
        opened.add(addition.site)
        copies.update(addition.copies)
        for offer, count in addition.nodes:
            nodes[offer] = nodes.get(offer, 0) + count
        for replica, count in addition.warm:
            warm[replica] = warm.get(replica, 0) + count
        if addition.seat is not None and addition.given_up is not None:
            seats[addition.seat] = seats.get(addition.seat, 0) + 1
            seats[addition.given_up] = seats.get(addition.given_up, 0) - 1
    return replace(
        plan,
        open=frozenset(opened),
        contracts=plan.contracts | {network.sites[site].provider for site in opened - plan.open},
        nodes=nodes,
        warm=warm,
        copies=frozenset(copies),
        seats={seat: count for seat, count in seats.items() if count},
    )
