# What people type. Everything installs itself into .venv on the first use.

PYTHON_IN_VENV := .venv/bin/python
PYTEST_OPTIONS ?=
# What the tests of local models need: gigabytes. `make test EXTRAS=` does without, and skips them.
EXTRAS ?= requirements-diffusers.txt
# Most tests wait for something, so there is one process more than there are cores. tests/conftest.py says what stays in one.
IN_PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Settings of an installation that others reach, for Django's own deployment check.
DEPLOYED := HOST=0.0.0.0 ANONYMOUS_ACCESS=closed PUBLIC_URL=https://pictures.example.org DATA_DIR=$(or $(TMPDIR),/tmp)/chaotix-check

.PHONY: run local test test-stores lint screenshots thorough bench chaos mutants format lock clean

run: .venv/.run  ## start everything; prints `ready http://127.0.0.1:8000` when pictures can be made
	@exec $(PYTHON_IN_VENV) manage.py up

local: .venv/.run  ## install what models on this machine need (DIFFUSERS_MODEL, HF_TEXT_FOLDER); gigabytes
	@deploy/make-venv requirements-diffusers.txt

test: lint  ## check the code, then run every test on what a laptop has: SQLite, an own Valkey, a folder
	$(PYTHON_IN_VENV) -m pytest $(IN_PARALLEL) $(PYTEST_OPTIONS)

test-stores: .venv/.test  ## run every test on what a team has: PostgreSQL, a Redis with a password, an S3 store
	TEST_STORES=servers $(PYTHON_IN_VENV) -m pytest -m "not laptop" $(IN_PARALLEL) $(PYTEST_OPTIONS)

lint: .venv/.test  ## style, types, the direction of imports, migrations, deployment settings
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON_IN_VENV) manage.py makemigrations --check --dry-run
	$(DEPLOYED) $(PYTHON_IN_VENV) manage.py check --deploy --fail-level WARNING

screenshots: .venv/.test  ## every page in every state, at three widths, light and dark, as pictures in .cache/screenshots
	SCREENSHOTS=.cache/screenshots $(PYTHON_IN_VENV) -m pytest tests/browser/screenshots.py $(PYTEST_OPTIONS)

thorough: .venv/.test  ## what `make test` does on one screen or with some texts, on a phone, a tablet and a desktop, with all (an hour)
	THOROUGH=yes $(PYTHON_IN_VENV) -m pytest tests/browser $(PYTEST_OPTIONS)

bench: .venv/.test  ## measure, as ratios within one run; writes bench/RESULTS.md (half an hour; CHAPTERS="submit pages" for some)
	$(PYTHON_IN_VENV) -m bench $(CHAPTERS)

chaos: .venv/.test  ## the storms at full size, with a report: kills, frozen processes, Redis and disk taken away (an hour)
	$(PYTHON_IN_VENV) -m tests.chaos $(STORMS)

mutants: .venv/.test  ## take away each guard that keeps money safe, and see that its test fails then
	$(PYTHON_IN_VENV) -m tests.mutants

format: .venv/.test  ## bring the code into its usual form
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

lock: .venv/.test  ## resolve pyproject.toml into requirements.txt and requirements-dev.txt
	$(PYTHON_IN_VENV) deploy/lock.py

clean:  ## forget the environment; pictures and the database stay
	rm -rf .venv

.venv/.run: requirements.txt deploy/make-venv
	@deploy/make-venv requirements.txt
	@touch $@

.venv/.test: .venv/.run requirements-dev.txt $(EXTRAS)
	@deploy/make-venv requirements-dev.txt $(EXTRAS)
	@touch $@
