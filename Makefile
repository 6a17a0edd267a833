# make run: set up, and load the examples.   make test: set up the rest, and run all checks.
# make test-flink: the job on a real Flink cluster.   make test-newest: the tests with the newest Beam.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test test-matrix test-faults test-flink test-newest fuzz check format schema docs bench bench-full clean

run: $(VENV)/.installed
	@rm -rf examples/out && mkdir -p examples/out
	$(BIN)/python run_pipeline.py --input 'examples/bank_statements/*.xml' --contract examples/bank_statements/contract.yaml \
	  --target sqlite:///examples/out/bank_statements.db --direct_num_workers 2 --run_dir examples/out/bank_statements
	$(BIN)/python run_pipeline.py --input examples/software_lists/a2600.xml --contract examples/software_lists/contract.yaml \
	  --target sqlite:///examples/out/software_lists.db --direct_num_workers 2 --run_dir examples/out/software_lists
	@$(BIN)/python examples/look.py

test: $(VENV)/.installed-test check
	.ci/install-odbc && $(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=
	$(BIN)/python -m tests.coverage_table

# Loads that are killed, cut off and starved at many points, and compared with undisturbed ones: an hour or more.
# `make test-faults FAULTS="--kills 10 --only SQLite"` is a part of it; the seed that it prints repeats it.
test-faults: $(VENV)/.installed-test
	$(BIN)/python -m tests.faults $(FAULTS)

# Random documents, damage, contracts and command lines: `make fuzz FUZZ="--seconds 3600"`.
fuzz: $(VENV)/.installed-test
	$(BIN)/python -m tests.fuzz $(FUZZ)

# Java and Maven are needed; without them, or where what they need cannot be had, it says so and is skipped.
test-flink: $(VENV)/.installed-test
	BEAMSHRED_TEST_FLINK=1 $(BIN)/python -m pytest -rs tests/flink

# Beam is pinned to the minor version whose internals were tested; this tries the next.
test-newest:
	$(MAKE) VENV=.venv-newest .venv-newest/.installed-test
	.venv-newest/bin/python -m pip install --quiet --upgrade apache-beam
	.venv-newest/bin/python -m pytest -n 2

# The package, installed afresh with each Python that is here, and with the lowest versions of what it needs.
test-matrix: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet 'nox>=2025.2'
	$(BIN)/nox

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The JSON Schema by which editors complete and check contracts; a test says when it is out of date.
schema: $(VENV)/.installed
	$(BIN)/python -m transforms.contract.schema_file docs/contract.schema.json

# The documentation as a site in site/, with the page of flags and the pictures anew.
docs: $(VENV)/.installed-test
	$(BIN)/python -m beamshred.flags_page docs/flags.md
	$(BIN)/python examples/pictures.py
	$(BIN)/python -m mkdocs build --strict

# Tables and plots in benchmarks/out: in minutes, or with all inputs in an hour or two.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.run

bench-full: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.run --full

clean:
	rm -rf $(VENV) .venv-newest .nox examples/out build *.egg-info

# Debian keeps the module that makes virtual environments in a package of its own.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/install-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml setup.py
	@.ci/with-news 'Updating pip' $(BIN)/python -m pip install --quiet --upgrade pip
	@PYTHONWARNINGS=ignore .ci/with-news 'Installing what beamshred needs' $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@PYTHONWARNINGS=ignore .ci/with-news 'Installing what make test needs' $(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@PYTHONWARNINGS=ignore .ci/with-news 'Installing what make bench needs' $(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@
