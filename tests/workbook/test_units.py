"""A unit in a header is believed only if it is that of the column."""

from __future__ import annotations

import pytest

from planner.workbook.units import contradicts, unit_in


@pytest.mark.parametrize(
    ("header", "unit"),
    [("Load (GB/s)", "GB/s"), ("cost [EUR]", "EUR"), ("cost", ""), ("(a) b", ""), ("x ()", "")],
)
def test_the_unit_stands_in_brackets_at_the_end(header: str, unit: str) -> None:
    assert unit_in(header) == unit


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ("EUR/month", "currency/month"),
        ("EUR", "currency/month"),
        ("€ per month", "currency/month"),
        ("per month", "currency/month"),
        ("ms", "ms"),
        ("milliseconds", "ms"),
        ("per second", "requests/s"),
        ("req/s", "requests/s"),
        ("GB", "GB"),
        ("net of tax", "currency/month"),
        ("estimate", "ms"),
        ("", "ms"),
        ("s", ""),
    ],
)
def test_the_same_unit_less_of_it_and_remarks_are_fine(said: str, declared: str) -> None:
    assert not contradicts(said, declared, "EUR")


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ("kEUR", "currency/month"),
        ("TEUR/month", "currency/month"),
        ("k€", "currency/month"),
        ("k EUR", "currency/month"),
        ("M€ per month", "currency/month"),
        ("thousand EUR", "currency/month"),
        ("mio. EUR", "currency/month"),
        ("USD", "currency/month"),
        ("$", "currency/month"),
        ("EUR/year", "currency/month"),
        ("per hour", "currency/month"),
        ("s", "ms"),
        ("seconds", "ms"),
        ("per hour", "requests/s"),
        ("requests per day", "requests/s"),
        ("MB", "GB"),
        ("TB", "GB"),
        ("GB/min", "GB/s"),
    ],
)
def test_another_unit_contradicts(said: str, declared: str) -> None:
    assert contradicts(said, declared, "EUR")


def test_the_currency_is_that_of_the_settings() -> None:
    assert not contradicts("USD/month", "currency/month", "USD")
    assert contradicts("EUR/month", "currency/month", "USD")
