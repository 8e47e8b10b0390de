# The targets that people use; `make help` lists them. Everything is done by small tools, this file only joins them.

PYTHON ?= /usr/bin/python3
CACHE  ?= $(or $(BUNDLER_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bundler)
SITE   ?= demo
FUZZ_SECONDS ?= 60
V      := .venv
PY     := $(V)/bin/python
STAMP  := $(V)/.installed

# Compiled files are kept whatever the shell says: compiling the tests anew costs each worker ten seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench demo demo-wordpress demo-down check cover test test-unit test-real test-site test-site-all bench bench-large bench-site fuzz lock house dist format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: packages-demo $(STAMP) ## install what is missing: Debian packages, .venv, bundler into it

setup-test: packages-test setup ## the same with what the tests need

setup-bench: packages-bench setup-test ## the same with the peers that figures are measured beside

demo: setup ## build demo.run (KUBERNETES=upstream: from its makers' programs), boot an air-gapped site of two machines, bring Kubernetes up on it, show it
	@$(PY) -m tests.site demo --name $(SITE)

demo-wordpress: setup ## WordPress with MariaDB Galera and Redis Sentinel on three machines; the one whose database takes the writes loses power
	@SITE=$(SITE) $(PY) -m tests.site.wordpress

demo-down: $(STAMP) ## take the demo's site down; nothing is left but the cache
	@$(PY) -m tests.site down --name $(SITE)

CHECKS := check-format check-lint check-types check-imports check-shell check-collect
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs=4 --keep-going --output-sync=target

check: $(STAMP) ## format, lint, types, import rules, shellcheck, unit tests but no property tests: side by side
	@$(SIDE_BY_SIDE) $(CHECKS) check-unit

.PHONY: $(CHECKS) check-unit check-static
check-static: $(STAMP)
	@$(SIDE_BY_SIDE) $(CHECKS)
# hypothesis marks its tests itself; `make cover` runs these, too.
# Three at a time on two cores: some wait, for time limits and refusals.
check-unit:
	$(PY) -m pytest -q tests/unit -m "not hypothesis" -n 3 --dist worksteal
check-types:
	$(V)/bin/mypy
check-format:
	$(V)/bin/ruff format --check .
check-lint:
	$(V)/bin/ruff check .
check-imports:
	$(V)/bin/lint-imports --no-logo
check-shell:
	$(PY) -m tests.shellcheck
check-collect:
	@echo "collect tests/slow tests/real tests/site"; found=$$($(PY) -m pytest --collect-only -qq tests/slow tests/real tests/site) || { echo "$$found"; exit 1; }

test: setup-test check-static cover test-real test-site ## all checks and tests, each once: unit and slow under coverage, real parts, the site (about 35 minutes on two cores)

cover: $(STAMP) ## the unit and slow tests, all of them, and what they run of both programs; fails below the gate of pyproject.toml
	@rm -rf build/coverage
	COVERAGE_CORE=$$($(PY) -c 'import sys; print("sysmon" if hasattr(sys, "monitoring") else "ctrace")') \
		$(V)/bin/coverage run -m pytest -q tests/unit tests/slow -n 2 --dist worksteal
	@$(V)/bin/coverage combine -q
	$(V)/bin/coverage report

test-unit: $(STAMP) ## the unit and slow tests alone
	$(PY) -m pytest -q tests/unit tests/slow -n 2 --dist worksteal

test-real: setup-test ## tests against real parts: sshd, registry, apt, Helm
	$(PY) -m pytest tests/real

test-site: setup-test ## tests on machines that are booted here, the story and whose turn it is: needs root and systemd-nspawn
	$(PY) -m pytest tests/site

test-site-all: setup-test ## all tests on machines, before a release
	$(PY) -m pytest tests/site --rotating all

bench: setup-bench ## the figures of docs/performance.md, beside their peers, as tables; about 10 minutes
	@for name in build runfile serve pull deliver many delta recompress; do $(PY) -m tests.bench.$$name || exit; done

bench-large: setup-bench ## memory at a layer of 6 GiB and a .run of 20 GiB: 25 GiB of disk, about 10 minutes
	@$(PY) -m tests.bench.large

bench-site: setup-test ## a site brought up (1+1, then 3+1) and upgraded (3+2) by hand, and by the .run; prints tables; 40 minutes
	$(PY) -m tests.site.floor
	$(PY) -m tests.site.floor --control-planes 3 --workers 1
	$(PY) -m tests.site.floor_upgrade

fuzz: $(STAMP) ## throw bytes at what reads files of strangers, FUZZ_SECONDS=60 at each reader
	@for target in run kubefile reference manifest yaml; do \
		$(PY) -m tests.fuzz $$target -max_total_time=$(FUZZ_SECONDS) || exit; done

house: $(STAMP) ## measure the import graph: rooms, arrows, floors, circles
	@$(PY) -m tests.house

dist: $(STAMP) ## the wheel for pipx and uv, into dist/
	@$(PY) -m tests.dist

format: $(STAMP) ## let ruff format everything
	$(V)/bin/ruff format .
	$(V)/bin/ruff check --fix .

lock: ## pin all Python dependencies with their digests into .requirements/dev.txt
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet pip-tools==7.6.2
	build/lock/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra dev \
		--output-file .requirements/dev.txt pyproject.toml
	# pip-compile forgets for which machines an extra's packages are.
	sed -i 's/^atheris==[^ ]*/& ; platform_machine == "x86_64"/' .requirements/dev.txt

clean: ## remove what was built here; the cache stays
	rm -rf $(V) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info

.PHONY: packages-demo packages-test packages-bench
packages-demo:
	@$(PYTHON) -m tests.site.hostpackages demo
packages-test:
	@$(PYTHON) -m tests.site.hostpackages demo test
packages-bench:
	@$(PYTHON) -m tests.site.hostpackages demo test bench

# Hashes are required: not a byte comes in that was not seen when the list was made.
$(STAMP): .requirements/dev.txt pyproject.toml
	@echo "Making $(V) …"
	$(PYTHON) -m venv $(V)
	$(V)/bin/pip install -qq --disable-pip-version-check --require-hashes -r .requirements/dev.txt
	$(V)/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
