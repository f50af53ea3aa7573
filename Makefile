# make run    the server, in a virtual environment of its own
# make test   the tests (at most 6 minutes on 2 cores)
# make check  those that play load on whole servers, or kill them
# make bench  the canonical workload and every target, on a server of its own (about two minutes)
# make clean  remove the environment and caches; var/ with the store's data stays

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: run test check demo bench clean

run: $(VENV)/.installed
	@exec $(BIN)/ocs serve --examples

demo: $(VENV)/.installed
	@exec $(BIN)/ocs demo

test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -m bench $(PYTEST_ARGS)

bench: $(VENV)/.installed-bench
	@$(BIN)/python bench/run.py canonical --targets $(BENCH_ARGS)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@$(PIP) --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
