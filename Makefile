# `make` lists the targets. Everything runs in .venv, which `make setup` builds from constraints.txt.

BOOT ?= python3
PY := .venv/bin/python
NAME ?=
ARGS ?=

# Compiled modules are kept: without them every process spends seconds on compiling what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup servers demo test check fmt bench docs parity lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## build .venv from the pins in constraints.txt; does nothing when it is current
	@$(BOOT) scripts/setup.py

servers: setup ## install what tests start, where it is missing: Redis, Postgres, Kafka, Java, Node, TypeScript, Chromium, wrk
	@$(PY) scripts/servers.py redis-server postgres initdb kafka java node npm chromium typescript npm-packages wrk

demo: setup ## run the flights example from raw files to recomputed predictions
	@$(PY) examples/flights/demo.py $(ARGS)

test: check servers ## what CI runs: linters, types, every test, every example in the documentation, the page of parity
	@rm -rf .cache/parity
	@$(PY) -m pytest -n 2 --hypothesis-profile=ci $(ARGS)
	@$(if $(strip $(ARGS)),:,$(PY) scripts/parity.py --check)

check: setup ## linters and types only
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

fmt: setup ## format the code and mend what the linter can
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

bench: setup ## run a benchmark: make bench NAME=startup ARGS=--json
	@$(PY) -m bench $(NAME) $(ARGS)

docs: setup ## write the generated pages of docs/ anew
	@$(PY) scripts/docs.py

parity: setup ## write docs/parity.md from the last whole run of `make test`
	@$(PY) scripts/parity.py

lock: setup ## resolve the floors in pyproject.toml into constraints.txt
	@$(PY) scripts/lock.py $(ARGS)

clean: ## remove .venv, caches and what the example wrote
	rm -rf .venv .cache .gapless .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
