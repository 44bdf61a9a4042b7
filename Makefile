# make demo | example | test | lint | bench. Variables: PYTHON (3.11 or newer), VENV, TORCH, VOTENV.

PYTHON ?= python3
VENV   ?= .venv
VOTENV ?= .venv-vot
TORCH  ?= torch==2.13.0
DEMO   ?= results/demo
EXAMPLE ?= results/example

BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip install -qq --disable-pip-version-check
LIMITS  := $(VENV)/constraints.txt
POLICIES := $(addprefix --policy ,fifo samurai dam4sam sam2long random)
EVERY    := $(POLICIES) $(addprefix --policy ,first sam2long-online mosam sam3)

.DEFAULT_GOAL := help
.PHONY: help install dev votenv demo example test fast parity lint bench clean
.DELETE_ON_ERROR:

help:
	@echo "make install   make $(VENV) and install vot-memory into it"
	@echo "make votenv    make $(VOTENV) with the VOT toolkit (600 MB), which one test runs"
	@echo "make demo      run five memory policies on an embedded split and report"
	@echo "make example   run the rules made by hand on synth-val (an hour) and write docs/example-report"
	@echo "make test      install what development needs and run every test"
	@echo "make fast      only the tests that take seconds"
	@echo "make parity    policies beside recorded runs of their releases; TRACES=DIR adds recordings"
	@echo "make lint      ruff and mypy"
	@echo "make bench     frames per second beside SAM 2's own predictor, cost of policies, time of measures"
	@echo "make clean     remove build products and the demo's results"

install: $(VENV)/installed
dev: $(VENV)/installed-dev

# The order matters. sam2 1.1 is built from source against the torch that is there, so torch comes
# first and build isolation is off. The constraint keeps that torch: sam2 asks for torchvision,
# whose pin on torch would otherwise exchange it.
$(LIMITS):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "vot-memory needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip 'setuptools>=77' wheel
	$(BIN)/python -m pip install --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip freeze | grep '^torch==' > $@

$(VENV)/engine: $(LIMITS)
	SAM2_BUILD_CUDA=0 $(PIP) -c $(LIMITS) --no-build-isolation 'sam2>=1.1,<1.2'
	@touch $@

$(VENV)/installed: pyproject.toml $(VENV)/engine
	$(PIP) -c $(LIMITS) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -c $(LIMITS) -e '.[dev]'
	@touch $@

votenv: $(VOTENV)/installed

# Apart from our own environment: the toolkit is GPL-3, and nothing of ours imports it. With
# attributee 0.1.10 it cannot be imported on Python 3.11 and newer.
$(VOTENV)/installed:
	$(PYTHON) -m venv $(VOTENV)
	$(VOTENV)/bin/python -m pip install -qq --disable-pip-version-check \
	  'vot-toolkit==0.9.*' 'attributee<0.1.10'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/vot-memory run $(POLICIES) --split synth-smoke --threads 1 --out $(DEMO)
	$(BIN)/vot-memory report --results $(DEMO) --split synth-smoke --out $(DEMO)/report

# The report that is committed: nine policies on every video, small since it stays in the history. What
# is complete in $(EXAMPLE) is not run again.
example: $(VENV)/installed
	$(BIN)/vot-memory run $(EVERY) --split synth-val --threads 1 --out $(EXAMPLE)
	$(BIN)/vot-memory report --results $(EXAMPLE) --split synth-val --out docs/example-report \
	  --pictures 1 --formats png --page-size 1.9

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

fast: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m 'not golden and not e2e and not slow'

parity: $(VENV)/installed-dev
	$(BIN)/python -m pytest tests/test_parity.py tests/policies/test_release_traces.py \
	  $(if $(TRACES),--traces $(TRACES))

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python -m pytest benchmarks

clean:
	rm -rf build dist ./*.egg-info $(DEMO) .pytest_cache .mypy_cache .ruff_cache .benchmarks
