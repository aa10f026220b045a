"""`python -m bench.jobs`: how much sooner independent solves are done side by side.

Forty solves of generated networks, each of the same work wherever it runs: they end by gap or by
nodes, not by the clock. On one process, on two, and on a Dask cluster of two workers; workers are
started before the clock is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pandas as pd
from distributed import LocalCluster

from bench.networks import Size, generate
from planner.jobs import Request, Workers, run_jobs
from planner.solve import Limits

SIZE = Size(sites=30, regions=10, models=3)
LIMITS = Limits(time_limit_s=600.0, gap=0.05)
"""The limit is far beyond what a job takes: a fixed amount of work is what is compared."""


@click.command()
@click.option("--jobs", default=40, show_default=True, help="Independent solves.")
@click.option("--repeat", default=3, show_default=True, help="Runs of each, in turns.")
def main(jobs: int, repeat: int) -> None:
    """Print the seconds of one process, of two and of a cluster, and how many times sooner.

    Example:
      python -m bench.jobs --repeat 1
    """
    requests = [Request(str(seed), generate(SIZE, seed), LIMITS) for seed in range(jobs)]
    with _two_workers() as cluster:
        ways = {
            "1 process": Workers(1),
            "2 processes": Workers(2),
            "2 Dask workers": Workers(cluster=cluster),
        }
        rows = []
        for number in range(1, repeat + 1):
            seconds = {name: _seconds(requests, workers) for name, workers in ways.items()}
            alone = seconds["1 process"]
            rows += [(number, name, took, alone / took) for name, took in seconds.items()]
    table = pd.DataFrame(rows, columns=["run", "way", "seconds", "times sooner"])
    click.echo(table.round(2).to_string(index=False))
    click.echo(table.groupby("way", sort=False)["times sooner"].median().round(2).to_string())


def _seconds(requests: list[Request], workers: Workers) -> float:
    """Return how long all requests take once the workers have solved something."""
    for _ in run_jobs(requests[:2], workers):
        pass
    begun = time.perf_counter()
    responses = list(run_jobs(requests, workers))
    took = time.perf_counter() - begun
    failed = [response for response in responses if response.failure]
    if failed or len(responses) != len(requests):
        raise click.ClickException(f"{len(responses)} of {len(requests)} responses, {failed}")
    return took


@contextmanager
def _two_workers() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


if __name__ == "__main__":
    main()
