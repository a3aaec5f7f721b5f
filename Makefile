# Two commands on a fresh machine: `make demo` and `make test`. Linux and macOS; for Windows see README.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

.PHONY: install install-test demo test test-slow lint bench bundle lock wheel-test clean

install: $(VENV)/.installed

# torch first, so that nothing upgrades it; everything else by hash and without resolving again.
$(VENV)/.installed: requirements.lock constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -r constraints.txt
	$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	touch $@

install-test: $(VENV)/.installed-test

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock
	$(PIP) install --quiet --no-deps --require-hashes -r requirements-test.lock
	$(PIP) check
	touch $@

demo: install
	$(BIN)/okakae demo

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -m "not slow" -n auto

test-slow: install-test
	$(BIN)/python -m pytest -m slow

bench: install-test
	$(BIN)/python -m bench

# The wheel in a fresh environment outside the checkout: catches facts and samples that do not ship.
wheel-test: install-test
	$(BIN)/python -m pytest -m slow tests/test_wheel.py

# A folder of wheels for a closed network: pip install --no-index --find-links wheelhouse okakae[all]
bundle: install
	$(PIP) download --quiet --dest wheelhouse -r constraints.txt
	$(PIP) download --quiet --no-deps --require-hashes --dest wheelhouse -r requirements.lock
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir wheelhouse .
	cp requirements.lock constraints.txt wheelhouse/
	@echo "wheelhouse/ is ready: see README, offline use"

# Resolve again for every platform and hash everything, but torch and what only its CUDA build brings.
UV_COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
	--generate-hashes --no-header --no-annotate --constraint constraints.txt
TORCH_ONLY = $$(grep -oE '^(torch|triton|cuda-[a-z0-9-]+|nvidia-[a-z0-9-]+)' .lock.tmp \
	| grep -v nvidia-ml-py | sort -u | sed 's/^/--no-emit-package /')
lock:
	$(PIP) install --quiet uv
	$(UV_COMPILE) --all-extras --group build --group test --output-file .lock.tmp
	$(UV_COMPILE) --all-extras --group build --group test $(TORCH_ONLY) --output-file requirements-test.lock
	$(UV_COMPILE) --all-extras --group build --constraint requirements-test.lock $(TORCH_ONLY) \
		--output-file requirements.lock
	rm .lock.tmp
	! grep -qE '^kernels==' requirements.lock requirements-test.lock

clean:
	rm -rf $(VENV) build dist wheelhouse
