"""What holds for every run of the tests."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli import GARBAGE_AFTER, main


def pytest_collection_finish() -> None:
    """Look for garbage as rarely as the planner does, and never among the tests themselves.

    A million objects, the tests and what they import, stay until the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_AFTER)


@pytest.fixture(scope="session")
def planned_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the example, its workbook `x.xlsx` and all that is written of its plan.

    It is planned once, for all processes of a run, and only read.
    """
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "example"
    if not folder.exists():
        made = tmp_path_factory.mktemp("example-made")
        workbook = str(made / "x.xlsx")
        for words in (["init", workbook, "--example"], ["solve", workbook, "--out", str(made)]):
            done = CliRunner().invoke(main, [*words, "-q"])
            assert done.exit_code == 0, done.output
        with suppress(OSError):  # another process was first
            made.rename(folder)
    return folder
