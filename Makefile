# Two commands for a newcomer: `make demo` and `make test`. Both make their own .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint check bench chaos day fuzz clean

# From a clean state each time: the sandbox's ledger, books and outputs of the last demo go away.
demo: $(STAMP)
	rm -rf manifests/.dubbatch/sandbox* manifests/demo-dubs
	$(BIN)/dubbatch run manifests/demo.yaml --sandbox

test: $(STAMP)
	$(BIN)/pytest --numprocesses 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

# Figures of the docs, as ratios taken in one run.
bench: $(STAMP)
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.adoption
	$(BIN)/python -m benchmarks.pace
	$(BIN)/python -m benchmarks.transfers
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.survey
	$(BIN)/python -m benchmarks.writeback

# 86,400 jobs in virtual time, one POST a second: the long form of tests/protocol/test_day.py, some ten minutes.
day: $(STAMP)
	DAY_JOBS=86400 $(BIN)/pytest --numprocesses 0 --timeout 0 --capture no tests/protocol/test_day.py

# The long form of tests/chaos and of tests/protocol: some 20 minutes, with JOBS, KILLS and SEED to choose.
JOBS ?= 1000
KILLS ?= 200
SEED ?= 1
chaos: $(STAMP)
	$(BIN)/python -m benchmarks.chaos --jobs $(JOBS) --kills $(KILLS) --seed $(SEED)

# Spoilt manifests, some four minutes, with INPUTS and SEED to choose.
INPUTS ?= 20000
fuzz: $(STAMP)
	$(BIN)/python -m benchmarks.fuzz --inputs $(INPUTS) --seed $(SEED)

clean:
	rm -rf $(VENV) manifests/.dubbatch manifests/demo-dubs

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	touch $(STAMP)
