# make setup | demo | test | check | crash | bench | soak | docs
#
# Every target does its own set-up. Needed: Python 3.11 or newer with venv, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := examples/conduit
DEMO_READY := $(DEMO)/.venv/.ready
# Most tests wait for real processes most of the time.
WORKERS ?= 4
# Of the long tests `make test` takes a sample; another number, another sample.
SEED ?= 1

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start Tenfold thousands of times: byte code is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup browser generators demo demo-stop test check crash bench soak docs clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

$(DEMO_READY): $(DEMO)/requirements.txt $(DEMO)/requirements-dev.txt
	$(PYTHON) -m venv $(DEMO)/.venv
	$(DEMO)/.venv/bin/python -m pip install --quiet --upgrade pip
	$(DEMO)/.venv/bin/python -m pip install --quiet --requirement $(DEMO)/requirements-dev.txt
	@touch $@

# For the tests in a real browser, which are skipped where none can be had.
browser: $(READY)
	@tests/support/browser.sh $(BIN)/python

# For the tests with real generators of static sites, which are skipped where there are none.
generators:
	@tests/support/debian.sh hugo jekyll

# Runs examples/conduit, fills it, deploys a second release, moves its database, brings it to three zones
# under load, and kills one of them.
demo: $(READY) $(DEMO_READY)
	@$(BIN)/python examples/demo.py

demo-stop: $(READY)
	@$(BIN)/python examples/demo.py --stop

# What proves the work, in minutes: every quick test, and of the long ones a sample (SEED).
test: $(READY) browser generators
	$(BIN)/python -m compileall -q src
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --durations 20 --seed $(SEED)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The long run: every kill point, many times, and every case of what `make test` samples.
crash: $(READY) $(DEMO_READY)
	$(BIN)/python -m pytest tests/crash tests/live tests/contract tests/docs --whole --crash-rounds 20 --timeout 36000 \
		--numprocesses $(WORKERS) --dist worksteal

# Side by side with baselines; figures and ratios go to benchmarks/results/.
bench: $(READY) $(DEMO_READY)
	$(BIN)/python -m benchmarks

# What proves rare things rare, over a day and more: moves and failovers by the hundred.
soak: $(READY)
	$(BIN)/python -m benchmarks crossings crossings_1k --crossings 200
	$(BIN)/python -m benchmarks failover --rounds 500
	$(BIN)/python -m benchmarks starvation --minutes 60

docs: $(READY)
	$(BIN)/python -m tenfold.cli.reference docs/reference

clean:
	rm -rf $(VENV) $(DEMO)/.venv
