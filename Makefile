# The two main commands are `make demo` and `make test`. They install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := demo
# --quiet hides what pip prints on success.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export PIP_ROOT_USER_ACTION := ignore
# The shell scripts that shellcheck reads.
SCRIPTS := $(shell git ls-files 'tests/site/*' '*.sh' .ci/run 2>/dev/null | xargs -r grep -lE '^\#!/bin/bash|shellcheck shell=bash')

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: $(INSTALLED) ## Install, compile and run a real sample here, and show the results
	@$(PIP) install -r samples/dimuon/requirements.txt
	@rm -rf $(DEMO)
	@echo "==> The sample samples/dimuon: generate, select, fit and plot toy dimuon events"
	@$(BIN)/reana-batch inspect -f samples/dimuon
	@echo "==> Running it with GNU make"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/reana-batch run --site local -f samples/dimuon --runs $(DEMO) -w dimuon
	@echo "==> The fit:"
	@cat $(DEMO)/dimuon.1/workspace/results/fit.json
	@echo "==> The same analysis as batch files for HTCondor and Slurm:"
	@$(BIN)/reana-batch compile -f samples/dimuon --site generic-htcondor -o $(DEMO)/htcondor
	@$(BIN)/reana-batch compile -f samples/dimuon --site generic-slurm -o $(DEMO)/slurm
	@ls -l $(DEMO)/dimuon.1/workspace/results $(DEMO)/htcondor/batch/workflow.dag $(DEMO)/slurm/batch/submit.sh

.PHONY: test
test: ## Check everything: lint, types, tests, docs, real HTCondor and Slurm
	@exec $(PYTHON) -m tests.all

.PHONY: lint
lint: $(INSTALLED) ## Check the style of Python and shell code
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/shellcheck $(SCRIPTS)

.PHONY: types
types: $(INSTALLED) ## Check types on the installed wheel, and that the check sees errors
	@echo "==> types"
	@BIN=$(BIN) exec bash tests/check-types.sh

.PHONY: pytest
pytest: $(INSTALLED) ## Run the tests that need no site and no browser
	@echo "==> tests"
	@BIN=$(BIN) bash tests/install-npm-tools.sh
	@BIN=$(BIN) bash tests/install-jupyter.sh
	@BIN=$(BIN) bash tests/install-provenance-tools.sh
	@bash tests/install-programs.sh
	@TRACE_BASH=$(CURDIR)/build/bash $(TRACES) exec $(BIN)/python -m pytest -q -m "not site and not browser" --durations 40 -n auto --dist worksteal

.PHONY: coverage
coverage: ## Run the same tests, and measure which Python they run
	@$(MAKE) --no-print-directory pytest "TRACES=TRACE_PYTHON=$(CURDIR)/build/python"

.PHONY: docs
docs: $(INSTALLED) ## Build the manual and check it in a browser
	@echo "==> docs"
	@BIN=$(BIN) bash tests/install-npm-tools.sh
	@$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/docs
	@BIN=$(BIN) exec bash tests/run-browser-tests.sh

.PHONY: box
box: ## Build the box with real HTCondor and Slurm, if this machine allows one
	@exec bash tests/run-site-tests.sh build

.PHONY: site
site: $(INSTALLED) ## Run the tests on real HTCondor and Slurm in the box
	@BIN=$(BIN) bash tests/install-npm-tools.sh
	@BIN=$(BIN) exec bash tests/run-site-tests.sh

.PHONY: site-matrix
site-matrix: $(INSTALLED) ## Run the tests of HTCondor on two releases: 25.6 and Debian's 23.9
	@for each in 25.6 23.9; do REANA_BATCH_BOX_CONDOR=$$each BIN=$(BIN) bash tests/run-site-tests.sh condor || exit; done

.PHONY: conformance
conformance: $(INSTALLED) ## Run the conformance tests of CWL, by cwltool and by cwl-runner
	@SUITES="$(SUITES)" RUNNERS="$(RUNNERS)" BACKEND=$(BACKEND) SITE=$(SITE) MODE=$(MODE) TAGS="$(TAGS)" TESTS="$(TESTS)" JOBS=$(JOBS) LIMIT=$(LIMIT) IMAGES="$(IMAGES)" OUTPUT="$(OUTPUT)" exec $(BIN)/python -m tests.conformance

.PHONY: conformance-part
conformance-part: $(INSTALLED) ## Run a conformance test of CWL for each feature, if they can be downloaded
	@echo "==> conformance"
	@rm -rf build/conformance-part
	@exec $(BIN)/python -m tests.conformance --part --suites v1.2 --runners reana-batch --jobs 2 --output $(CURDIR)/build/conformance-part

.PHONY: conformance-site
conformance-site: $(INSTALLED) ## Run the conformance tests of workflows on real HTCondor and Slurm, and those of images
	@BIN=$(BIN) SUITES="$(SUITES)" ROUNDS="$(ROUNDS)" MODE=$(MODE) TAGS="$(TAGS)" TESTS="$(TESTS)" JOBS=$(JOBS) exec bash tests/run-site-tests.sh conformance

.PHONY: install
install: $(INSTALLED) ## Set up .venv with the project and the tools of the tests

$(INSTALLED): setup.cfg pyproject.toml requirements-dev.txt
	@echo "==> installing into $(VENV)"
	@bash tests/make-venv.sh $(PYTHON) $(VENV)
	@$(PIP) install -r requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: clean
clean: ## Remove what the other commands made
	@rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
