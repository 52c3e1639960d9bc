# make demo       run the default study, from synthesized speech to the page (creates .venv)
# make test       run lint and the tests for each commit: units, workflow, a small study, a little fuzzing
# make test-rest  run all other tests: whole studies, faults, a cluster, a browser, docs, fuzzing at full depth
# make test-all   run both, as continuous integration does
# make lint       check style, types, layers and workflow
# make docs       build the site of docs/ into site/ (make pictures: its pictures)
# make verify     run the quick study of EmoDB again and compare it with the reference tables
# make bench      measure speed against plain code, as ratios
# make faults     kill the default study at thirty random moments and compare it with an undisturbed run
# make clean      remove results (make distclean: .venv as well)

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# Study that `make verify` repeats, and folder of its corpus: make verify CORPORA=/path/to/corpora
STUDY ?= emodb_quick
CORPORA ?= data
INSTALLED := .venv/.installed
# TORCH=cpu: the CPU build of torch, without CUDA libraries, from a package index that has it; kept once installed.
TORCH ?= $(shell cat $(INSTALLED) 2>/dev/null)
CPU_BUILD = $(if $(TORCH:cpu=),$(error TORCH is $(TORCH), expected cpu),$(TORCH))
PACKAGES = grep -v '^\#' requirements.lock \
	$(if $(CPU_BUILD),| sed -E '/^(cuda|nvidia|triton)/d; s/^torch(audio)?==[^ ]*/&+cpu/')

.PHONY: demo test test-rest test-all lint docs pictures verify bench faults clean distclean

demo: $(INSTALLED)
	.venv/bin/snakemake --cores $(CORES)
	@echo; cat $(addprefix results/report/default/tables/,center_loss.md vit_protocols.md adversarial.md factor_ablation_single_small.md)
	@echo; echo "Networks were trained for seconds, most on three or four voices: those on the STFT and the adversarial ones stay below the support vector machine."
	@echo; echo "The whole report: $(CURDIR)/results/report/default/index.html"

# Two files of tests at a time, long ones first, with one thread each. Tests of a file share what they set up.
PYTEST := OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

test: lint
	$(PYTEST) tests/small_study tests/workflow tests/unit tests/fuzz

test-rest: $(INSTALLED)
	$(PYTEST) tests/faults tests/cluster tests/end_to_end tests/fuzz tests/browser tests/docs --fuzz-examples 2000

test-all: test test-rest

lint: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/lint-imports
	.venv/bin/mypy
	.venv/bin/pytest -q tests/lint

docs: $(INSTALLED)
	.venv/bin/python docs/scripts/configuration.py
	.venv/bin/python docs/scripts/systems.py
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict
	@echo "The site: $(CURDIR)/site/index.html"

pictures: $(INSTALLED)
	.venv/bin/python docs/scripts/pictures.py

verify: $(INSTALLED)
	.venv/bin/snakemake --cores $(CORES) --configfile config/studies/$(STUDY).yaml --config corpora_root=$(CORPORA)
	.venv/bin/emofactors verify $(STUDY)

bench: $(INSTALLED)
	.venv/bin/python bench/features.py
	.venv/bin/python bench/training.py
	.venv/bin/python bench/scale.py
	.venv/bin/python bench/overhead.py --study

faults: $(INSTALLED)
	.venv/bin/pytest -q tests/faults/test_kills.py --killed-study default --kills 30

clean:
	rm -rf results .snakemake site

distclean: clean
	rm -rf .venv

# Reinstalled only if a pinned or declared package changes.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "emofactors needs Python 3.11 or newer; choose one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@$(PACKAGES) > .venv/packages.txt; total=$$(grep -c . .venv/packages.txt); \
	echo "Installing $$total packages into .venv: $(if $(TORCH),2 GB,6 GB; without CUDA 2 GB: docs/installation.md)"; \
	for first in $$(seq 1 10 $$total); do \
		sed -n "$$first,$$((first + 9))p" .venv/packages.txt > .venv/some.txt; \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r .venv/some.txt || exit 1; \
		echo "  $$((first + 9 < total ? first + 9 : total)) of $$total packages, $$(du -sm .venv | cut -f 1) MB"; \
	done
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	.venv/bin/python -m pip check
	@echo $(TORCH) > $@
