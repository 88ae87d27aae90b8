# `make demo` is the whole main job for a user; the other targets are for developers.
# Everything is made in .venv/, build/ and demo/; `make clean` removes them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SLIPSTICK := $(BIN)/slipstick

DEMO := demo
MODEL := examples/checkpoints/shift_lenet.pt2
DATA := examples/data

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint docs bench bench-quick clean check-system install install-dev package

help:
	@echo "make demo      compile, simulate and synthesise a trained network (10 minutes)"
	@echo "make test      the tests but the slow ones      make test-all  all of them"
	@echo "make lint      style, types, direction of imports"
	@echo "make docs      docs/ as HTML in build/site      make bench     the benchmarks"
	@echo "make clean     remove everything the above made"

demo: check-system $(VENV)/installed
	rm -rf $(DEMO)
	$(SLIPSTICK) compile $(MODEL) -o $(DEMO) --calibrate $(DATA)/fashion_mnist_calibration.npz \
	    --evaluate $(DATA)/fashion_mnist_test.npz
	$(SLIPSTICK) simulate $(DEMO) --frames 3
	$(SLIPSTICK) simulate $(DEMO) --fast --images $(DATA)/fashion_mnist_test.npz
	$(SLIPSTICK) synth $(DEMO)
	$(SLIPSTICK) report $(DEMO)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-all: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q -n 2 --hypothesis-profile explore

# Types and imports are checked on the installed wheel: only there boards/, rtl_templates/ and
# sim/ are part of the package.
lint: $(VENV)/installed-dev package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/installed $(BIN)/mypy
	PYTHONPATH=build/installed $(BIN)/lint-imports

docs: $(VENV)/installed-dev
	$(BIN)/mkdocs build --quiet --strict --site-dir build/site
	@echo "build/site/index.html"

bench: $(VENV)/installed-dev build/rivals/da4ml/installed build/rivals/nngen/installed
	$(BIN)/python benchmarks/table.py

# Leaves out routing, and what takes Yosys more than a minute.
bench-quick: $(VENV)/installed-dev build/rivals/da4ml/installed build/rivals/nngen/installed
	$(BIN)/python benchmarks/table.py --seconds 60

# Each in an environment of its own: their packages need not agree with ours.
build/rivals/%/installed: benchmarks/rivals/%.txt
	$(PYTHON) -m venv build/rivals/$*
	build/rivals/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf $(VENV) build dist $(DEMO) gen/*.egg-info .pytest_cache .ruff_cache .mypy_cache \
	    .hypothesis .import_linter_cache

# The sdist, the wheel made from it, and the wheel unpacked.
package: $(VENV)/installed-dev
	rm -rf build/package build/installed
	$(BIN)/python -m build --no-isolation --outdir build/package . >build/package.log 2>&1 \
	    || { tail -20 build/package.log; exit 1; }
	$(INSTALL) --no-deps --target build/installed build/package/*.whl

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(VENV)/installed: pyproject.toml constraints.txt
	$(MAKE) --no-print-directory check-system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	mkdir -p build
	$(INSTALL) -e ".[dev,ecp5]"
	touch $@

# Debian's packages that pip cannot bring. cocotb needs a shared libpython, which Debian's
# python3 does not depend on.
SHARED_LIBPYTHON := import ctypes, os, sysconfig as s; so = s.get_config_var("INSTSONAME"); \
    os.path.exists(os.path.join(s.get_config_var("LIBDIR"), so)) or ctypes.CDLL(so)

VERSION := import sys; print("%d.%d" % sys.version_info[:2])

check-system:
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "error: $(PYTHON) 3.11 or newer is missing; apt-get install python3" >&2; exit 2; \
	fi; \
	missing=""; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	$(PYTHON) -c '$(SHARED_LIBPYTHON)' 2>/dev/null \
	    || missing="$$missing libpython$$($(PYTHON) -c '$(VERSION)')"; \
	command -v g++ >/dev/null || missing="$$missing g++"; \
	if [ -n "$$missing" ]; then \
	    echo "error: missing Debian packages; apt-get install$$missing" >&2; exit 2; \
	fi
