"""The business rules, one module each, in the order in which reports list them."""

from models.rule import Rule
from models.rules import (
    budget,
    contracts,
    demand,
    diversity_count,
    diversity_distinct,
    diversity_nakamoto,
    diversity_share,
    fault_limit,
    locks,
    memory,
    opening,
    reach,
    seats,
    sources,
    storage,
    throughput,
    upstream,
    verification,
)

RULES: tuple[Rule, ...] = (
    demand,
    opening,
    contracts,
    memory,
    throughput,
    upstream,
    verification,
    storage,
    sources,
    seats,
    fault_limit,
    reach,
    diversity_share,
    diversity_count,
    diversity_distinct,
    diversity_nakamoto,
    locks,
    budget,
)
