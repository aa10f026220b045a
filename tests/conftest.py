"""What holds for every run of the tests."""

from __future__ import annotations

import gc

from planner.cli import GARBAGE_AFTER


def pytest_collection_finish() -> None:
    """Look for garbage as rarely as the planner does, and never among the tests themselves.

    A million objects, the tests and what they import, stay until the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
