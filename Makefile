# Needs python3 (3.10 or newer) and make. Every target installs what it uses into .venv, once.
#
#   make demo     MNIST network -> C bundle -> two emulated boards
#   make test     all tests (ARGS="-k planner" for some)
#   make lint     ruff and mypy
#   make bench    cycles and bytes on emulated boards against the recorded ones (ARGS=--update records)
#   make docs     the documentation as a site in build/docs
#   make format   ruff's formatter and its safe fixes
#   make clean    removes .venv and everything else that make made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

.PHONY: help demo test lint bench docs format clean
.NOTPARALLEL: # two pips in one environment would meet

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.demo
	@$(BIN)/tinyglow demo

test: $(VENV)/.test
	@$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.test
	@$(BIN)/python -m tests.benchmarks $(ARGS)

docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict $(ARGS)

format: $(VENV)/.lint
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.demo: EXTRAS := sim,cc
$(VENV)/.test: EXTRAS := sim,cc,test
$(VENV)/.lint: EXTRAS := lint
$(VENV)/.docs: EXTRAS := docs,tflite

$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs: pyproject.toml $(VENV)/.python
	@echo "Installing tinyglow[$(EXTRAS)] into $(VENV) ..."
	@$(PIP) install -e '.[$(EXTRAS)]'
	@touch $@

# pip 21.3 is the first that installs a pyproject.toml in place; Python 3.10.0 came with an older one.
$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "'$(PYTHON)' was not found. Install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "tinyglow needs Python 3.10 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) lacks its modules venv and ensurepip (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install 'pip>=21.3'
	@touch $@
