# Each target sets up what it needs; the environment lives in .venv (or VENV=…), and PYTHON=… picks the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
PROMPT ?= a crimson ball rolls to the right on a sand background
STAMP := $(VENV)/.installed
WORKERS ?= logical
PYTEST := $(BIN)/python -m pytest
NO_MODELS := $(patsubst %,--ignore tests/%,engine/families engine/test_built_in.py embedded calibration models/test_loading.py)
DRILLS ?= drill or slow
TSC := timeout 60 npx --yes --package typescript@5.9.3 tsc
SHARED_OUT := -n $(WORKERS) --maxprocesses 4 --dist loadfile

.PHONY: demo serve test test-fast drills bench lint format install

install: $(STAMP)
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	@KINORAY_PORT=$(PORT) ONCE=$(ONCE) $(BIN)/python -m cluster.demo "$(PROMPT)"

serve: install
	@$(BIN)/kinoray serve --port $(PORT)

# Everything but drills: first what needs no Ray, shared out to processes with a Redis each; then what shares one Ray.
test: install
	$(PYTEST) $(SHARED_OUT) -m "not cluster and not drill and not slow"
	$(PYTEST) -m "cluster and not slow" tests/deployments

test-fast: install
	$(PYTEST) $(SHARED_OUT) $(NO_MODELS) -m "not browser and not cluster and not drill and not redis and not slow"

drills: install
	$(PYTEST) -m "$(DRILLS)"

bench: install
	GOMP_SPINCOUNT=3000 $(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if $(TSC) --version >/dev/null 2>&1; then $(TSC) -p app/studio/jsconfig.json; \
	else echo "The page's types are not checked: npx is not here, or cannot have typescript (Debian: apt-get install npm)."; fi

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
