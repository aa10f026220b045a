"""Every measure is a module that offers what the others do, and none is forgotten."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import models.measures
from models.measure import Measure
from models.measures import NAMES, measure


def test_files_and_names_are_the_same() -> None:
    files = {path.stem for path in Path(models.measures.__file__ or "").parent.glob("[a-z]*.py")}
    assert files == set(NAMES)


@pytest.mark.parametrize("name", [*NAMES, "share:provider"])
def test_a_measure_offers_what_every_measure_does(name: str) -> None:
    found = measure(name)
    for function in ("declare", "express", "of_flows", "value"):
        wanted = list(inspect.signature(getattr(Measure, function)).parameters)[1:]
        assert list(inspect.signature(getattr(found, function)).parameters) == wanted, function
    assert found.UNIT
    assert (found.__doc__ or "").split("\n")[0].endswith(".")


def test_what_is_no_measure_is_said() -> None:
    with pytest.raises(ValueError, match="no measure is called 'happiness'"):
        measure("happiness")
    with pytest.raises(ValueError, match="no measure is called 'share:'"):
        measure("share:")
