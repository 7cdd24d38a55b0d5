# The targets are the project's front door: `make` lists them.
PYTHON ?= python3
ACTION ?= start
EVENTS ?= 20000
PART ?= journey
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 6
WHEEL = $(VENV)/wheel
WHEEL_TESTS ?= tests/streams tests/agents tests/examples
SIDE_BY_SIDE = -n $(JOBS) --dist loadfile --no-loadscope-reorder

# uv installs in seconds what takes pip half a minute. It does not read pip's configuration:
# where the index of packages is known only there, pip installs them.
LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
  --require-hashes --requirement

# Some hundred interpreters start in a run of the tests: each module is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types layers bytecode format bench kafka lock clean
.PHONY: dist sbom supply
.PHONY: $(addprefix bench-,all journey quota latency table user pacing replay sync formats metrics)
.PHONY: bench-compare

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) \
	  | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: $(STAMP) ## Make .venv from the lock (again only when the lock changed)

demo: $(STAMP) ## The whole journey on this machine, compared with the truth
	@$(BIN)/klaviyo-streams demo

test: lint types layers bytecode ## Everything CI runs: lint, types, layers, all tests, coverage
	@$(BIN)/pytest $(SIDE_BY_SIDE) --cov --cov-report=term

check: lint types layers ## Before a commit: test, without Kafka and without slow tests
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not kafka and not slow and not benchmark"

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

layers: $(STAMP) ## import-linter: who may import whom
	$(BIN)/lint-imports

# pytest's own bytecode, before all test processes write it side by side.
bytecode: $(STAMP)
	@$(BIN)/pytest --collect-only -qq >$(VENV)/collected || { cat $(VENV)/collected; exit 1; }

format: $(STAMP) ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-$(PART) ## Print the numbers; PART=quota latency table user pacing replay sync formats metrics compare all

bench-all: bench-journey bench-quota bench-latency bench-table bench-user \
  bench-pacing bench-replay bench-sync bench-formats bench-metrics

bench-journey: $(STAMP)
	@$(BIN)/python -m tests.benchmarks --events $(EVENTS)

bench-compare: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.compare --base "$(BASE)"

bench-quota: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.quota_use

bench-latency: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.latency
	@$(BIN)/python -m tests.benchmarks.latency --quota-scale 1

bench-table: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.table --memberships 1000000

bench-user: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.hot_user

bench-pacing: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.rate_limiting

bench-replay: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.replay_rate

bench-sync: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.sync
	@$(BIN)/python -m tests.benchmarks.sync --database postgresql

bench-formats: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.formats

bench-metrics: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.metrics

kafka: $(STAMP) ## A real Kafka by hand: make kafka, make kafka ACTION=stop (or status)
	@$(BIN)/python -m tests.brokers $(ACTION)

lock: $(STAMP) ## Write requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev \
	  --extra msk --extra registry --extra warehouse \
	  --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" \
	  --output-file requirements.lock pyproject.toml

# The tests find no source beside them: they import what the wheel has installed.
dist: $(STAMP) ## Build wheel and sdist into dist/, and run the tests against the wheel
	@rm -rf dist $(WHEEL) && mkdir -p $(WHEEL)/sdist
	@$(BIN)/python -m hatchling build --directory dist
	@tar -xzf dist/*.tar.gz --strip-components 1 -C $(WHEEL)/sdist
	@find $(WHEEL)/sdist/streams $(WHEEL)/sdist/agents -name '*.py' -delete
	@$(BIN)/python -m venv --without-pip $(WHEEL)/venv
	@$(BIN)/uv pip install --quiet --python $(WHEEL)/venv/bin/python --offline --no-deps dist/*.whl
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
	  >$$(echo $(WHEEL)/venv/lib/python3*/site-packages)/locked.pth
	cd $(WHEEL)/sdist && ../venv/bin/python -m pytest $(SIDE_BY_SIDE) \
	  -m "not kafka and not slow and not benchmark" $(WHEEL_TESTS)

sbom: $(STAMP) ## Write dist/sbom.cdx.json: what is shipped, with versions and licences
	@mkdir -p dist
	$(BIN)/python -m deploy.supply.sbom >dist/sbom.cdx.json

supply: $(STAMP) ## Review the lock: asks the index when packages were released, if yanked
	$(BIN)/python -m deploy.supply.lock_review

clean: ## Remove .venv and every cache in the checkout
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find streams agents tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not:" \
	       "$$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
	  echo "Name another: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@rm -f $@
	@$(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON) -m venv' does not work (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "installing the locked packages into $(VENV) ..."
	@awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements.lock >$(VENV)/uv.lock
	@$(LOCKED) $(VENV)/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes \
	  --requirement requirements.lock 2>$(VENV)/uv.log || $(LOCKED) requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	@touch $@
