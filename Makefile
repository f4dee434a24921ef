# Everything runs in .venv, which is made on the first call and kept. The second call is quick.
# The plain commands behind each target stand in README.md, for systems without make.

PYTHON ?=
LAB_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
QUICKSTART := notebooks/01_quickstart.ipynb
OLD_IPYKERNEL := 6.31.0
AXE := 4.14.1
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test lint types layers kernels unit browser notebooks test-oracles bench axe clean

help: ## list the targets
	@echo "usage: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(VENV)/.notebook ## open the quickstart in JupyterLab (LAB_ARGS="--no-browser --port 9999")
	$(PY) -m interactive_train warm
	$(PY) -m jupyterlab $(ALLOW_ROOT) --LabApp.default_url=/lab/tree/$(QUICKSTART) $(LAB_ARGS)

test: lint types layers kernels unit browser notebooks ## lint, types, layers, unit, browser and notebook tests

lint: $(VENV)/.test ## ruff (rules and format) and numpydoc
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	find interactive_train widgets -name '*.py' -exec $(PY) -m numpydoc lint {} +

types: $(VENV)/.test ## mypy --strict
	$(PY) -m mypy --strict

layers: $(VENV)/.test ## the floors: who may import whom
	$(VENV)/bin/lint-imports

kernels: $(VENV)/.test ## compile what is not compiled yet, so that no test waits for it
	$(PY) -m interactive_train warm

unit: $(VENV)/.test $(VENV)/ipykernel-$(OLD_IPYKERNEL)/.done ## unit and message-level tests (TEST_ARGS="-k name")
	$(PY) -m pytest -m "not oracle and not browser and not notebook" $(TEST_ARGS)

browser: $(VENV)/.test axe ## JupyterLab and Notebook 7 in a real Chromium
	.ci/chromium
	$(PY) -m pytest tests/browser $(TEST_ARGS)

notebooks: $(VENV)/.test ## every notebook, against its outputs and headless
	$(PY) -m pytest tests/notebooks $(TEST_ARGS)

test-oracles: $(VENV)/.oracles ## compare with the live peers (PyTorch and the like)
	$(PY) -m pytest -m oracle $(TEST_ARGS)

bench: $(VENV)/.bench ## measure, against PyTorch and JAX as well (BENCH_ARGS="--only gpt --quick")
	$(PY) -m benchmarks.run --json test-results/bench.json $(BENCH_ARGS)
	for script in benchmarks/bench_*.py; do $(PY) -m "benchmarks.$$(basename "$$script" .py)" || exit 1; done

axe: $(VENV)/axe-core-$(AXE)/.done ## fetch the accessibility checker of the browser tests

clean: ## remove the environment, caches and results
	rm -rf $(VENV) build dist test-results .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: one stamp for each set of dependencies; newer pyproject, new install.

$(PY):
	python="$(PYTHON)"; [ -n "$$python" ] || python=$$(.ci/python) || exit 1; \
	"$$python" -m venv --clear $(VENV)

$(VENV)/.notebook $(VENV)/.test $(VENV)/.oracles $(VENV)/.bench: $(VENV)/.%: pyproject.toml | $(PY)
	$(PY) -m pip install --editable ".[$*]"
	@touch $@

# An older kernel protocol beside the newest, for tests at message level. nest-asyncio is its only
# dependency that the newest one has not.
$(VENV)/ipykernel-%/.done: | $(PY)
	$(PY) -m pip install --no-deps --target $(@D) --upgrade ipykernel==$* nest-asyncio
	@touch $@

# An npm package of one file that the browser tests put into a page; nothing of it runs here.
$(VENV)/axe-core-%/.done: | $(PY)
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent --ignore-scripts axe-core@$* && tar -xzf axe-core-$*.tgz
	@touch $@
