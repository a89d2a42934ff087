# Tardigrade: `make run` flies the main job, `make test` proves the tree, `make bench` measures it.
SHELL := /bin/bash
PY := .venv/bin/python
STAMP := .venv/.lock-$(shell sha256sum requirements.lock | cut -c1-16)

.PHONY: run test lint bench campaign wheel clean

run: $(STAMP)
	@$(PY) -m hil demo

test: lint $(STAMP)
	@$(PY) -m pytest

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: $(STAMP)
	@$(PY) -m hil bench

campaign: $(STAMP)
	@$(PY) -m hil campaign kills --runs 50

wheel: $(STAMP)
	@$(PY) -m hatchling build -t wheel -d build/dist

# The environment is built beside and moved into place by its stamp, so that an interrupted set-up
# is repeated. uv is used where it is there; it is some ten times faster than pip.
$(STAMP): requirements.lock
	@rm -f .venv/.lock-*
	@python3 -m venv .venv 2>/dev/null || { \
	  echo "python3 -m venv failed: apt-get install python3-venv (Python 3.11 or later)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip sync -q --python $(PY) --require-hashes requirements.lock; \
	else \
	  $(PY) -m pip install -q --disable-pip-version-check --require-hashes \
	    --only-binary :all: -r requirements.lock; \
	fi
	@touch $@

clean:
	rm -rf build dist .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
