# Two commands do everything, set-up included: `make repro` and `make test`.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# uv, where it is, takes a quarter of pip's time, and the CPU build of torch where there is no NVIDIA driver. `make TORCH=`
# takes torch from the same index as the rest; `make UV=` takes pip.
UV ?= $(shell command -v uv)
TORCH ?= $(if $(shell command -v nvidia-smi)$(wildcard /proc/driver/nvidia/version),auto,cpu)
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e
UV_PIP := $(UV) pip install --quiet --python $(VENV)/bin/python $(TORCH:%=--torch-backend=%) -c constraints.txt -e
# $(call install,WHAT)
install = $(if $(UV),$(UV_PIP) $(1) || { echo "uv could not install it; now pip"; $(PIP) $(1); },$(PIP) $(1))
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup repro report test quick lint docs utd-mhad weights ablations clean

setup: $(READY)

repro: $(READY)
	@hacm check
	@dvc repro

# The page alone, of the results that are here (`dvc pull`): nothing is computed again.
report: $(READY)
	@dvc repro --single-item report

test: $(READY_DEV)
	@python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The tests that need no whole project: some five minutes on two cores.
quick: $(READY_DEV)
	@python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow and not cluster and not network"

lint: $(READY_DEV)
	@ruff check . && ruff format --check . && mypy

# The docs as a site, build/docs/index.html: a broken link or a page that stands in no table of contents is an error.
docs: $(READY_DEV)
	@python -m sphinx -b html -W --keep-going -q -c docs/site . build/docs
	@echo "build/docs/index.html"

# Real recordings: UTD-MHAD cross-subject. HACM_MIRROR=folder-or-address takes the archive from a copy.
utd-mhad: $(READY)
	@hacm activate utd-mhad-xsub --variants hacm --seeds 0
	@dvc repro

# The models in the box (hacm/models/shipped), made again: docs/use.md. The raw recordings of all four data sets are needed;
# AGAINST= leaves out those that only say how many of their clips are unfamiliar. The last line is for README's first screen.
AGAINST ?= msr-action3d kard
SHIPPED := utd-mhad ui-prmd
RECIPE := pomo
LICENCE := Apache-2.0, as this software
weights: $(READY)
	@hacm activate $(SHIPPED:%=%-xsub) $(AGAINST:%=%-xsub) --variants $(RECIPE) --seeds 0 --protocols linear
	@dvc repro $(AGAINST:%=ingest@%) $(SHIPPED:%=baseline@%-xsub) $(SHIPPED:%=evaluate@%-xsub-$(RECIPE)-0-linear)
	@for name in $(SHIPPED); do \
		hacm export-model --benchmark $$name-xsub --variant $(RECIPE) --out hacm/models/shipped/$$name --replace \
			--licence "$(LICENCE)" --against $$(echo $(SHIPPED) $(AGAINST) | tr ' ' '\n' | grep -vx $$name) || exit 1; done
	@hacm predict examples/ --top 2

# The ablation table: every variant from every seed. What is done is not done again, so the same command resumes;
# one failure does not stop the rest.
BENCHMARKS ?= kinect-sim-xsub
VARIANTS ?= all
SEEDS ?= 0 1 2
ablations: $(READY)
	@hacm activate $(BENCHMARKS) --variants $(VARIANTS) --seeds $(SEEDS) $(if $(PROTOCOLS),--protocols $(PROTOCOLS))
	@dvc repro --keep-going

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: no venv module; Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "installing the pinned dependencies into $(VENV) (once, some minutes)"
	@$(call install,.)
	@touch $(READY)

# Tests and checks need more than a run does.
$(READY_DEV): $(READY)
	@echo "installing what tests need into $(VENV) (once)"
	@$(call install,'.[dev]')
	@touch $(READY_DEV)

# Everything computed; raw files stay.
clean:
	rm -rf data/*/recordings data/*/clips data/*/hierarchy data/benchmarks models results report .state
