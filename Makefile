# `make help` says what there is. Needs Python 3.11 to 3.13 and, on a machine with neither, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?= 8000
ARGS ?=
# One more than there are processors: tests with browsers and processes wait half of their time.
JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.done
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
export PIP_ROOT_USER_ACTION := ignore
unexport PYTHONDONTWRITEBYTECODE  # with compiled code every process of ours starts a second sooner

# An index set by the machine (pip.conf) is used; nothing here names one.
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help demo run test test-fast lint types bench lock assets translations clean

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(DONE)/app assets ## Start everything with example data and show where to sign in (PORT=8000)
	@exec $(BIN)/helpdesk demo --port $(PORT) $(ARGS)

run: $(DONE)/app assets ## Start everything with the data of config.toml (ARGS="--port 8000")
	@exec $(BIN)/helpdesk up $(ARGS)

test: $(DONE)/dev assets ## Run all tests, on SQLite and on PostgreSQL (REQUIRE_ALL=1: a missing program fails)
	@$(BIN)/python -m tests.servers $(if $(REQUIRE_ALL),--all)
	REQUIRE_ALL=$(REQUIRE_ALL) HELPDESK_TEST_DB=sqlite $(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)
	@if $(BIN)/python -m tests.servers --only postgresql >/dev/null; then \
	  REQUIRE_ALL=$(REQUIRE_ALL) HELPDESK_TEST_DB=postgresql $(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS); \
	else echo "Not run on PostgreSQL: no server found."; fi

test-fast: $(DONE)/dev assets ## Run the tests on SQLite without browser and slow ones
	$(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m "not browser and not slow" $(ARGS)

lint: $(DONE)/dev ## Check style, format, names of icons, and that everything is translated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.assets --strict
	$(BIN)/python -m tools.translations check

types: $(DONE)/dev ## Check types
	$(BIN)/mypy

bench: $(DONE)/dev assets ## Run the benchmarks (see bench/README.md)
	$(BIN)/python -m bench $(ARGS)

lock: $(DONE)/dev ## Compile requirements/*.txt and frontend/package-lock.json anew (UPGRADE=1: to the newest)
	$(BIN)/uv pip compile $(LOCK) $(if $(UPGRADE),--upgrade) requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile $(LOCK) $(if $(UPGRADE),--upgrade) requirements/node.in -o requirements/node.txt
	$(BIN)/uv pip compile $(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/build.txt pyproject.toml -o requirements/base.txt
	$(BIN)/uv pip compile $(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/base.txt --extra dev --extra gevent pyproject.toml -o requirements/dev.txt
	cd frontend && npm install --package-lock-only --ignore-scripts
	@! grep -nE '"resolved"' frontend/package-lock.json
	@! grep -nE 'https?://' requirements/*.txt

assets: $(DONE)/app ## Build the front end and the translations, where something changed
	@$(BIN)/python -m tools.translations compile
	@$(BIN)/python -m tools.assets

translations: $(DONE)/dev ## Collect the strings to translate into translations/ and compile them
	@$(BIN)/python -m tools.translations update

clean: ## Remove what was built (not the data)
	rm -rf $(VENV) frontend/node_modules helpdesk/static/dist build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	find translations -name '*.mo' -delete 2>/dev/null || true

# ---- the environment: each step is done once, and again when its lock changes

$(DONE)/venv:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; \
	done; \
	if [ -z "$${python:-}" ]; then echo "Python 3.11 or newer is needed (PYTHON=/path/to/python)." >&2; exit 1; fi; \
	echo "Making $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { echo "No venv module: on Debian and Ubuntu, apt install python3-venv." >&2; exit 1; }
	@mkdir -p $(DONE) && touch $@

$(DONE)/node: requirements/node.txt | $(DONE)/venv
	@$(BIN)/python -c 'import sys; from tools.assets import node_on_path; sys.exit(not node_on_path())' \
	  || { echo "Installing Node.js into $(VENV)"; $(PIP) install --require-hashes -r requirements/node.txt; }
	@touch $@

$(DONE)/base: requirements/build.txt requirements/base.txt | $(DONE)/venv
	@echo "Installing what the helpdesk needs"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/base.txt
	@touch $@

$(DONE)/app: pyproject.toml hatch_build.py $(DONE)/base $(DONE)/node
	@HELPDESK_SKIP_FRONTEND=1 $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DONE)/dev: requirements/dev.txt $(DONE)/app
	@echo "Installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
