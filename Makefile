.DEFAULT_GOAL := help
.PHONY: help venv demo bench fmt lint types layers test check chaos lock jars generated

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
INSTALLED := .venv/installed
COMPILED := .venv/compiled
# Tests start hundreds of processes: what is compiled once need not be compiled in each of them.
export PYTHONDONTWRITEBYTECODE :=

help:    ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(INSTALLED) $(COMPILED)  ## Install everything into .venv, as the lock says

# --clear: an environment that an interrupted install left half full is of no use.
$(INSTALLED): requirements.lock
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Without a C compiler everything works, by Python alone and slower: that is said, and is no failure. It is
# tried again the next time, so that a compiler that was installed meanwhile is found.
$(COMPILED): $(INSTALLED) $(wildcard native/*.pyx native/*.pxd native/*.h) deploy/build_native.py
	@if $(BIN)/python -m deploy.build_native; then touch $@; fi

demo: venv  ## Start everything on this machine, rate 100,000 records, show what came of it
	$(BIN)/ratemill demo

bench: venv  ## Measure all of it with a million events, write docs/performance.md and docs/scaling.md
	$(BIN)/ratemill bench --json --docs docs --compare benchmarks/first.json $(BENCH) > benchmarks/result.new
	mv benchmarks/result.new benchmarks/result.json

fmt: venv  ## Write the one format and the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: venv  ## Fail on a file that is not in the format or breaks a rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: venv  ## Fail on a type error
	$(BIN)/mypy

layers: venv  ## Fail on an import against the direction of the data
	$(BIN)/lint-imports

test: venv  ## Run every test; starts a Kafka and a PostgreSQL of its own
	$(BIN)/pytest -q

check: lint types layers test  ## Exactly what CI runs

# CHAOS chooses, as `make chaos CHAOS="kills network --scale 0.01"`; what is finished is kept in .chaos.
chaos: venv  ## Play every fault, on real processes and in memory (hours; stop and go on at will)
	$(BIN)/python -m tests.chaos run $(CHAOS)
# Only all of it is put on record in docs/reliability.md; `python -m tests.chaos report` does it too.
ifeq ($(CHAOS),)
	$(BIN)/python -m tests.simulation --seeds 20000 --result .chaos
	$(BIN)/python -m tests.planted --result .chaos
	$(BIN)/python -m tests.chaos report
endif

lock:    ## Resolve requirements.lock again (needs uv)
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --extra embedded --group dev \
		pyproject.toml --output-file requirements.lock

jars: venv  ## Resolve pipeline/embedded/jars.txt again
	$(BIN)/python deploy/resolve_jars.py

generated: venv  ## Write again what is made from the code: schemas, settings, measured blocks
	$(BIN)/python -m deploy.write_ledger_schema
	$(BIN)/python -m deploy.write_catalogue_schema
	$(BIN)/python -m deploy.write_settings_table
	$(BIN)/python -m deploy.write_measured_blocks
