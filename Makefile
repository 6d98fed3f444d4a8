# Two commands: `make demo` shows what segflow does, `make test` proves it. Both make their own environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The constraints pin every version, so two machines get the same. Compiling all of it to bytecode would take half a
# minute more; Python does that for the modules that are used when they are first used.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test ui lint types check format clean

help:
	@echo "make demo   build the demo shop, run 30 daily ticks, show what happened"
	@echo "make test   run the whole test suite"
	@echo "make ui     open the Dagster UI on the demo"
	@echo "make check  lint, types, generated models"
	@echo "make clean  remove everything that was made"

$(VENV)/runtime: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "segflow needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@echo "Installing into $(VENV) (about a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime
	@$(INSTALL) --editable '.[dev]'
	@touch $@

demo: $(VENV)/runtime
	@$(BIN)/python -m demo.run

test: $(VENV)/dev
	@$(BIN)/python -m pytest

ui: $(VENV)/runtime
	@$(BIN)/segflow ui

lint: $(VENV)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/dev
	@$(BIN)/mypy

check: lint types
	@$(BIN)/segflow compile --check
	@$(BIN)/segflow --project-dir examples/online_retail compile --check

format: $(VENV)/dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .segflow exports dbt/target dbt/logs examples/*/.segflow examples/*/exports examples/*/dbt/target
