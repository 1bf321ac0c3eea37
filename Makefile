# Needs Python 3.11 or later, make and the package index. Everything else is installed into .venv from the lock files.
# The first target run makes .venv; it is synchronised again when a lock file or pyproject.toml changes.

VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
CACHE   := .cache
# They attack the service from outside, so they are no dependencies of it and live in a folder of their own.
ATTACKERS := $(CACHE)/attackers/.ready
LOCKS   := requirements/build.lock requirements/dev.lock

# The first interpreter that every locked wheel supports; `make PYTHON=/path/to/python run` chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
# The uv of the machine, or the one that is installed into .venv.
UV      := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(UPGRADE)

# Neither tool may fetch an interpreter, and files must be readable by the user that runs the embedded PostgreSQL.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := umask 022 &&
# Where an image sets it, every start compiles the libraries anew: pytest then takes 20 s to collect instead of 14.
unexport PYTHONDONTWRITEBYTECODE

TEST_PROCESSES ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check attack format migrate seed doctor openapi lint-openapi bench bench-compare up lock clean clean-data

help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## Start PostgreSQL, Valkey, API and worker on 127.0.0.1:8000 (HOST=, PORT= move it).
	@$(BIN)/todo dev

test: $(READY) ## Run every test on real servers (ARGS="-k cursor" for a part).
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(ARGS)

check: $(READY) ## Lint, format, types, import contracts, dead code, security, migrations.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app bench deploy migrations
	@mkdir -p $(CACHE)
	$(BIN)/alembic upgrade head --sql > $(CACHE)/migrations.sql
	$(BIN)/squawk $(CACHE)/migrations.sql

format: $(READY) ## Format the code and apply the safe fixes.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

attack: $(ATTACKERS) ## Have sqlmap and wapiti attack a running service (an hour; ARGS="--only login" for a look).
	$(BIN)/python -m tests.security.attack --tools $(CACHE)/attackers/bin $(ARGS)

migrate: $(READY) ## Bring the database to the newest schema.
	@$(BIN)/todo migrate

seed: $(READY) ## Put the demo data into the database, once.
	@$(BIN)/todo seed

doctor: $(READY) ## Say what is wrong with this installation and how to mend it.
	@$(BIN)/todo doctor

openapi: $(READY) ## Write the committed OpenAPI documents again.
	$(BIN)/todo openapi v1 > tests/api/openapi/v1.json
	$(BIN)/todo openapi v2 > tests/api/openapi/v2.json

lint-openapi: openapi ## Lint the documents and generate TypeScript from them (needs Node).
	npx --yes @redocly/cli@2 lint --extends recommended-strict tests/api/openapi/v1.json tests/api/openapi/v2.json
	npx --yes @stoplight/spectral-cli@6 lint --ruleset tests/api/openapi/spectral.yaml --fail-severity hint \
		tests/api/openapi/v1.json tests/api/openapi/v2.json
	@mkdir -p $(CACHE)
	npx --yes openapi-typescript@7 tests/api/openapi/v1.json --output $(CACHE)/v1.d.ts
	npx --yes openapi-typescript@7 tests/api/openapi/v2.json --output $(CACHE)/v2.d.ts
	npx --yes --package typescript@5 tsc --noEmit --strict $(CACHE)/v1.d.ts $(CACHE)/v2.d.ts

bench: $(READY) ## Measure against the reference applications (ten minutes; ARGS=--quick for a look).
	$(BIN)/python -m bench $(ARGS)

bench-compare: $(READY) ## Fail if this tree needs over 15 % more CPU a request than BASE=<revision>.
	@test -n "$(BASE)" || { echo "Name the revision to compare with: make bench-compare BASE=HEAD~1"; exit 2; }
	$(BIN)/python -m bench compare --base "$(BASE)" $(ARGS)

up: ## Start everything in containers.
	docker compose up --build

lock: $(BIN)/python ## Write the lock files again (UPGRADE=--upgrade for newer versions).
	$(COMPILE) --group build --output-file requirements/build.lock
	$(COMPILE) pyproject.toml --output-file requirements/runtime.lock
	$(COMPILE) pyproject.toml --extra embedded --extra dev --constraint requirements/runtime.lock \
		--output-file requirements/dev.lock

clean: ## Remove .venv and what the tools left; the data of `make run` stays.
	rm -rf $(VENV) $(CACHE) .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## Remove the database of `make run`.
	rm -rf .data

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.14 was found. Name one: make PYTHON=/path/to/python3 run"; exit 1; }
	$(INSTALL) $(PYTHON) -m venv $(VENV)
	@command -v $(UV) >/dev/null || { $(INSTALL) $(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.lock; }

$(ATTACKERS): $(READY)
	@mkdir -p $(CACHE)
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(CACHE)/attackers
	$(UV) pip install --quiet --python $(CACHE)/attackers/bin/python sqlmap wapiti3
	@touch $@

$(READY): $(BIN)/python $(LOCKS) pyproject.toml
	$(INSTALL) $(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python $(LOCKS)
	$(INSTALL) $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
