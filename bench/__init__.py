"""Measurements: how fast the planner gets how good, beside what others would do."""
