"""`python -m bench.jobs`: how much sooner independent jobs are done side by side.

Solves: forty of a generated network, each with another seed of the solver and of the same work
wherever it runs: it ends by gap or by nodes, not by the clock. Stress: every failure of a plan of
M-survival, whose answers must be the same. On one process, on two, and on a Dask cluster of two
workers; workers are started before the clock is, as docs/jobs.md advises.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import click
import dask
import pandas as pd
from distributed import LocalCluster

from bench.networks import SIZES, Size, generate
from models.plan import Deployment
from planner.evaluation.stress import stress
from planner.evaluation.stress_results import Stress
from planner.jobs.requests import Request, Workers, cores, run_jobs
from planner.result import Limits
from planner.solver.solve import solve

SIZE = Size(sites=70, regions=60, models=6)
PLANNED, PLAN_S, PLAN_GAP = "M-survival", 180.0, 0.05
"""What is stressed, and the seconds and the gap in which its plan is found."""
SETTINGS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
    "distributed.worker.profile.enabled": False,
}
"""What docs/jobs.md sets for the workers of a cluster."""
TIME_LIMIT_S, GAP = 600.0, 1.0
"""Any legal plan is good enough, and the limit far away: about a second of fixed work."""


@click.command()
@click.option("--what", type=click.Choice(("solves", "stress")), default="solves")
@click.option("--jobs", default=40, show_default=True, help="Solves, if those.")
@click.option("--repeat", default=3, show_default=True, help="Runs of each, in turns.")
def main(what: str, jobs: int, repeat: int) -> None:
    """Print the seconds of one process, of two and of a cluster, and how many times sooner.

    Example:
      python -m bench.jobs --repeat 1
    """
    timed = partial(_solves, jobs) if what == "solves" else Stressed().seconds
    with _two_workers() as cluster:
        ways = {
            "1 process": Workers(1),
            "2 processes": Workers(2),
            "2 Dask workers": Workers(cluster=cluster),
        }
        rows = []
        for number in range(1, repeat + 1):
            seconds = {name: timed(workers) for name, workers in ways.items()}
            alone = seconds["1 process"]
            rows += [(number, name, took, alone / took) for name, took in seconds.items()]
    table = pd.DataFrame(rows, columns=["run", "way", "seconds", "times sooner"])
    click.echo(table.round(2).to_string(index=False))
    click.echo(table.groupby("way", sort=False)["times sooner"].median().round(2).to_string())


def _solves(jobs: int, workers: Workers) -> float:
    """Return how long all jobs take once the workers have solved something."""
    # A network each: one that is shared would keep, in one process, what every job works out.
    requests = [
        Request(str(seed), generate(SIZE), Limits(TIME_LIMIT_S, GAP, seed)) for seed in range(jobs)
    ]
    list(run_jobs([replace(request, network=generate(SIZE)) for request in requests[:2]], workers))
    begun = time.perf_counter()
    responses = list(run_jobs(requests, workers))
    took = time.perf_counter() - begun
    failed = [response for response in responses if response.failure]
    if failed or len(responses) != len(requests):
        raise click.ClickException(f"{len(responses)} of {len(requests)} responses, {failed}")
    return took


class Stressed:
    """A plan under every failure; its first answers are those that all others must be."""

    def __init__(self) -> None:
        self.found: Stress | None = None
        solved = solve(generate(SIZES[PLANNED]), Limits(PLAN_S, PLAN_GAP, threads=cores()))
        if solved.plan is None:
            raise click.ClickException(f"no plan of {PLANNED} in {PLAN_S:g} s")
        self.plan = solved.plan.final

    def seconds(self, workers: Workers) -> float:
        """Return how long it takes once the workers have answered something."""
        warm_up = generate(SIZES["S-survival"])
        stress(warm_up, Deployment(), worst=1, workers=workers)
        begun = time.perf_counter()
        found = stress(generate(SIZES[PLANNED]), self.plan, workers=workers)
        took = time.perf_counter() - begun
        self.found = self.found or found
        if found.failures or found != self.found:
            raise click.ClickException(f"other answers, or none: {found.failures}")
        return took


@contextmanager
def _two_workers() -> Iterator[str]:
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
    ):
        yield cluster.scheduler_address


if __name__ == "__main__":
    main()
