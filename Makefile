# photoreal: `make demo` from a fresh clone does everything. `make` alone lists the targets.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check --constraint requirements/constraints.txt
DEMO := work_dirs/demo
PINS := requirements/constraints.txt

.PHONY: help install test demo sample docs lint format clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## Make .venv with photoreal and what it needs, and the sample in data/sample
	@$(PY) tools/make_sample.py --out data/sample || echo 'The sample is not complete (see above), all else is installed; `make sample` tries again.'

test: $(VENV)/.tests  ## Run the tests (PYTEST_ARGS="-m ''" adds the slow ones)
	OMP_NUM_THREADS=1 $(PY) -m pytest -q --numprocesses auto --maxprocesses 8 --durations 10 $(PYTEST_ARGS)

demo: sample  ## Make a rendered street look filmed: pictures, videos and a table in work_dirs/demo (again: goes on)
	# The sample's clip is dim, soft and clean, as it was compressed: look and camera are set to what a camera does.
	$(PY) tools/fit_look.py --develop exposure=0.45 contrast=0.2 saturation=0.82 --out $(DEMO)/look.cube
	$(PY) tools/fit_camera.py --out $(DEMO)/camera.json --set blur=0.0014 glare=0.08 vignette=0.08 aberration=0.0004 \
		noise=0.007 shot=-0.00004 grain=0.0014
	$(PY) tools/train.py configs/photoreal_any.py --work-dir $(DEMO) --resume --amp auto --cfg-options \
		data_root=data/sample look=$(DEMO)/look.cube max_iters=400
	$(PY) tools/test.py $(DEMO)/photoreal_any.py --checkpoint $(DEMO)/latest.pth --out $(DEMO)/test
	$(PY) tools/infer.py $(DEMO)/photoreal_any.py data/sample/val/virtual/boulevard/frames \
		--checkpoint $(DEMO)/latest.pth --camera $(DEMO)/camera.json --out $(DEMO)/filmed.mp4
	@echo
	@echo 'The render, filmed: $(DEMO)/filmed.mp4'
	@echo 'Trained in:      $(DEMO) (log, config, TensorBoard, checkpoints)'
	@echo 'Metrics:         $(DEMO)/test/metrics.json'
	@echo 'Pictures:        $(DEMO)/test/<domain>/<video>/*.png'
	@echo 'Videos, input | prediction | target where there is one:'
	@find $(DEMO)/test -name '*.mp4' | sort | sed 's/^/                 /'

sample: $(VENV)/.installed  ## Make what is missing of the sample in data/sample
	@$(PY) tools/make_sample.py --out data/sample

docs: $(VENV)/.tests  ## Build the documentation in site/
	@$(PY) -m docs._generate
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo 'Documentation: site/index.html'

lint: $(VENV)/.dev  ## Check the style
	$(PY) -m ruff check .

format: $(VENV)/.dev  ## Mend what the linter can mend
	$(PY) -m ruff check --fix .

clean:  ## Remove .venv, the sample and caches; work_dirs stays
	rm -rf $(VENV) data/sample build dist site *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# A stamp file says that a step is done with the requirements as they are, so that nothing is installed twice.
$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "photoreal needs Python 3.10 or later, this is " + sys.version)'
	@echo 'Making $(VENV) with '"$$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.venv $(PINS) requirements/runtime.txt requirements/optional.txt setup.py pyproject.toml
	@echo 'Installing photoreal and what it needs (PyTorch is the large one: a minute or so from pip'"'"'s cache)'
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.installed requirements/tests.txt requirements/docs.txt
	@echo 'Installing what the tests and the documentation need'
	@$(PIP) --requirement requirements/tests.txt --requirement requirements/docs.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.venv $(PINS) requirements/dev.txt
	@echo 'Installing the linter and the commit hooks'
	@$(PIP) --requirement requirements/dev.txt
	@touch $@
