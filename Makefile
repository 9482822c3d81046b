# Two commands for a newcomer: `make demo` and `make test`. Both make their own .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint check clean

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

clean:
	rm -rf $(VENV) manifests/.dubbatch manifests/demo-dubs

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	touch $(STAMP)
