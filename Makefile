# Every target works from a clean clone; `make setup` is part of each that needs it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
RUN := .venv/bin
QUICKSTART ?= runs/quickstart
DOCKER ?= docker
IMAGE ?= gmlm:latest
ACCELERATOR ?= cpu
BASE_IMAGE ?=
TORCH_INDEX ?=
RECORD := -o junit_family=xunit1 --junitxml=
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help setup quickstart study-demo study-pretrainings real study-real test integration slow faults fuzz gpu pipelines e2e e2e-cluster e2e-groups alerts dashboards lint format bench-% lock image docker sbom manifests kind-up kind-down clean

help: ## Show the targets
	@grep -E '^[a-z0-9-]+%?:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready ## Make the virtual environment from uv.lock; installs uv beside it if it is missing

.venv/.ready: uv.lock pyproject.toml
	@scripts/sync
	@touch $@

# One thread: models this small gain nothing from more, and figures do not depend on the number of cores.
quickstart study-demo study-pretrainings real study-real: export OMP_NUM_THREADS ?= 1

quickstart: setup ## Make the demo world and run its study: raw text to a table with significance
	@test -f $(QUICKSTART)/study.yaml || $(RUN)/gmlm demo $(QUICKSTART)
	@$(RUN)/gmlm run $(QUICKSTART)/study.yaml

study-demo: setup ## The quickstart with five seeds, floors and a negative control (half an hour on two cores)
	@test -f $(QUICKSTART)/control.yaml || $(RUN)/gmlm demo $(QUICKSTART)
	@$(RUN)/gmlm run $(QUICKSTART)/control.yaml

study-pretrainings: setup ## The same with a pre-training for each seed (an hour on two cores)
	@test -f $(QUICKSTART)/pretrainings.yaml || $(RUN)/gmlm demo $(QUICKSTART)
	@$(RUN)/gmlm run $(QUICKSTART)/pretrainings.yaml

real: STUDY = real-cpu
real: setup ## Run the study of real texts in GMLM_REAL_DATA on this CPU

study-real: STUDY = real-seeds
study-real: setup ## The study of real texts with five seeds and floors (half an hour on two cores)

real study-real:
	@test -n "$${GMLM_REAL_DATA:-}" || { echo "set GMLM_REAL_DATA to the folder of real texts"; exit 2; }
	@test -f runs/world/study.yaml || $(RUN)/gmlm demo runs/world
	@GMLM_REAL_DATA="$$(realpath "$$GMLM_REAL_DATA")" $(RUN)/gmlm run examples/$(STUDY).yaml

test: setup ## Unit tests, and those against a real S3 server and browser where they are there
	@$(RUN)/python -m pytest -q -m "not slow and not cluster and not gpu and not docker"

integration: setup ## Only the tests that talk to real servers
	@$(RUN)/python -m pytest -q -m integration

slow: setup ## Only the tests that take longer than ten seconds
	@$(RUN)/python -m pytest -q -m "slow and not cluster and not gpu and not docker"

faults: setup ## Break it: kills, S3 faults, hostile input, canaries; writes docs/reliability.md (an hour on two cores)
	@mkdir -p runs
	@$(RUN)/python -m pytest -q $(RECORD)runs/faults.xml $$($(RUN)/python scripts/reliability.py tests); \
	  code=$$?; $(RUN)/python scripts/reliability.py record runs/faults.xml; exit $$code

fuzz: setup ## Fuzz every reader: hypothesis and atheris, GMLM_FUZZ_INPUTS (10,000) inputs each; writes docs/reliability.md
	@scripts/uv sync --frozen --inexact --quiet --group fuzz
	@GMLM_FUZZ_INPUTS=$${GMLM_FUZZ_INPUTS:-10000} $(RUN)/python -m pytest -q $(RECORD)runs/fuzz.xml tests/faults/fuzz; \
	  code=$$?; $(RUN)/python scripts/reliability.py record runs/fuzz.xml; exit $$code

gpu: setup ## Only the tests that need a GPU
	@$(RUN)/python -m pytest -q -m gpu

pipelines: setup ## Compile every pipeline for every profile into compiled/
	@$(RUN)/gmlm pipeline compile --output compiled

e2e: setup ## Run a study in real pods: KUBECONFIG, KF_PIPELINES_ENDPOINT and GMLM_E2E_* name the cluster
	@$(RUN)/python -m pytest -q -m cluster tests/e2e

dashboards: setup ## Write dashboards and rules for Grafana and the Prometheus Operator
	@$(RUN)/python -m gmlm.monitoring.generate k8s/components/monitoring
	@$(RUN)/python -m gmlm.telemetry.reference > docs/reference/metrics.md

alerts: setup ## Check all alerts, and that each fires when it should, by promtool
	@command -v promtool >/dev/null || { echo "promtool is not on PATH: install Debian's package prometheus"; exit 2; }
	@$(RUN)/python -m pytest -q tests/integration/test_promtool.py tests/unit/k8s tests/unit/monitoring

e2e-cluster: setup ## Load the library into a cluster without a registry: E2E_BASE, E2E_LOAD; see docs/developers
	@scripts/e2e-cluster

e2e-groups: setup ## The same in a namespace for trainings over several pods; needs Kubeflow Trainer
	@scripts/e2e-cluster --groups

lint: setup ## Style, types and formatting
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

format: setup ## Format the code
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

bench-%: setup ## Run one benchmark, such as bench-startup, beside its peers
	@scripts/uv sync --frozen --inexact --quiet --group bench
	@$(RUN)/python benchmarks/$*.py

docker: setup ## Only the tests that need Docker and the image
	@$(RUN)/python -m pytest -q -m docker

image: ## Build the image; ACCELERATOR=cpu|cuda, BASE_IMAGE=, TORCH_INDEX=, IMAGE=NAME:TAG, BUILD_OPTIONS=
	@DOCKER_BUILDKIT=1 $(DOCKER) build --tag $(IMAGE) --build-arg ACCELERATOR=$(ACCELERATOR) \
	  $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) $(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) \
	  --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' gmlm/__init__.py) \
	  --build-arg REVISION=$$(git rev-parse HEAD) $(BUILD_OPTIONS) .

sbom: ## Write the image's Python packages and their hashes as CycloneDX into dist/sbom.cdx.json
	@mkdir -p dist
	@scripts/uv export --frozen --no-dev --format cyclonedx1.5 --quiet --output-file dist/sbom.cdx.json
	@echo dist/sbom.cdx.json

lock: ## Resolve the dependencies again
	@scripts/uv lock

manifests: setup ## Render every overlay and GitOps folder, and check them by schema and by kube-score
	@$(RUN)/python scripts/check_manifests.py

kind-up: ## Make a kind cluster with a registry, Kubeflow Pipelines and the platform (docs/tutorials/kind.md)
	@scripts/kind-up

kind-down: ## Remove the kind cluster and its registry
	@scripts/kind-down

clean: ## Remove what can be made again
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache runs
