"""What is said in a meeting: strengths and risks apart, and no more than the figures say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.network import Network
from models.plan import Deployment
from planner.evaluation.evaluation import Evaluation
from planner.report.sentences import Sentence, costs_and_proof, guarantees, headline, listed, risks
from planner.result import Result, Run
from tests.cases import deployment_for_small, small


def evaluation(network: Network | None = None, plan: Deployment | None = None) -> Evaluation:
    """Return the evaluation of the hand-made plan."""
    return Evaluation(network or small(), plan or deployment_for_small())


def by_topic(sentences: list[Sentence]) -> dict[str, Sentence]:
    return {sentence.topic: sentence for sentence in sentences}


def test_what_one_failure_takes_is_a_risk_and_its_kind_no_strength() -> None:
    strengths, weak = by_topic(guarantees(evaluation())), by_topic(risks(evaluation()))
    # Acme sells Frankfurt and Paris, which answer 25 of 30 requests/s.
    assert str(weak["execution"]).startswith(
        "83% of all requests are lost with bloc EU, provider Acme"
    )
    assert "provider" not in strengths["execution"].names
    # Frankfurt answers 10, Paris 15 (of 30.001: not over half), London 5.
    assert "country" in strengths["execution"].names


@pytest.mark.parametrize("role", ["execution", "verification", "storage", "coordination"])
def test_no_kind_is_both_a_strength_and_a_risk(role: str) -> None:
    strengths, weak = by_topic(guarantees(evaluation())), by_topic(risks(evaluation()))
    if role in strengths and role in weak:
        taken = " ".join(weak[role].names) + weak[role].text
        assert not [kind for kind in strengths[role].names if f"{kind} " in taken]


def test_only_what_may_be_is_told_as_up_to() -> None:
    council = str(by_topic(risks(evaluation()))["coordination"])
    # London's owner is not known: it may be Domus, who has Frankfurt's two of four seats and more.
    assert "owner Domus (up to 75%)" in council
    assert "bloc EU (50%)" in council


def test_a_kind_that_no_site_fills_in_is_not_judged_and_no_strength() -> None:
    network = small()
    sites = {name: replace(site, grid=None) for name, site in network.sites.items()}
    found = evaluation(replace(network, sites=sites))
    assert "grid" in by_topic(risks(found))["not judged"].names
    assert all("grid" not in sentence.names for sentence in guarantees(found))


def test_what_no_placement_avoids_is_a_risk_of_its_own() -> None:
    weak = by_topic(risks(evaluation()))
    assert "client engine (execution)" in weak["unavoidable"].names
    assert "client engine" not in str(weak["execution"])


def test_unserved_demand_is_the_headline() -> None:
    none = replace(deployment_for_small(), routing=(), verification=(), panels=())
    assert headline(evaluation(plan=none)).startswith(
        "NOT SERVED: 30.0 of 30.0 requests/s (100.0%)"
    )
    assert headline(evaluation()) == "What the plan guarantees"
    assert str(by_topic(guarantees(evaluation(plan=none)))["latency"]) == "nothing is served"


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.0, "proven to be the best possible"),
        (0.006, "within 0.60% of the best possible"),
        (float("inf"), "how far it is from the best possible is not proven"),
    ],
)
def test_the_proof_is_said_without_jargon(gap: float, words: str) -> None:
    result = Result("feasible", Run("small.xlsx", "", 0), None, gap)
    proof = by_topic(costs_and_proof(result, evaluation()))["proof"]
    assert proof.text.startswith(words)


def test_a_list_says_how_many_it_leaves_out() -> None:
    assert listed(("a", "b", "c"), 3) == "a, b, c"
    assert listed(("a", "b", "c"), 1) == "a and 2 more"


def test_what_rests_on_assumed_figures_is_a_risk() -> None:
    network = small()
    sites = {**network.sites, "paris": replace(network.sites["paris"], row=4, source="assumed: me")}
    weak = by_topic(risks(evaluation(replace(network, sites=sites))))
    assert "1 of 3 open sites" in weak["assumed"].names
    assert "assumed" not in by_topic(risks(evaluation()))


def test_the_proof_is_of_the_rounded_memory_and_says_so() -> None:
    result = Result("optimal", Run("small.xlsx", "", 0), None, 0.01)
    plain = str(by_topic(costs_and_proof(result, evaluation()))["proof"])
    assert "rounded" not in plain
    # Five sizes that share no measure fill a node of 640 GB in thousands of ways.
    network = small()
    sizes = {f"m{n}": n for n in (17, 23, 41, 59, 83)}
    models = {
        name: replace(network.models["chat"], model=name, gpu_memory_gb=size)
        for name, size in sizes.items()
    }
    types = {**network.node_types, "gpu": replace(network.node_types["gpu"], gpu_memory_gb=640)}
    network = replace(network, models={**network.models, **models}, node_types=types)
    told = str(by_topic(costs_and_proof(result, evaluation(network)))["proof"])
    assert "with memory rounded up" in told
