.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV ?= .venv
CORES ?= 2
KEEP := --keep-output --keep-count  # nbval compares nothing without counts; other metadata is stripped
BIN := $(VENV)/bin
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb)) $(sort $(wildcard notebooks/studies/*.ipynb))
INSTALLED := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE  # compiled once, not by every process
LOCK = --universal --python-version 3.11 --generate-hashes --no-header --quiet
WORK ?= runs/quick

.PHONY: help demo reference test test-slow browser site status ui bench lab check engines graph lint lock notebooks filter clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(INSTALLED): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python workflow/install.py
	@touch $@

demo: $(INSTALLED)  ## from a melt to the bonds of a loaded glass, with a model of DFT labels (quick.yaml, minutes)
	@$(BIN)/getl run parameters/quick.yaml --cores $(CORES)

reference: $(INSTALLED)  ## run notebooks 02–06 on the published data (reference.yaml; needs a clone of the data)
	@$(BIN)/getl run parameters/reference.yaml --cores $(CORES)

test: $(INSTALLED)  ## run every test: pytest, docstring examples, notebooks (BROWSER=1: also those in Chromium)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder \
	  $(if $(BROWSER),-m 'not slow') notebooks tests getl_utils

test-slow: $(INSTALLED)  ## run the tests that take minutes: killed runs, a real Slurm (last results: docs/slow_tests.md)
	GETL_SLURM=1 $(BIN)/python -m pytest -m slow tests

browser: $(INSTALLED)  ## test notebooks, widgets and site in your Chromium; screenshots in runs/browser/
	$(BIN)/python -m pytest -m browser tests

site: $(INSTALLED)  ## make pages of the documents and the committed notebooks, in build/site/
	$(BIN)/python -m sphinx -q -W --keep-going -c docs . build/site
	@echo "open build/site/index.html"

status: $(INSTALLED)  ## show what is done, running and failed, and why (WORK=runs/quick)
	@$(BIN)/getl status $(WORK)

ui: $(INSTALLED)  ## open MLflow's page on the tracked runs (WORK=runs/quick)
	$(BIN)/getl ui $(WORK)

bench: $(INSTALLED)  ## measure the speed of inference and training (~3 min; BENCH=--million: a million atoms)
	$(BIN)/python bench/bench.py $(BENCH)

lab: $(INSTALLED)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

check: $(INSTALLED)  ## install, then say what is found and what is missing
	$(BIN)/getl doctor

engines: $(INSTALLED)  ## install GPAW (needs g++) and Quantum ESPRESSO, pinned (~1 min)
	$(BIN)/python workflow/install_gpaw.py
	$(BIN)/python workflow/install_qe.py

graph: $(INSTALLED)  ## install JAX for graph networks, pinned (~100 MB to fetch, 400 MB on disk)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r workflow/graph.lock

lint: $(INSTALLED)  ## run ruff, import-linter on the layers of the package, numpydoc on the docstrings
	$(BIN)/ruff check getl_utils tests bench atomistic_models workflow
	$(BIN)/ruff format --check getl_utils tests bench atomistic_models workflow
	$(BIN)/lint-imports --no-logo
	$(BIN)/numpydoc lint $(shell find getl_utils -name "*.py")

notebooks: $(INSTALLED)  ## run the notebooks in place, to renew the committed outputs
	rm -rf runs/example
	export TQDM_DISABLE=1; for n in $(NOTEBOOKS); do $(BIN)/jupyter execute --inplace --kernel_name=python3 $$n || exit 1; done
	$(BIN)/nbstripout $(KEEP) $(NOTEBOOKS)
	$(BIN)/python workflow/static.py $(NOTEBOOKS)

filter: $(INSTALLED)  ## let git strip volatile metadata of notebooks; outputs and counts stay
	git config filter.nbstripout.clean "$(abspath $(BIN))/nbstripout $(KEEP)"
	git config filter.nbstripout.smudge cat

lock: $(INSTALLED)  ## pin all dependencies with hashes
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile workflow/gpaw.in --no-deps $(LOCK) -o workflow/gpaw.lock
	$(BIN)/uv pip compile workflow/qe.in $(LOCK) -o workflow/qe.lock
	$(BIN)/uv pip compile workflow/graph.in -c requirements.lock $(LOCK) -o workflow/graph.lock

clean:  ## delete the environment and caches; results in runs/ stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .snakemake build *.egg-info
