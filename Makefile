# The two commands of the README: `make bench` runs the main job, `make test` passes the tests.
# Each creates the environment in .venv first, where it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := build/bench

.PHONY: bench test test-slow test-faults test-adapters check lint types docs notebook clean
.PHONY: dataset dataset-pause dataset-resume dataset-stop dataset-status dataset-release

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[build,download,figures,test,lint]"
	touch $@

# A dataset of stand-in photographs at a low fidelity, built, queried and tabulated from nothing.
bench: $(READY)
	$(BIN)/nasdip-build --images camera,astronaut,coins --image-set skimage --fidelity r64c16 --architectures 24 --iterations 100 --out $(BENCH)/build
	$(BIN)/nasdip-build release $(BENCH)/build --out $(BENCH)/data --name bench --replace
	$(BIN)/nasdip-bench info --data $(BENCH)/data
	$(BIN)/nasdip-bench query 0 --image camera --data $(BENCH)/data
	$(BIN)/nasdip-bench table 1 --data $(BENCH)/data
	$(BIN)/nasdip-bench figure 1 --data $(BENCH)/data --out $(BENCH)/figure1.png
	$(BIN)/nasdip-bench overlap --data $(BENCH)/data

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -q

test-slow: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -q --slow

# Builds and releases killed and starved at every step, and 500 damaged releases read. An hour.
test-faults: $(READY)
	$(BIN)/python -m pytest -q --slow tests/faults tests/fuzz

# The tour as a notebook with its outputs; the page docs/tour.md is the source.
notebook: $(READY)
	$(BIN)/python -m pip install --quiet nbclient ipykernel
	$(BIN)/python -m tests.tools.tour

# The adapters and croissant.json against the real libraries, in an environment of their own (half
# a gigabyte).
test-adapters:
	$(MAKE) VENV=.venv-adapters .venv-adapters/.ready
	.venv-adapters/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[configspace,croissant,optuna,synetune]"
	.venv-adapters/bin/python -m pytest -q tests/api/test_adapters.py tests/dataset/test_croissant.py
	.venv-adapters/bin/python -m pytest -q tests/docs/test_examples.py -k search

check: lint types test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy does not follow the editable install's mapping of folders: it checks an installed copy.
types: $(READY)
	rm -rf build/types build/lib
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --target build/types .
	cp pyproject.toml build/types/
	cd build/types && $(CURDIR)/$(BIN)/mypy -p nasdip_bench

# All that the docs say of the schema, of data/ and of kept measurements, written anew from these:
# docs/data.md, README.md, data/README.md, data/FINDINGS.md, benchmarks/RESULTS.md.
docs: $(READY)
	$(BIN)/python -m tests.tools.write_docs
	$(BIN)/python benchmarks/report.py

# The build of data/ on this machine, in the background, at the lowest priority; goes on where it
# was. FOR=150m ends it in time. The code that runs is a copy of the commit that froze protocol 2.
DATASET_CODE ?= 1a293931f2e8bf66d2dccf232a0e62bc1580e1a3
IMAGES ?= images
FOR ?=
VERSION ?=
DATASET := $(PYTHON) -m tests.tools.dataset

dataset:
	$(DATASET) start --commit $(DATASET_CODE) --images "$(IMAGES)" --for "$(FOR)" --python "$(PYTHON)"

dataset-pause dataset-resume dataset-stop dataset-status:
	$(DATASET) $(@:dataset-%=%)

# Merges what is finished into data/, verifies it, and renews what the docs say of it.
dataset-release: $(READY)
	$(BIN)/python -m tests.tools.dataset release --version "$(VERSION)"

clean:
	rm -rf build dist $(VENV) *.egg-info
