"""The placement model in Pyomo: one block per phase, in it the variables and one block per rule.

Sets are the keys of the network's tables. Variables, per phase:

    open[s], contract[p]   0/1       site used; provider contract held
    nodes[o]               integer   nodes of an offer, 0 … max_nodes
    warm[o,m]              integer   replicas of a model kept loaded, 0 … what max_nodes can hold
    cold_slots[o]          integer   room kept free for cold loads, 0 … what max_nodes can hold
    flow[f], unserved[c]   0 … 1     share of a demand class served at a place; not served
    load[o,j]              ≥ 0       requests/s that an offer answers for a job
    executed[x]            ≥ 0       requests/s of a verification stream
    verify[x,o]            ≥ 0       verifications/s of a stream at a verifying offer
    copy[o,m]              0/1       a copy of a model at a storage offer
    seats[c,o]             integer   seats of a committee at an offer, 0 … seats
    new_nodes[o]           ≥ 0       nodes above existing ones, where a new one costs once
    opened[s]              ≥ 0       site that was not open in the phase before; after one only
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pyomo.core as pyo

from models.alone import patient_classes
from models.classes import Classes, Job
from models.costs import one_off_terms
from models.data import OfferKey
from models.expressions import row, rows
from models.failover import calm
from models.network import Network
from models.objectives import add_objectives
from models.packing import packing_of, sizes_on
from models.paths import IntArray
from models.rules import RULES
from models.service import node_gb
from models.streams import Stream, verification_streams

SINGLE_PHASE = ""


class Load(NamedTuple):
    """The requests/s that an offer answers for a job, and the seconds of a load it takes there.

    Of an idle job the variable counts demand rows, and `rate` says that they ask for nothing.
    """

    offer: OfferKey
    job: Job
    load_s: float
    variable: Any

    @property
    def rate(self) -> float:
        """Return the requests/s that the variable stands for."""
        return 0.0 if self.job.idle else 1.0


def build(
    network: Network,
    classes: Classes,
    without: frozenset[str] = frozenset(),
    streams: tuple[Stream, ...] | None = None,
    flows: IntArray | None = None,
) -> pyo.ConcreteModel:
    """Return the model without objective: variables and every rule, one block per phase.

    Rules named in `without` are left out, for a model that only bounds what plans can reach. Other
    `streams` than the network's own may be given, and the positions of the `flows` that are in it:
    cold ones that are not must be no better than some that are (cover rows count on it).
    """
    model = pyo.ConcreteModel(name="placement")
    model.nothing = pyo.Var(bounds=(0, 0))
    model.phase = pyo.Block([SINGLE_PHASE])
    streams = verification_streams(network, classes) if streams is None else streams
    flows = np.arange(len(classes)) if flows is None else flows
    for phase in model.phase:
        _add_phase(model.phase[phase], network, classes, streams, flows, without)
    return model


def build_phases(
    phases: Mapping[str, tuple[Network, Classes]], budget_one_off: float | None
) -> pyo.ConcreteModel:
    """Return one model of several phases, in order, each on what the one before it decides.

    What `existing_nodes` and `standing` say matters in the first phase alone. All phases together
    pay no more than `budget_one_off`, in currency.
    """
    model = pyo.ConcreteModel(name="phases")
    model.nothing = pyo.Var(bounds=(0, 0))
    model.phase = pyo.Block([*phases])
    before = None
    for name, (network, classes) in phases.items():
        streams, flows = verification_streams(network, classes), np.arange(len(classes))
        _add_phase(model.phase[name], network, classes, streams, flows, frozenset(), before)
        before = model.phase[name]
    model.most = rows()
    if budget_one_off is not None:
        terms = [
            term
            for name, (network, _) in phases.items()
            for term in one_off_terms(model.phase[name], network)
        ]
        row(model.most, "one_off", terms, upper=budget_one_off)
    return model


def rule_name(rule: Any) -> str:
    """Return the name of a rule: that of its module."""
    name: str = rule.__name__
    return name.rpartition(".")[2]


def _add_phase(
    block: Any,
    network: Network,
    classes: Classes,
    streams: tuple[Stream, ...],
    flows: IntArray,
    without: frozenset[str],
    before: Any = None,
) -> None:
    block.classes, block.before = classes, before
    block.streams = streams
    block.penalties, block.groups = [], {}
    _add_places(block, network)
    _add_execution(block, network, classes, flows)
    _add_verification(block, streams)
    _add_storage(block, network)
    _add_seats(block, network)
    block.rules = pyo.Block()
    for rule in RULES:
        if rule_name(rule) in without:
            continue
        own = pyo.Block()
        block.rules.add_component(rule_name(rule), own)
        rule.constrain(own, block, network)
    add_objectives(block, network)


def _add_places(block: Any, network: Network) -> None:
    block.open = pyo.Var(sorted(network.sites), domain=pyo.Binary)
    held = {site.provider for site in network.sites.values()}
    held |= {name for name, row in network.providers.items() if row.status == "required"}
    block.contract = pyo.Var(sorted(held), domain=pyo.Binary)
    block.nodes = pyo.Var(
        sorted(network.offers),
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, site, node_type: (0, most_nodes(network, OfferKey(site, node_type))),
    )
    paid = sorted(key for key, offer in network.offers.items() if offer.one_off_cost)
    block.new_nodes = pyo.Var(paid, domain=pyo.NonNegativeReals)
    block.added = rows()
    before = block.before
    for key in paid:
        terms = [(1.0, block.new_nodes[key]), (-1.0, block.nodes[key])]
        if before is None:
            row(block.added, key, terms, lower=-network.offers[key].existing_nodes)
        else:
            row(block.added, key, [*terms, (1.0, before.nodes[key])], lower=0.0)
    if before is not None:
        _add_openings(block, network)


def _add_openings(block: Any, network: Network) -> None:
    block.opened = pyo.Var(sorted(network.sites), domain=pyo.NonNegativeReals)
    block.begun = rows()
    for name in sorted(network.sites):
        terms = [(1.0, block.opened[name]), (-1.0, block.open[name])]
        row(block.begun, name, [*terms, (1.0, block.before.open[name])], lower=0.0)


def most_nodes(network: Network, offer: OfferKey) -> int:
    """Return the largest number of nodes an offer can have: its own limit and the site's."""
    site_limit = network.sites[offer.site].max_nodes
    own_limit = network.offers[offer].max_nodes
    return own_limit if site_limit is None else min(own_limit, site_limit)


