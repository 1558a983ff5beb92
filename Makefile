# Everything a developer does here, and all that CI does. `make help` lists it.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
WSCAT_VERSION := 6.1.0
AXE_VERSION := 4.14.1
AXE := .tools/axe-core-$(AXE_VERSION)/node_modules/axe-core/axe.min.js
WSCAT := .tools/wscat-$(WSCAT_VERSION)/node_modules/.bin/wscat
SOURCES := $(wildcard app.py) benchmarks chalicelib client infra local testing tests tools
SITE := $(BIN)/zensical build --clean
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.DEFAULT_GOAL := help
.PHONY: help up deploy doctor rollback down token setup hooks test check audit fuzz simulate mutants chaos soak bench lint format policies \
  reference docs lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# A stage on AWS is named on make's own command line: one that happens to be in the environment does not count.
AWS_STAGE := $(if $(filter command,$(firstword $(origin STAGE))),$(filter-out local,$(STAGE)))
ON_AWS = $(BIN)/python -m infra $@ --stage $(or $(AWS_STAGE),$(error Which stage? make $@ STAGE=dev)) $(if $(YES),--yes)

up: $(INSTALLED) ## Run the whole service here until Ctrl-C (PORT=4567 make up: on another port)
	@exec $(if $(AWS_STAGE),$(ON_AWS) $(if $(EMAIL),--email $(EMAIL)),$(BIN)/python -m local)

deploy: $(INSTALLED) ## Deploy the app to AWS, after `make up STAGE=dev` (make deploy STAGE=dev FUNCTION=sweep YES=1)
	@$(ON_AWS) $(if $(FUNCTION),--function $(FUNCTION))

doctor: $(INSTALLED) ## Check a stage on AWS and change nothing (make doctor STAGE=dev JSON=1 TEMPLATE=infra/stacks/data.yaml)
	@$(ON_AWS) $(if $(JSON),--json) $(if $(TEMPLATE),--template $(TEMPLATE))

rollback: $(INSTALLED) ## Restore the code before the last deployment to AWS (make rollback STAGE=dev)
	@$(ON_AWS)

down: $(INSTALLED) ## Remove the app from AWS and keep its data (make down STAGE=dev)
	@$(ON_AWS)

token: $(INSTALLED) ## Print a token for the running stage (make -s token SCOPE=tasks:read OWNER=alice)
	@$(BIN)/python -m local.tokens

setup: $(INSTALLED) $(WSCAT) $(AXE) ## Install everything that `make test` needs

hooks: $(INSTALLED) ## Check each commit from now on, by a Git hook with the tools of `make lint`
	@$(BIN)/pre-commit install

test: lint $(WSCAT) $(AXE) ## Run all checks and tests, from a fresh clone too
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: test audit ## Run what CI runs: the tests and the audit

audit: $(INSTALLED) ## Check shipped packages for known vulnerabilities, and committed files for secrets
	@.ci/audit

fuzz: SECONDS ?= 60
fuzz: $(INSTALLED) ## Send invalid requests to the running stage (make fuzz SECONDS=300)
	@$(BIN)/python -m tests.e2e.fuzz $(SECONDS)

simulate: MINUTES ?= 12
simulate: $(INSTALLED) ## Run the simulation with faults at every call and random ones: writes docs/reports/simulation.md
	@$(BIN)/python -m tests.simulation all --minutes $(MINUTES)

mutants: $(INSTALLED) ## Remove each guard and see a test fail: writes docs/reports/mutants.md (WHOLE=1: with all tests)
	@$(BIN)/python -m tests.mutants $(if $(WHOLE),--whole)

chaos: $(INSTALLED) ## Break a stage while 5,000 tasks run on it, 10 minutes: writes docs/reports/chaos.md (SEED=7 repeats)
	@$(BIN)/python -m tests.chaos

soak: MINUTES ?= 30
soak: $(INSTALLED) ## Measure the memory of a stage under steady load: writes docs/reports/chaos.md (make soak MINUTES=60)
	@$(BIN)/python -m tests.chaos soak $(MINUTES)

bench: $(INSTALLED) ## Measure everything (ONLY="counts cold": a part) and write benchmarks/results.json
	@$(BIN)/python -m benchmarks $(ONLY)

lint: $(INSTALLED) ## Check style, types, the templates and the links of the documents
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/cfn-lint infra/stacks/data.yaml
	@site=$$($(SITE) --strict 2>&1) || { echo "$$site"; exit 1; }

format: $(INSTALLED) ## Format the code and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

policies: $(INSTALLED) ## Record the calls of each function in the functional tests, and write its IAM policies
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/functional --record-calls
	@$(BIN)/python -m infra.iam

reference: $(INSTALLED) ## Write the generated pages of docs/reference and the tables of results
	@$(BIN)/python -m tools.reference

docs: $(INSTALLED) ## Build the documentation as a site in site/ and check its links
	@$(SITE) --strict

lock: $(INSTALLED) ## Pin the dependencies of pyproject.toml (UPGRADE=--upgrade: to the newest)
	@$(COMPILE) $(UPGRADE) --output-file=requirements.txt pyproject.toml
	@$(COMPILE) $(UPGRADE) --constraint=requirements.txt --extra=dev --extra=cli --output-file=requirements-dev.txt \
	  pyproject.toml client/pyproject.toml
	@for peer in celery dramatiq taskiq; do \
	  $(COMPILE) $(UPGRADE) --output-file=benchmarks/peers/$$peer.txt benchmarks/peers/$$peer.in || exit 1; done

clean: ## Remove the local stage with its data, and the files of tools (not .venv)
	@[ ! -e .local/lock ] || $(PYTHON) -m local.single_instance
	@rm -rf .local .tools .chalice/deployed/local.json .chalice/deployments .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis .cache site
	@find app.py chalicelib client infra local testing tests tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(INSTALLED): requirements.txt requirements-dev.txt client/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11 or later." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, this is $$($(PYTHON) --version). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv or ensurepip here. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements.txt and requirements-dev.txt pin into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -e client
	@touch $@

# For two tests, which say so and are skipped when there is no npm or no network.
$(AXE):
	@! command -v npm >/dev/null || npm install --silent --fetch-retries=1 --fetch-timeout=30000 --no-save --no-package-lock --prefix .tools/axe-core-$(AXE_VERSION) \
	  axe-core@$(AXE_VERSION) || echo "npm could not install axe-core: the accessibility test will be skipped."

$(WSCAT):
	@command -v npm >/dev/null || echo "No npm here: the tests with wscat and axe-core will be skipped."
	@! command -v npm >/dev/null || npm install --silent --fetch-retries=1 --fetch-timeout=30000 --no-save --no-package-lock --prefix .tools/wscat-$(WSCAT_VERSION) \
	  wscat@$(WSCAT_VERSION) || echo "npm could not install wscat: its test will be skipped."
