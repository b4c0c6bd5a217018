# Two commands do everything, set-up included: `make repro` and `make test`.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro report test lint utd-mhad ablations clean

repro: $(READY)
	@hacm check
	@dvc repro

# The page alone, of the results that are here (`dvc pull`): nothing is computed again.
report: $(READY)
	@dvc repro --single-item report

test: $(READY_DEV)
	@python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY_DEV)
	@ruff check . && ruff format --check . && mypy

# Real recordings: UTD-MHAD cross-subject. HACM_MIRROR=folder-or-address takes the archive from a copy.
utd-mhad: $(READY)
	@hacm activate utd-mhad-xsub --variants hacm --seeds 0
	@dvc repro

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
	@$(INSTALL) -e .
	@touch $(READY)

# Tests and checks need more than a run does.
$(READY_DEV): $(READY)
	@echo "installing what tests need into $(VENV) (once)"
	@$(INSTALL) -e '.[dev]'
	@touch $(READY_DEV)

# Everything computed; raw files stay.
clean:
	rm -rf data/*/recordings data/*/clips data/*/hierarchy data/benchmarks models results report .state
