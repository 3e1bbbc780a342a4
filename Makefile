# Two commands matter: `make demo` and `make test`. Both install what they need first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# uv is taken from the PATH or installed into a small environment of its own.
UV_ENV := .uv
UV := $(shell command -v uv 2>/dev/null || echo $(UV_ENV)/bin/uv)
RUN := $(UV) run --no-sync --quiet

.PHONY: help install demo down test lint unit explore integration terraform airflow-leg mwaa-package mwaa-smoke lambda-package container gitlab attack attack-table docs pictures

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(UV_ENV)/bin/uv:
	$(PYTHON) -m venv $(UV_ENV)
	$(UV_ENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

ifeq ($(UV),$(UV_ENV)/bin/uv)
install: $(UV_ENV)/bin/uv
endif
install: ## The locked environment, and the example's dependencies in uv's cache
	$(UV) sync --locked --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	$(RUN) python -m modelway.packaging.warm model_template/template examples/breast-cancer

demo: install ## The life of a model, whole, on this machine
	$(RUN) modelway demo

down: ## Stop the local stack
	$(RUN) modelway down

lint: install ## ruff, codespell, mypy (strict), pylint
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) codespell
	$(RUN) mypy src local/modelway_local
	$(RUN) pylint --score=n src/modelway local/modelway_local lambdas plugins dags

unit: install ## Unit tests: seconds, no sockets
	$(RUN) pytest -q -n 2 tests/unit

explore: install ## Property tests on new random examples, many more than `make unit` tries
	$(RUN) pytest -q -n 2 tests/unit -m hypothesis --hypothesis-profile explore

integration: install ## The DAGs, the gateway, and the stack brought up once and driven for real
	$(RUN) pytest -q tests/dags tests/contract tests/integration tests/iam_simulate

terraform: install ## Apply, replan, change and destroy on the loopback AWS; says what it could not run
	$(RUN) pytest -q tests/terraform

LEG ?= 3.0.6
airflow-leg: install ## DAGs, plugins and core on another Airflow: LEG=3.0.6 or LEG=newest, in an environment of its own
	$(UV) venv --quiet --clear --python .venv/bin/python .venv-airflow-$(LEG)
	$(UV) pip install --no-config --quiet --python .venv-airflow-$(LEG)/bin/python -r ci/airflow/$(LEG).txt -r ci/airflow/tests.txt
	AIRFLOW_HOME=$(CURDIR)/.venv-airflow-$(LEG)/airflow .venv-airflow-$(LEG)/bin/python -m pytest -q -p no:cacheprovider tests/dags tests/unit \
		--ignore tests/unit/ci --ignore tests/unit/terraform

container: install ## Images that buildah builds, and running one; installs buildah where it may
	$(RUN) pytest -q tests/container

gitlab: install ## Both pipelines' YAML by gitlab-ci-local: a commit to an endpoint, and the schedule
	$(RUN) pytest -q tests/gitlab_ci

# The attacks are tests of the suites below, so `make test` carries each out once and needs no `attack`.
ONLY ?=
attack: install ## Carry out every attack on the trust boundary, and print what stopped it; ONLY=PATTERN for some
	$(RUN) python -m tests.attacks --only '$(ONLY)'

attack-table: install ## Write the table of attacks into docs/explanation/security.md
	$(RUN) python -m tests.attacks --write

docs: install ## The documentation as a site in site/, in an environment of its own; a broken link stops it
	UV_PROJECT_ENVIRONMENT=.venv-docs $(UV) sync --locked --quiet --only-group docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

pictures: install ## docs/images: photographs of a demo that it plays on a stack of its own; needs Chromium
	$(RUN) python -m ci.docs.pictures

mwaa-package: install ## dist/: wheel, plugins.zip, requirements.txt, DAGs and startup script for MWAA
	$(RUN) python -m ci.terraform.mwaa_package

mwaa-smoke: install ## Install that package in a clean environment and import every DAG
	$(RUN) python -m ci.terraform.mwaa_smoke

lambda-package: install ## dist/lambda/: the functions' zips
	$(RUN) python -m ci.terraform.lambda_package

# The longest first: two run at a time.
SUITES := integration lint unit docs terraform gitlab container mwaa-smoke
test: install ## Everything that CI runs; every suite, even when one fails, and one summary
	$(RUN) python -m ci.suites $(SUITES)
