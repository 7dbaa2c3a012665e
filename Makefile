# Everything runs in .venv, beside this file; nothing is installed or written anywhere else.

PYTHON ?= python3
PY := .venv/bin/python
TOKKIT := $(PY) -m tokkit
RECIPE ?= vocab/internlm2.toml
BUILT := build/$(basename $(notdir $(RECIPE)))/$(basename $(notdir $(RECIPE))).tiktoken
ON ?= tokkit/data/sample
# Where the labels of a corpus come from, as `tokkit report` takes it.
LABELS ?= $(if $(findstring tokkit/data/sample,$(ON)),--path-pattern '{language}-{domain}.jsonl')

.DEFAULT_GOAL := help
# The vocabularies of vocab/ that are learned from a corpus: docs/vocabularies.md.
VOCABULARIES := tokkit-92k tokkit-92k-han internlm2-report tokkit-64k tokkit-128k tokkit-160k tokkit-multilingual-128k
LADDER := 70000 82000
COUNT := $(TOKKIT) count -q --dedup --path-pattern '{language}-{domain}.jsonl.zst'

.PHONY: help setup vocab vocabularies report test lint format bench clean kernels

help: ## print the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 20

setup: .venv/dev-installed ## make .venv and install everything that development needs

vocab: .venv/installed kernels ## build, verify and measure the vocabulary of RECIPE (vocab/internlm2.toml)
	@$(TOKKIT) build $(RECIPE)
	@$(TOKKIT) verify $(BUILT)

vocabularies: .venv/dev-installed kernels ## build the vocabularies that vocab/ keeps from CORPUS=DIR, and compare
	@test -d "$(CORPUS)" || { echo "error: no corpus: CORPUS=$(CORPUS)" >&2; \
	  echo "hint: make vocabularies CORPUS=DIR, with the files of vocab/corpus.sha256 in DIR" >&2; exit 2; }
	@(cd "$(CORPUS)" && sha256sum --check --quiet) < vocab/corpus.sha256
	@mkdir -p build/counts && rm -f build/counts/cl100k-*
	@$(COUNT) "$(CORPUS)"/zh-*.jsonl.zst -o build/counts/zh.parquet
	@$(COUNT) "$(CORPUS)"/en-*.jsonl.zst "$(CORPUS)"/code-*.jsonl.zst -o build/counts/en-code.parquet
	@$(COUNT) $(addprefix "$(CORPUS)"/,$(addsuffix -*.jsonl.zst,ar de es fr hi ja ko ru)) -o build/counts/others.parquet
	@$(MAKE) --no-print-directory -j 2 $(addprefix build/counts/cl100k-,$(addsuffix .tiktoken,$(LADDER)))
	@$(MAKE) --no-print-directory -j 2 $(addprefix kept-,$(VOCABULARIES))

# The tokens of cl100k_base that the steps of the ladder have.
build/counts/cl100k-%.tiktoken:
	@$(TOKKIT) select cl100k_base --size $* --by usage --on build/counts/en-code.parquet --on build/counts/zh.parquet \
	  --on vocab/code-uses.parquet \
	  --weights vocab/tokkit-ladder.base.toml --min-uses 0 --rank-share 0.03 --veto vocab/tokkit-base.veto.txt --quiet -o $@ > /dev/null

kept-%:
	@$(TOKKIT) build -q vocab/$*.toml > /dev/null && cmp build/$*/$*.tiktoken vocab/$*.tiktoken && \
	  cmp build/$*/$*.json vocab/$*.json && echo "$* is what vocab/ keeps"

report: vocab ## measure it on ON, a counts table or corpus of yours (the bundled sample), and write a page to look at
	@$(TOKKIT) report $(BUILT) --on "$(ON)" $(LABELS) --html build/report.html
	@echo "to look at: file://$(CURDIR)/build/report.html"

test: .venv/dev-installed kernels ## run every test
	$(PY) -m pytest -n 2

lint: .venv/dev-installed ## check style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: .venv/dev-installed ## put the code into shape
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

bench: .venv/dev-installed kernels ## measure tokkit beside its peers (BENCH="--quick", "--only learn", "--repeat 5")
	@$(PY) -m benchmarks $(BENCH)

clean: ## remove what was built and cached; .venv stays
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find tokkit tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# What building a vocabulary needs, without the tools of development: half the download.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: tokkit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "hint: make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "installing tokkit into .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[lexicon,offline,report]'
	@touch $@

.venv/dev-installed: .venv/installed
	@echo "installing the tools of development into .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Machine code is cached beside the kernels, a file for each. A kernel that is compiled into a kernel of another file
# changes without that file's cache noticing: when any kernel changed, all of it goes, and is compiled anew.
kernels: .venv/installed
	@sum=$$(cat tokkit/kernels/*.py | cksum); \
	if [ "$$sum" != "$$(cat build/kernels.sum 2>/dev/null)" ]; then \
	  rm -f tokkit/kernels/__pycache__/*.nb?; mkdir -p build; \
	  $(PY) -m tokkit.precompile && echo "$$sum" > build/kernels.sum; \
	fi
