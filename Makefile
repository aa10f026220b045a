PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Containers often set it; then every process that a test starts compiles all of the code again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install plan check test thorough format inputs docs bench bench-all mutants clean
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(INSTALLED) ## make the virtual environment

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

plan: install ## solve the example workbook and say where the plan is
	$(BIN)/planner solve inputs/opengradient.xlsx

check: install ## report every finding in the example workbook
	$(BIN)/planner check inputs/opengradient.xlsx

test: install ## lint, types and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

thorough: install ## the tests with all of the longest comparisons: 300 random networks each
	THOROUGH=1 $(BIN)/pytest

format: install ## put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

inputs: install ## write the example workbooks from their tables
	$(BIN)/python inputs/make_workbooks.py

docs: install ## write the pages that say what the code declares
	$(BIN)/python docs/make_docs.py

bench: install ## the planner beside five other ways, on S and M; takes twenty minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench --size S --size S-local --size M --size M-local --limit 60 --repeat 1

bench-all: install ## the same on every case, with repeats; takes a night
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench

mutants: install ## how many deliberate mistakes the tests catch
	$(BIN)/python -m tests.mutants

clean: ## remove what the targets made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache inputs/*-plan inputs/*.checked.xlsx
