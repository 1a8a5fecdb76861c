.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV ?= .venv
CORES ?= 2
KEEP := --keep-output --keep-count  # without counts nbval compares nothing; only other metadata goes
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK = --universal --python-version 3.11 --generate-hashes --no-header --quiet
SNAKEMAKE = $(BIN)/snakemake --snakefile workflow/Snakefile --cores $(CORES) --quiet progress rules
WORK ?= runs/quick
# Rooms whose docstrings pass; the commands of cli/ say what their options are in their help.
DOCUMENTED = $(wildcard getl_utils/core/*.py getl_utils/core/parameters/*.py getl_utils/generate/*.py getl_utils/ops/*.py) \
  getl_utils/cli/app.py getl_utils/cli/entry.py getl_utils/cli/prediction.py

.PHONY: help demo reference test test-slow browser site status ui bench lab check engines lint lock notebooks filter clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

demo: $(INSTALLED)  ## the six notebooks from liquid metal to predicted bonds (quick.yaml, ~12 min on 2 cores)
	@$(SNAKEMAKE) --configfile parameters/quick.yaml
	@$(BIN)/getl summary runs/quick

reference: $(INSTALLED)  ## notebooks 02–06 on the published data (reference.yaml; needs a clone of it)
	@$(SNAKEMAKE) --configfile parameters/reference.yaml
	@$(BIN)/getl summary runs/reference

test: $(INSTALLED)  ## install and run every test: pytest, docstring examples, notebooks (nbval); BROWSER=1 for those in Chromium too
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile $(if $(BROWSER),-m 'not slow')

test-slow: $(INSTALLED)  ## the tests that take minutes: kill −9 and SIGTERM at 20 moments, a real Slurm (last results: docs/slow_tests.md)
	GETL_SLURM=1 $(BIN)/python -m pytest -m slow tests

browser: $(INSTALLED)  ## notebooks, widgets and site in Chromium (yours: apt-get install chromium); screenshots in runs/browser/
	$(BIN)/python -m pytest -m browser tests

site: $(INSTALLED)  ## a site of README, documents and notebooks as committed, in build/site/
	$(BIN)/python -m sphinx -q -W --keep-going -c docs . build/site
	@echo "open build/site/index.html"

status: $(INSTALLED)  ## what is done, running, failed and why (WORK=runs/quick)
	@$(BIN)/getl status $(WORK)

ui: $(INSTALLED)  ## MLflow's page on the tracked runs: parameters, errors, figures, models (WORK=runs/quick)
	$(BIN)/getl ui $(WORK)

bench: $(INSTALLED)  ## speed of inference and training as ratios (~3 min on 2 cores; BENCH=--million for a million atoms)
	$(BIN)/python bench/bench.py $(BENCH)
	$(BIN)/python bench/training.py

lab: $(INSTALLED)  ## JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

check: $(INSTALLED)  ## what is installed, which engines are found, what is missing
	$(BIN)/getl doctor

engines: $(INSTALLED)  ## GPAW (built; needs g++) and Quantum ESPRESSO (wheel, environment of its own), pinned, into the environment (~1 min)
	$(BIN)/python workflow/install_gpaw.py
	$(BIN)/python workflow/install_qe.py

lint: $(INSTALLED)  ## ruff, the layers of the rooms (import-linter), the docstrings of public functions (numpydoc)
	$(BIN)/ruff check getl_utils tests bench atomistic_models workflow
	$(BIN)/ruff format --check getl_utils tests bench atomistic_models workflow
	$(BIN)/lint-imports --no-logo
	$(BIN)/numpydoc lint $(DOCUMENTED)

notebooks: $(INSTALLED)  ## run the notebooks in place with their defaults, to renew the committed outputs
	rm -rf runs/example
	export TQDM_DISABLE=1; for n in notebooks/0*.ipynb; do $(BIN)/jupyter execute --inplace --kernel_name=python3 $$n || exit 1; done
	$(BIN)/nbstripout $(KEEP) notebooks/0*.ipynb
	$(BIN)/python workflow/static.py notebooks/0*.ipynb

filter: $(INSTALLED)  ## let git strip the notebooks' volatile metadata, outputs and counts stay (.gitattributes)
	git config filter.nbstripout.clean "$(abspath $(BIN))/nbstripout $(KEEP)"
	git config filter.nbstripout.smudge cat

lock:  ## pin with hashes what pyproject.toml and the two engines depend on (needs uv)
	uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements.lock
	uv pip compile workflow/gpaw.in --no-deps $(LOCK) -o workflow/gpaw.lock
	uv pip compile workflow/qe.in $(LOCK) -o workflow/qe.lock

clean:  ## delete the environment and caches; results in runs/ stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .snakemake build *.egg-info
