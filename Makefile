# Every target sets up what it needs by itself: a virtual environment in .venv and the locked dependencies.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check --quiet
RUNS   ?= 2000
INPUTS ?= 10000
# In a place of its own: nothing else needs it, nor the many packages that it brings.
SCHEMATHESIS := .versions/schemathesis
# What pip does with a wheel and not with an editable install: otherwise a first start compiles every module.
COMPILE := $(BIN)/python -m compileall -q core agentd tui

# Importing a test rewrites its assertions, which takes longer than all else of the import: the result is kept, whatever the shell says of bytecode.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest

.PHONY: run test check collect bench sim fuzz fuzz-api fuzz-schema docker-day shots site wheel pages proto lock clean

run: $(VENV)/.installed
	$(BIN)/swarm-tui up

# The checks use one processor, so the tests are imported for the first time beside them, once instead of by each worker.
test: $(VENV)/.installed-dev
	$(MAKE) --no-print-directory --jobs=2 --output-sync=line check collect
	$(PYTEST) -n auto --dist loadgroup tests

collect: $(VENV)/.installed-dev
	@said=$$($(PYTEST) --collect-only -qq tests 2>&1) || { echo "$$said"; exit 1; }

# Lint, format, types, import contracts.
check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(COMPILE)
	$(BIN)/python benchmarks/run.py

# Whole clusters from many seeds, with faults: RUNS of them, of which a test run plays 14. A tenth as many again of services and their
# orders, and of clusters that grow: a test run plays 7 and 8 of these. Then the seeds that once found something, and a minute of hostile bytes for the HTTP/2 core.
sim: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/sim.py --seeds $(RUNS)
	$(BIN)/python benchmarks/sim.py --ordering --seeds $$(( ($(RUNS) + 9) / 10 ))
	$(BIN)/python benchmarks/sim.py --growing --seeds $$(( ($(RUNS) + 9) / 10 ))
	$(BIN)/python benchmarks/sim.py --found
	$(BIN)/python benchmarks/fuzz_h2.py --seconds 60 --seed $$(date +%s)000

# Every input from outside (docs/design/fuzzing.md): INPUTS of each kind that nobody has played, at most ten minutes of each, with the lines that they reach.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/fuzz.py --inputs $(INPUTS) --seconds 600 --coverage 300

# A hundred thousand malformed requests for the Engine API, then those that schemathesis draws.
fuzz-api: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/fuzz_engine_api.py --seed $$(date +%s)000
	$(MAKE) --no-print-directory fuzz-schema

# What schemathesis makes of our OpenAPI document of the Engine API: good requests, and such as the document forbids.
fuzz-schema: $(VENV)/.installed-dev $(SCHEMATHESIS)/.installed
	PYTHONPATH=$(SCHEMATHESIS) $(BIN)/python benchmarks/fuzz_engine_schema.py --seed $$(date +%s)

# A day of work with the docker command, on ours and on a Docker Engine; what differs has a reason. Needs root and docker.io.
docker-day: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/docker_day.py

shots: $(VENV)/.installed-dev
	$(BIN)/python screenshots/make.py
	$(BIN)/python screenshots/cast.py

# The documentation as a site that is read without a network: build/site/index.html.
site: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# What is installed elsewhere: dist/swarm_tui-*.whl.
wheel: $(VENV)/.installed-dev
	$(BIN)/python -m hatchling build -t wheel

# What the pages for operators say to type, typed in an empty directory, from the installation to the end of it.
pages: $(VENV)/.installed-dev
	$(BIN)/python .ci/pages.py

# Regenerate the protobuf modules and their stubs from the .proto files.
proto: $(VENV)/.installed-dev
	PATH=$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I core --python_out=core --mypy_out=quiet:core core/swarm_core/api/proto/*.proto

# Write the locks anew: versions and hashes, no index address.
lock: $(BIN)/python
	$(PIP) install pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-header -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-header --allow-unsafe --extra dev -o requirements-dev.lock pyproject.toml
	echo 'schemathesis>=4.32,<5' | $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-header --constraint requirements-dev.lock -o .ci/schemathesis.lock -

clean:
	rm -rf $(VENV) .versions .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "swarm-tui needs Python 3.11 or newer: set PYTHON to one")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --editable .
	$(COMPILE)
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	touch $@

$(SCHEMATHESIS)/.installed: .ci/schemathesis.lock | $(BIN)/python
	$(PIP) install --upgrade --require-hashes --no-deps --target $(SCHEMATHESIS) -r $<
	touch $@
