"""No few dependencies, failing together, end the guarantee of a role.

Σ_{o not on S} seats[c,o] ≥ seats[c] − max_faulty[c]
Σ_{o not on S} copy[o,m] ≥ max(1, min_copies_left[m])
Σ_{o on S} verify[x,o] ≤ (verifiers − quorum) · executed[x]
separated: Σ_o w[o] · verify[x,o] ≥ executed[x], w(Q) ≥ 1 for every legal panel Q of which no S
takes more than verifiers − quorum

for all Diversity rows with min_collapse = n, the committees c, models m and streams x of policies
that they apply to, and sets S of fewer than n dependencies (of the kind, if the row names one):
those that take most from the start, others separated
                                          Source: design §5 (collapse sets), §4 (diversity)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from models.collapse import FaultTree
from models.cut_sets import Cuts, heaviest, largest
from models.data import DiversityRow, Item, OfferKey
from models.exposure import offer_item
from models.expressions import Cut, Point, rows
from models.expressions import row as add_row
from models.firmness import FirmPanels, cuts_of, verifying
from models.guarantees import LIVENESS, Guarantee, Stand, coordination, storage, verification
from models.network import Network
from models.panels import covering_weights, panels_of
from models.plan import Deployment, Violation, exceeds

HAS_ENDED = "it has ended as it is"
"""What is said of a guarantee that nothing need fail to end."""
MOST_TRIED = 2000
"""Sets of failures of each size that are tried for rows from the start."""
MOST_AT_ONCE = 10
"""Sets of failures that are separated for one thing and point."""


class _Held(NamedTuple):
    """What stands for a thing by offer, how much must be left of it, and who few failures take."""

    rule: DiversityRow
    variables: Mapping[OfferKey, Any]
    least: float
    cuts: Mapping[OfferKey, Cuts]

    def left(self, lost: frozenset[OfferKey]) -> list[tuple[float, Any]]:
        """Return the terms of what does not go down."""
        return [(1.0, found) for offer, found in self.variables.items() if offer not in lost]


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add what must stand as it is, and what must be left under the failures that take most."""
    block.left, block.panels = rows(), rows()
    block.held, block.streams = [], []
    for position, rule in enumerate(network.diversity):
        if rule.min_collapse is None:
            continue
        most = rule.failures_borne
        known: dict[frozenset[OfferKey], tuple[Mapping[OfferKey, Cuts], Any]] = {}
        for name, variables, least in _things(model, network, rule):
            offers = frozenset(variables)
            if offers not in known:
                cuts = cuts_of(network, rule, variables)
                known[offers] = cuts, tuple(largest(cuts, most, MOST_TRIED))
            cuts, worst = known[offers]
            held = _Held(rule, variables, least, cuts)
            block.held.append(held)
            add_row(block.left, (position, name), held.left(frozenset()), lower=least)
            for number, lost in enumerate(worst):
                add_row(block.left, (position, name, number), held.left(lost), lower=least)
    _add_panels(block, model, network)


def _things(
    model: Any, network: Network, rule: DiversityRow
) -> Iterator[tuple[str, dict[OfferKey, Any], float]]:
    """Yield the committees and models of a row: variables by offer, and how much must be left."""
    if rule.role == "coordination":
        for name, committee in sorted(network.committees.items()):
            if rule.applies_to in ("", name):
                seats = dict(model.seats_of.get(name, ()))
                yield name, seats, committee.seats - committee.faulty_limit
    if rule.role == "storage":
        for name, found in sorted(network.models.items()):
            if rule.applies_to == f"model:{name}" or (not rule.applies_to and found.copies):
                copies = {
                    OfferKey(*key[:2]): model.copy[key] for key in model.copy if key[2] == name
                }
                yield name, copies, max(1, found.min_copies_left)


def _add_panels(block: Any, model: Any, network: Network) -> None:
    """Add the caps that follow for the mean of a stream's panels, which bear what all rows ask."""
    rules = [r for r in network.diversity if r.role == "verification" and r.min_collapse]
    asked = [(rule, cuts_of(network, rule, verifying(network))) for rule in rules]
    for stream in model.streams:
        found = [
            (rule.failures_borne, cuts)
            for rule, cuts in asked
            if rule.applies_to in ("", stream.policy)
        ]
        if not found:
            continue
        firm = FirmPanels(network.policies[stream.policy], found)
        block.streams.append((stream, firm))
        for position, (most, cuts) in enumerate(found):
            able = {offer: cuts[offer] for offer in stream.verifiers}
            for number, lost in enumerate(largest(able, min(1, most))):
                terms = [(1.0, model.verify[(*stream.key, *offer)]) for offer in sorted(lost)]
                terms.append((-float(firm.spare), model.executed[stream.key]))
                add_row(block.panels, (*stream.key, position, number), terms, upper=0.0)


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield what must be left under the worst few failures at a point, and covers of panels."""
    for held in block.held:
        most = held.rule.failures_borne
        if most > 1:
            amounts = {offer: max(0.0, point(found)) for offer, found in held.variables.items()}
            for lost in islice(heaviest(held.cuts, amounts, most), MOST_AT_ONCE):
                cut = Cut(tuple(held.left(lost)), lower=held.least)
                if not cut.is_broken(point):
                    break  # nor is any of those that follow
                yield cut
    for stream, firm in block.streams:
        verify = {offer: model.verify[(*stream.key, offer)] for offer in stream.verifiers}
        rates = {offer: max(0.0, point(variable)) for offer, variable in verify.items()}
        weights = covering_weights(network, network.policies[stream.policy], rates, firm)
        if weights is not None:
            terms = [(weights.get(offer, 1.0), variable) for offer, variable in verify.items()]
            yield Cut((*terms, (-1.0, model.executed[stream.key])), lower=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield guarantees that fewer dependencies end than a row asks for."""
    for rule in network.diversity:
        for found, ended in _ends(network, plan, rule):
            if ended is not None and len(ended) <= rule.failures_borne:
                failing = f"{', '.join(map(str, ended))} failing ends it" if ended else HAS_ENDED
                message = f"{failing}; it must take {rule.min_collapse}"
                where = f"{rule.rule}, {' '.join(filter(None, (found.of, found.period)))}"
                yield Violation("diversity_collapse", where, message, rule, "min_collapse")


