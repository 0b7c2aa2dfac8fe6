# Needs python3 (3.10 or newer) and make; without make, on Windows too: python -m tinyglow.dev demo (test, lint ...).
# Every target installs what it uses into .venv, once, in the versions that .ci/locks holds.
#
#   make demo         MNIST network -> C bundle -> two emulated boards
#   make test         all tests (ARGS="-k planner" for some)
#   make quick        the tests that take no time, for in between
#   make lint         ruff and mypy
#   make bench        cycles and bytes on emulated boards against the recorded ones (ARGS=--update records)
#   make conformance  ONNX's node tests by operator, in numpy and in C (ARGS=--update records)
#   make docs         the documentation as a site in build/docs
#   make format       ruff's formatter and its safe fixes
#   make lock         the newest versions of all packages into .ci/locks
#   make test-latest  all tests with the newest versions that pyproject.toml allows (test-oldest: the oldest)
#   make install      only sets up .venv (ARGS="test lint" for some of it)
#   make clean        removes .venv and everything else that make made

PYTHON ?= python3
COMMANDS := demo test quick lint bench conformance docs format lock test-latest test-oldest install clean

.PHONY: help python $(COMMANDS)
.NOTPARALLEL: # two pips in one environment would meet

help:
	@sed -n 's/^#   //p' Makefile

$(COMMANDS): python
	@$(PYTHON) -m tinyglow.dev $@ $(ARGS)

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "'$(PYTHON)' was not found. Install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "tinyglow needs Python 3.10 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
