# Tardigrade: `make run` flies the main job, `make test` proves the tree, `make bench` measures it.
SHELL := /bin/bash
PY := .venv/bin/python
STAMP := .venv/.lock-$(shell cat requirements.lock pyproject.toml | sha256sum | cut -c1-16)

.PHONY: run test lint bench fuzz peers campaign wheel clean

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

fuzz: $(STAMP)
	@$(PY) -m hil fuzz --inputs 1000000

# Yamcs binds its telemetry port to every address, so it gets a network of its own.
peers: .venv-peers/.ready
	@command -v ip >/dev/null || { echo "ip is missing: apt-get install iproute2"; exit 1; }
	@unshare -rn sh -c 'ip link set lo up && exec .venv-peers/bin/python -m pytest tests/peers -v -rs'

.venv-peers/.ready: pyproject.toml
	@python3 -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -q --disable-pip-version-check -e '.[peers]'
	@touch $@

# Every campaign runs to its end, whatever the one before found; what was flown already is kept.
CAMPAIGNS := \
  "upsets --level verify --target state --trials 1000" \
  "upsets --level verify --target inputs --trials 500" \
  "upsets --level verify --target shared --trials 60" \
  "upsets --level dmr --target all --trials 2000" \
  "upsets --level tmr --target all --trials 2000" \
  "upsets --level dmr --target all --fault line --trials 500" \
  "mixed --kills 200 --nodes 20" \
  "kills --runs 50"

campaign: $(STAMP)
	@began=$$SECONDS; bad=0; for each in $(CAMPAIGNS); do \
	  echo "hil campaign $$each"; $(PY) -m hil campaign $$each || bad=1; \
	done; echo "campaigns: $$((SECONDS - began)) s in all"; exit $$bad

wheel: $(STAMP)
	@$(PY) -m hatchling build -t wheel -d build/dist

# The environment is built beside and moved into place by its stamp, so that an interrupted set-up
# is repeated. uv is used where it is there; it is some ten times faster than pip.
$(STAMP): requirements.lock pyproject.toml
	@rm -f .venv/.lock-*
	@python3 -m venv .venv 2>/dev/null || { \
	  echo "python3 -m venv failed: apt-get install python3-venv (Python 3.11 or later)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip sync -q --python $(PY) --require-hashes requirements.lock && \
	  uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .; \
	else \
	  $(PY) -m pip install -q --disable-pip-version-check --require-hashes \
	    --only-binary :all: -r requirements.lock && \
	  $(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

clean:
	rm -rf build dist .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
