"""What a plan decides in whole numbers: one entry each, from which everybody else derives.

Translation between model and plan, the search's geography and plan.json read this list; the
routing and the verification flows, which are shares, have their own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.data import OfferKey
from models.plan import Deployment, Replica, Seat


@dataclass(frozen=True)
class Decision:
    """A family of whole-number variables and the field of a plan that holds what they say.

    `fields` name the parts of a key, `make` puts them together. `unit` is what is counted, empty
    where it is yes or no. `rule` is the one that a key without a variable breaks; empty: none.
    """

    name: str
    of_plan: str
    fields: tuple[str, ...]
    make: Callable[..., Any]
    rule: str
    unit: str = ""

    @property
    def site(self) -> int | None:
        """Return the position of the site in a key; None if it has none."""
        return self.fields.index("site") if "site" in self.fields else None

    def index(self, key: Any) -> Any:
        """Return the index of the variable of a key."""
        return tuple(key) if len(self.fields) > 1 else key

    def amounts(self, plan: Deployment) -> Mapping[Any, int]:
        """Return what the plan says, by key; yes is 1."""
        found = getattr(plan, self.of_plan)
        return found if self.unit else dict.fromkeys(sorted(found), 1)

    def in_plan(self, amounts: Mapping[Any, int]) -> Any:
        """Return amounts by index as the plan holds them; what is 0 is absent."""
        found = {
            self.make(*index) if len(self.fields) > 1 else self.make(index): amount
            for index, amount in sorted(amounts.items())
            if amount
        }
        return found if self.unit else frozenset(found)


_OFFER, _REPLICA, _SEAT = OfferKey._fields, Replica._fields, Seat._fields
DECISIONS = (
    Decision("open", "open", ("site",), str, "opening"),
    Decision("contract", "contracts", ("provider",), str, ""),
    Decision("nodes", "nodes", _OFFER, OfferKey, "opening", "nodes"),
    Decision("warm", "warm", _REPLICA, Replica, "memory", "replicas"),
    Decision("cold_slots", "cold_slots", _OFFER, OfferKey, "memory", "slots"),
    Decision("copy", "copies", _REPLICA, Replica, "storage"),
    Decision("seats", "seats", _SEAT, Seat, "seats", "seats"),
)
SHARES = ("flow", "load", "unserved", "executed", "verify")
"""The families of the routing and the verification, which are not whole numbers."""


def plan_families(block: Any) -> tuple[Any, ...]:
    """Return the variables that are the plan; all others follow from them."""
    names = (*(decision.name for decision in DECISIONS), *SHARES)
    return tuple(block.component(name) for name in names)
