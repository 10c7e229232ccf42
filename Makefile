# Everything a developer does here, each in one word; `make help` lists them.
# The virtual environment is made by the first target that needs it, and again only when pyproject.toml changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TESTS  ?= tests
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help demo test lint types format bench bench-files clean sshd

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.ready  ## try pssh on a fleet of its own on this machine
	@$(BIN)/pssh demo $(ARGS)

# In four processes, because many tests wait more than they work. Some measure time: what fails beside others has to
# pass alone. Each of the four reads every test, so what pytest has made of them is kept, whatever the caller's wish.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.ready-test sshd  ## run the whole suite (TESTS=tests/model for a part)
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(TESTS) $(ARGS) || { \
	  echo "what failed beside others, once more and alone:"; \
	  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(TESTS) $(ARGS); }

lint: $(VENV)/.ready-lint  ## check style and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.ready-lint  ## check types
	@$(BIN)/mypy

format: $(VENV)/.ready-lint  ## put the code into its format
	@$(BIN)/ruff check --fix --select I . && $(BIN)/ruff format .

bench: $(VENV)/.ready .bench/.ready-peers  ## compare `pssh run` with its peers (ARGS="--hosts 1000")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-files: $(VENV)/.ready  ## compare `pssh put`, `get`, `sync` and `fs` with scp and rsync
	@$(BIN)/python -m benchmarks.files $(ARGS)

clean:  ## remove what these targets made
	@rm -rf $(VENV) .bench build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pssh needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python3 cannot make a virtual environment here: as root, apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	@$(PIP) --editable . && touch $@

$(VENV)/.ready-%: $(VENV)/.ready
	@$(PIP) --editable '.[$*]' && touch $@

# The peers live in an environment of their own: ParallelSSH installs an import package `pssh` too.
.bench/.ready-peers: benchmarks/peers.txt | $(BIN)/python
	@echo "making .bench/peers ..."
	@$(PYTHON) -m venv .bench/peers
	@.bench/peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< && touch $@

sshd:
	@PATH="$$PATH:/usr/sbin" command -v sshd >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing openssh-server for the tests that need a real sshd ..."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  install="apt-get install -qq --no-install-recommends openssh-server"; \
	  $$install >/dev/null 2>&1 || { apt-get update -qq && $$install >/dev/null; } && exit 0; \
	fi; \
	if [ "$$CI" = true ]; then \
	  echo "no sshd here, and CI=true asks for one: apt-get install openssh-server" >&2; exit 1; \
	fi; \
	echo "no sshd here: the tests that need a real one are left out and counted below" \
	  "(as root, apt-get install openssh-server)" >&2
