# One target for each thing a newcomer needs; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
NEWEST := .venv-newest
UV_VERSION := 0.13.9
# Python must write the bytecode of what is imported: a start of boto3 without it takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

PULUMI := $(BIN)/python -m local.pulumi.engine
.PHONY: help install demo test test-newest policy simulate check emulator producers x-clients filters
.PHONY: lint-workflows format engine test-engine record-state up-local down-local
.PHONY: benchmark campaign recipes requirements docs record-docs release clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Create .venv with the pinned packages and the commands stream-ops and twitter2kinesis

.venv/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is required, but $(PYTHON) is older: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --offline --no-deps --editable .
	@touch $@

demo: install ## Run the whole path on this machine: local AWS and X, the real stack, producer and function (EVENT=order)
	@$(BIN)/python -m local demo $(if $(EVENT),--event $(EVENT)) $(if $(SOURCE),--source $(SOURCE)) $(if $(FILE),--file '$(FILE)') $(if $(KEEP),--keep)

test: install ## Run the tests, except those under the real Pulumi engine and in Lambda's emulator
	$(BIN)/pytest --ignore tests/engine --ignore tests/emulator --durations=10

test-newest: install ## Run the tests that need no local AWS with the newest boto3, which ministack does not allow yet
	@$(BIN)/uv venv --quiet --clear $(NEWEST)
	@VIRTUAL_ENV=$(CURDIR)/$(NEWEST) $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.txt
	@VIRTUAL_ENV=$(CURDIR)/$(NEWEST) $(BIN)/uv pip uninstall --quiet ministack
	@VIRTUAL_ENV=$(CURDIR)/$(NEWEST) $(BIN)/uv pip install --quiet --upgrade boto3 botocore
	@VIRTUAL_ENV=$(CURDIR)/$(NEWEST) $(BIN)/uv pip install --quiet --offline --no-deps --editable .
	$(NEWEST)/bin/pytest $(addprefix tests/,event handler infra producer stack) --ignore tests/producer/test_stack.py

policy: install ## Check the stacks and the bootstrap program against the policies of docs/policies.md, without an account
	@$(BIN)/python -m tests.policy

simulate: install ## Simulate 1,000 worlds of faults and crashes on a virtual clock (SEEDS=n: n of them; LIMIT=seconds)
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) $(if $(LIMIT),--seconds $(LIMIT))

check: install ## Check format, lint and types, and the security of the workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet --no-progress .github

emulator: install ## Run the function's archive in AWS's own Lambda emulator, built from source with Go 1.26.6 or later
	go -C tools/emulator build -mod=readonly -o $(CURDIR)/.pulumi/bin/ \
	  github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
	$(BIN)/pytest tests/emulator

producers: install ## Let the KPL, aws-kinesis-agg and async-kinesis put the same 1,000 events (downloads; Java, Maven, Node.js)
	@$(BIN)/python -m tools.producers

x-clients: install ## Compare X's own SDK, tweepy, twarc and this producer on a loopback X (downloads; takes minutes)
	@$(BIN)/python -m tools.x_clients

filters: install ## Compare the event filters with event-ruler, AWS's own matcher (downloads; Java, Maven)
	@$(BIN)/python -m tools.filters

lint-workflows: ## Check the workflows with actionlint, which is built from source with Go
	cd tools/actionlint && GOFLAGS=-mod=readonly go tool actionlint -color=false $(CURDIR)/.github/workflows/*.yml

format: install ## Format the code, and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

engine: ## Build the Pulumi CLI from source if none is on PATH (once, about six minutes)
	@tools/engine.sh

# Tests that share an account stay with one worker, because it takes a while to prepare.
test-engine: install engine ## Run the stack's tests under the real Pulumi engine (PLUGIN=aws: with AWS's own plugin)
	PLUGIN=$(PLUGIN) $(BIN)/pytest tests/engine --dist loadgroup

record-state: install engine ## Record the state that this release leaves, for the tests of upgrades
	$(BIN)/python -m tests.engine.record_state

release: install engine ## Check, test, record and tag a release of what is committed on main (VERSION=1.1.0)
	@$(BIN)/python -m tools.release $(VERSION)

up-local: install engine ## Start local AWS in the background, and run `pulumi up` against it
	@$(BIN)/python -m local start
	$(PULUMI) stack select --create local
	$(PULUMI) up --refresh --yes --stack local
	@umask 077 && $(PULUMI) stack output --stack local --json --show-secrets > .pulumi/local-config.json
	@printf '%s\n' '' 'Next, for instance:' \
	  '  $(BIN)/python -m producer --config .pulumi/local-config.json --source file local/tweets.jsonl' \
	  '  $(BIN)/python -m ops explore --stack local' \
	  '  $(BIN)/python -m ops watch --stack local' \
	  '  $(BIN)/python -m ops status --stack local' \
	  '  make down-local'

down-local: install engine ## Run `pulumi destroy` against local AWS, and stop it
	$(PULUMI) destroy --yes --stack local
	@rm -f .pulumi/local-config.json
	@$(BIN)/python -m local stop

benchmark: install ## Measure the function, the producer and the whole path (takes minutes)
	$(BIN)/python -m benchmarks.handler
	$(BIN)/python -m benchmarks.schema
	$(BIN)/python -m benchmarks.producer
	$(BIN)/python -m benchmarks.path

campaign: install ## Put 100,000 tweets through local AWS while everything breaks; none may be lost (takes minutes)
	$(BIN)/python -m tests.campaign

recipes: install ## Change clones as the documents say, and run the demo and the tests in each (RECIPE=rename: one of them)
	$(BIN)/python -m tests.recipes $(RECIPE)

requirements: install ## Regenerate the pinned requirement files from pyproject.toml
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv pip compile $(PINNED) --group dev --output-file requirements-dev.txt
	$(BIN)/uv pip compile $(PINNED) --constraint requirements-dev.txt --output-file requirements.txt

PINNED := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml

docs: install ## Write the generated tables and pictures of docs/
	$(BIN)/python -m tools.docs

record-docs: install ## Record the demo and a minute of traffic, and write docs/ from it (two minutes)
	$(BIN)/python -m tools.docs record

clean: ## Delete everything that the targets created
	rm -rf .venv $(NEWEST) .pulumi .mypy_cache .pytest_cache .ruff_cache .hypothesis
