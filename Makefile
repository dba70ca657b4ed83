# Clone Digital: `make run` starts it, `make test` tests it, `make help` lists the rest.
# Needs Python 3.11 or newer with its venv module; another one: make PYTHON=python3.12 run

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := agent channels knowledge prompts commands
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt

# A pip set to install for the user (as on Replit) refuses to install into a virtual environment.
export PIP_USER := 0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run install replit-install test check static format bench constraints clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## install what is missing, start the clone and print its address
	@exec $(BIN)/clone serve

install: $(VENV)/.installed ## install only

replit-install: $(VENV)/.installed-postgres ## install with the postgres extra, as Replit runs it

test: $(VENV)/.installed-dev ## install the development extras and run every test (ARGS=… for pytest)
	@$(BIN)/python -m pytest $(ARGS)

check: static test ## everything that has to pass before a change is offered

static: $(VENV)/.installed-dev ## formatting, lint, types, security and forbidden calls
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict $(PACKAGES) app.py
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES) app.py
	$(BIN)/python -m pytest --quiet tests/unit/test_forbidden_calls.py

format: $(VENV)/.installed-dev ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## measure memory and speed against their aims (ARGS=voice for one of them)
	@$(BIN)/python -m benchmarks $(ARGS)

constraints: $(VENV)/.installed-dev ## pin what is installed now
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable \
		| grep -v -e ' @ ' -e '://'; } > constraints.new && mv constraints.new constraints.txt

clean: ## remove the virtual environment and every cache, never the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of extras: a second run finds it and starts at once.
# pip compiles what it installs; our own code is compiled here, so that no start pays for it.
$(VENV)/.installed: EXTRAS :=
$(VENV)/.installed-postgres: EXTRAS := [postgres]
$(VENV)/.installed-dev: EXTRAS := [postgres,dev]
$(VENV)/.installed $(VENV)/.installed-postgres $(VENV)/.installed-dev: \
		pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Clone Digital$(EXTRAS); the first time takes a minute or two."
	@$(PIP) --editable '.$(EXTRAS)'
	@$(BIN)/python -m compileall -q $(PACKAGES) app.py
	@touch $(VENV)/.installed $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing: sudo apt-get install python3-venv" >&2; exit 1; }