def _add_execution(block: Any, network: Network, classes: Classes, flows: IntArray) -> None:
    block.packings, block.sizes, block.held = {}, {}, defaultdict(list)
    by_type = {}
    for node_type in sorted({offer.node_type for offer in network.offers_of("execution")}):
        found = network.node_types[node_type]
        by_type[node_type] = node_gb(found), sizes_on(network, found), packing_of(network, found)
    most = {}
    for offer in network.offers_of("execution"):
        room, sizes, block.packings[offer] = by_type[offer.node_type]
        for name, size in sizes.items():
            block.sizes[offer, name] = size
            most[offer, size] = most_nodes(network, offer) * math.floor(room / size)
    slots: dict[OfferKey, Fraction] = {}
    # Who waits longer after a failure may be served from slots that nobody needs before.
    reach = calm(network)
    patient = (reach.classes if reach is not None else None, patient_classes(network))
    for served in (classes, *(found for found in patient if found is not None)):
        for position, job in served.loads:
            offer, done = served.offers[position], served.jobs[job]
            if done.is_cold:
                slots[offer] = max(slots.get(offer, Fraction(0)), block.sizes[offer, done.model])
    block.warm = pyo.Var(
        [(*offer, name) for offer, name in block.sizes],
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, *at: (0, most[at[:2], block.sizes[at[:2], at[2]]]),
    )
    block.cold_slots = pyo.Var(
        sorted(slots),
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, *at: (0, most[at, slots[at]]),
    )
    for (offer, name), size in block.sizes.items():
        block.held[offer].append((size, block.warm[*offer, name]))
    for offer, size in sorted(slots.items()):
        block.held[offer].append((size, block.cold_slots[offer]))
    block.flow = pyo.Var(flows.tolist(), bounds=(0, 1))
    block.unserved = pyo.Var(range(len(classes.classes)), bounds=(0, 1))
    keys = [(*classes.offers[offer], job) for offer, job in classes.loads]
    block.load = pyo.Var(keys, domain=pyo.NonNegativeReals)
    block.loads = tuple(
        Load(OfferKey(*key[:2]), classes.jobs[key[2]], classes.load_s[pair], block.load[key])
        for key, pair in zip(keys, classes.loads, strict=True)
    )


def _add_verification(block: Any, streams: tuple[Stream, ...]) -> None:
    block.executed = pyo.Var([stream.key for stream in streams], domain=pyo.NonNegativeReals)
    block.verify = pyo.Var(
        [(*stream.key, *offer) for stream in streams for offer in stream.verifiers],
        domain=pyo.NonNegativeReals,
    )


def _add_storage(block: Any, network: Network) -> None:
    block.copy = pyo.Var(
        [
            (*offer, name)
            for offer in network.offers_of("storage")
            for name, model in sorted(network.models.items())
            if model.weights_gb or model.copies
        ],
        domain=pyo.Binary,
    )


def _add_seats(block: Any, network: Network) -> None:
    eligible = []
    for name, committee in sorted(network.committees.items()):
        for offer in network.offers_of("coordination"):
            node_type = network.node_types[offer.node_type]
            of_type = not committee.node_types or offer.node_type in committee.node_types
            lies_in = network.sites[offer.site].lies_in(committee.countries, committee.blocs)
            if of_type and lies_in and node_type.has_tee(committee.tee):
                eligible.append((name, *offer))
    block.seats = pyo.Var(
        eligible,
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, name, site, node_type: (
            0,
            min(network.committees[name].seats, most_nodes(network, OfferKey(site, node_type))),
        ),
    )
    block.seats_of = defaultdict(list)
    for key in eligible:
        block.seats_of[key[0]].append((OfferKey(*key[1:]), block.seats[key]))
