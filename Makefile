# Everything runs in .venv, which the first target that needs it makes. Needed before: Python >= 3.11 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
T      ?=
JOBS   ?= 2
CASES  ?= 200000
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/python: Makefile
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: install it, or name one with PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed; name one with PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module does not work: on Debian or Ubuntu install python3-venv"; exit 1; }
	@touch $@

$(VENV)/run: $(VENV)/python requirements.lock pyproject.toml
	@echo "installing into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock || { echo "the packages could not be installed: is a package index reachable (see 'pip config list')?"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: $(VENV)/run requirements-dev.lock
	@echo "installing the tools for tests into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock || { echo "the packages could not be installed: is a package index reachable (see 'pip config list')?"; exit 1; }
	@touch $@

$(VENV)/bench: $(VENV)/run requirements-bench.lock
	@echo "installing what the benchmark needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock || { echo "the packages could not be installed: is a package index reachable (see 'pip config list')?"; exit 1; }
	@touch $@

$(VENV)/fuzz: $(VENV)/dev requirements-fuzz.lock
	@echo "installing what fuzzing needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock || { echo "the packages could not be installed: is a package index reachable (see 'pip config list')?"; exit 1; }
	@touch $@

.PHONY: setup
setup: $(VENV)/dev ## Install what tests and lint need into .venv

.PHONY: demo
demo: $(VENV)/run ## Watch documents travel over a real Kafka; ARGS="--documents 20000"
	@$(BIN)/lienthong demo $(ARGS)

.PHONY: test
test: $(VENV)/dev ## Run all tests, against a real Kafka, two files at a time; T=path or -k narrows, JOBS=1
	@$(BIN)/python -m pytest $(if $(T),,-n $(JOBS) --dist loadfile --no-loadscope-reorder) $(T)

.PHONY: quick
quick: $(VENV)/dev ## Run the tests that need no Kafka
	@$(BIN)/python -m pytest tests/unit -m "not slow" $(T)

.PHONY: fuzz
fuzz: $(VENV)/fuzz ## Fuzz everything that reads bytes from somebody else; CASES=1000000
	@LIENTHONG_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest -q tests/unit/kernel/test_fuzz.py
	@PYTHONPATH=tests $(BIN)/python -m fuzz --cases $(CASES) $(ARGS)

.PHONY: simulate
simulate: $(VENV)/dev ## Run simulated worlds with faults; WORLDS=1000 SEED=1
	@PYTHONPATH=tests $(BIN)/python -m simulation --worlds $(or $(WORLDS),1000) --seed $(or $(SEED),1) $(ARGS)

.PHONY: lint
lint: $(VENV)/dev ## Check format, lint, types and layers
	@$(BIN)/ruff format --check --quiet services tests deploy || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet services tests deploy
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: $(VENV)/bench ## Measure against plain Kafka on this machine; QUICK=1 takes two minutes
	@PYTHONPATH=tests $(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

.PHONY: chaos
chaos: $(VENV)/dev ## Faults under load on three brokers; MINUTES=2 SEED=7 FAULTS=broker,poison ARGS="--rate 40"
	@PYTHONPATH=tests $(BIN)/python -m chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(ARGS)

.PHONY: failover
failover: $(VENV)/dev ## How long documents stand still when one of three brokers is killed
	@PYTHONPATH=tests $(BIN)/python -m chaos.failover $(ARGS)

.PHONY: check
check: lint test ## Lint and all tests

.PHONY: format
format: $(VENV)/dev ## Format the code and mend what can be mended
	@$(BIN)/ruff format --quiet services tests deploy
	@$(BIN)/ruff check --quiet --fix services tests deploy

.PHONY: lock
lock: $(VENV)/dev ## Resolve the lock files anew (hashes, no addresses)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra embedded --extra register --output-file requirements.lock pyproject.toml requirements.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --constraint requirements.lock --extra dev --output-file requirements-dev.lock pyproject.toml requirements.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --constraint requirements.lock --extra bench --output-file requirements-bench.lock pyproject.toml requirements.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --constraint requirements.lock --extra fuzz --output-file requirements-fuzz.lock pyproject.toml requirements.in

.PHONY: clean
clean: ## Remove what was built and installed here
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
