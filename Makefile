# Each target sets up what it needs; the environment lives in .venv (or VENV=…), and PYTHON=… picks the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
PROMPT ?= a crimson ball bounces across the sand
STAMP := $(VENV)/.installed

.PHONY: demo serve test bench lint format install

install: $(STAMP)
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	@KINORAY_PORT=$(PORT) ONCE=$(ONCE) $(BIN)/python -m cluster.demo "$(PROMPT)"

serve: install
	@$(BIN)/kinoray serve --port $(PORT)

test: install
	$(BIN)/python -m pytest

bench: install
	GOMP_SPINCOUNT=3000 $(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
