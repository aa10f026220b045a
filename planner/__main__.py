"""Lets `python -m planner` do what the command `planner` does."""

from planner.cli import main

main()