def _ends(
    network: Network, plan: Deployment, rule: DiversityRow
) -> Iterator[tuple[Guarantee, tuple[Item, ...] | None]]:
    """Yield the guarantees of a row with the fewest failures that end each; None if none do."""
    if rule.min_collapse is None:
        return
    for found in _promised(network, plan, rule):
        offers = [offer for stand in found.stands for offer in stand.held]
        given = unavoidable(network, rule.role, found.of)
        may_fail = [
            item
            for item in network.graph.dependencies
            if rule.kind in ("", item.kind) and item not in given
        ]
        tree = FaultTree(network.graph, map(offer_item, offers), may_fail)
        yield found, tree.smallest([stand.broken for stand in found.stands])


def _promised(network: Network, plan: Deployment, rule: DiversityRow) -> Iterator[Guarantee]:
    """Yield the guarantees that a row applies to; what nobody holds is promised too, and broken."""
    made = {"coordination": coordination, "storage": storage, "verification": verification}
    if rule.role not in made:
        return
    held = set()
    for found in made[rule.role](network, plan):
        if found.loss == LIVENESS and _applies(network, rule, found.of):
            held.add(found.of)
            yield found
    if rule.role == "verification":
        missing = _without_panel(network, plan)
    elif rule.role == "storage":
        missing = [(name, "", -1) for name in sorted(network.models.keys() - held)]
    else:
        empty = sorted(network.committees.keys() - held)
        rows_of = network.committees
        missing = [(name, "", rows_of[name].faulty_limit - rows_of[name].seats) for name in empty]
    for name, period, limit in missing:
        if _applies(network, rule, name):
            yield Guarantee(rule.role, name, period, LIVENESS, (Stand({}, limit),))


def _without_panel(network: Network, plan: Deployment) -> list[tuple[str, str, int]]:
    """Return the policies and periods some of whose requests no panel verifies."""
    executed: dict[tuple[str, str, str, OfferKey], float] = defaultdict(float)
    for flow in plan.verification:
        policy = network.policies.get(flow.policy)
        if policy is not None and policy.verifiers:
            scope = (flow.policy, flow.residency, flow.period, flow.executor)
            executed[scope] += flow.rate / policy.verifiers
    covered: dict[tuple[str, str, str, OfferKey], float] = defaultdict(float)
    for panel in plan.panels or panels_of(network, plan.verification):
        scope = (panel.policy, panel.residency, panel.period, panel.executor)
        covered[scope] += panel.share
    lacking = {
        (scope[0], scope[2], -1)
        for scope, rate in executed.items()
        if exceeds(rate, rate * covered[scope])
    }
    return sorted(lacking)


def _applies(network: Network, rule: DiversityRow, name: str) -> bool:
    if rule.role != "storage":
        return rule.applies_to in ("", name)
    if rule.applies_to:
        return rule.applies_to == f"model:{name}"
    return network.models[name].copies > 0


def unavoidable(network: Network, role: str, of: str) -> frozenset[Item]:
    """Return what every offer hangs on that could serve a committee, or any model or policy."""
    offers: Iterable[OfferKey] = network.offers_of(role)
    if role == "coordination":
        offers = (offer for offer in offers if network.may_sit(network.committees[of], offer))
    if role == "verification":
        types = network.node_types
        offers = (offer for offer in offers if types[offer.node_type].verifications_per_s)
    found = [network.hangs_on(offer) for offer in offers if _can_stand(network, offer)]
    return frozenset.intersection(*found) if found else frozenset()


def _can_stand(network: Network, offer: OfferKey) -> bool:
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    if site.status == "forbidden" or provider.status == "forbidden":
        return False
    return 0 not in (network.offers[offer].max_nodes, site.max_nodes, provider.max_nodes)


def explain(network: Network, plan: Deployment) -> str:
    """Return the fewest failures that end each guarantee under a row."""
    parts = []
    for rule in network.diversity:
        for found, ended in _ends(network, plan, rule):
            names = "no failures" if ended is None else ", ".join(map(str, ended)) or HAS_ENDED
            parts.append(f"{rule.rule} {found.of}: {names}, at least {rule.min_collapse} asked for")
    if not parts:
        return "No number of failures that a guarantee must bear is asked for."
    return f"The fewest failures that end a guarantee: {'; '.join(parts[:5])}."
