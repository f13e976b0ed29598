# make repro: from the crawl to reports/index.html.   make test: the test suite.   Both install what they need first.
PYTHON ?= python3
BIN := .venv/bin
# DVC runs the stages as `python -m stages NAME`: they must find this environment's python.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint bench generate clean

repro: .venv/.installed
	$(BIN)/dvc repro

test: .venv/.installed
	$(BIN)/python -m pytest

lint: .venv/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

generate: .venv/.installed # dvc.yaml and params.yaml, from lab/pipeline.py and the data classes
	$(BIN)/python -m stages.params
	$(BIN)/python -m stages.dvc

bench: .venv/.installed # after make repro
	$(BIN)/python -m bench.repro
	$(BIN)/python -m bench.urls
	$(BIN)/python -m bench.curation
	$(BIN)/python -m bench.decisions
	$(BIN)/python -m bench.extraction
	$(BIN)/python -m bench.pii
	$(BIN)/python -m bench.train
	$(BIN)/python -m bench.evaluate
	$(BIN)/python -m bench.generate

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock -e .
	touch $@

clean: # the environment and unfinished work; data/ and DVC's cache stay
	rm -rf .venv .lab
