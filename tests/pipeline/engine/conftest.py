"""A graph that takes no time, for what does not depend on what stages do; and the real one, run once by Snakemake."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, copy_project, run, write_small_params

TOY = """
stages:
  fetch:
    foreach: ${active}
    do:
      cmd: sh fetch.sh ${item}
      deps: [fetch.sh]
      outs:
        - raw/${item}:
            persist: true
            cache: false
  parse:
    foreach: ${active}
    do:
      cmd: sh parse.sh ${item}
      params: [parse.times]
      deps: ["raw/${item}", "parse.sh"]
      outs:
        - parsed/${item}:
            persist: true
  train:
    foreach: ${active}
    do:
      cmd: sh train.sh ${item}
      params: [train]
      deps: ["parsed/${item}", "train.sh"]
      outs: ["models/${item}", "results/${item}/note.txt"]
      metrics: ["results/${item}/metrics.json"]
  report:
    cmd: cat results/*/metrics.json > report.txt
    params: [active]
    deps: [results]
    outs: [report.txt]
"""
FILES = {
    "dvc.yaml": TOY,
    "params.yaml": "active: [one, two]\nparse: {times: 2}\ntrain: {lr: 1e-05, names: [a, b], deep: {x: null}}\n",
    "fetch.sh": "test -e raw/$1/archive || { mkdir -p raw/$1; echo $1 > raw/$1/archive; }\n",
    # These write as the project's stages do: whole or not at all. `earlier` tells whether what was there before stayed.
    "parse.sh": """
test -e parsed/$1/lines && echo yes > earlier-$1 || echo no > earlier-$1
mkdir -p parsed/.$1 && cat raw/$1/archive raw/$1/archive > parsed/.$1/lines && echo $1 >> runs-of-parse
rm -rf parsed/$1 && mv parsed/.$1 parsed/$1
""",
    "train.sh": """
echo $1 >> runs-of-train
mkdir -p models/.$1 results/$1 && sleep ${SECONDS_TO_TRAIN:-0} && wc -c < parsed/$1/lines > models/.$1/weights
rm -rf models/$1 && mv models/.$1 models/$1
echo note > results/$1/note.txt; echo "{\\"size\\": $(cat models/$1/weights)}" > results/$1/metrics.json
""",
    ".gitignore": "/raw/\n/parsed/\n/models/\n/results/\n/report.txt\n/.state/\n/.snakemake/\n",
}


def make_toy(folder: Path) -> Path:
    """The toy graph under git and DVC, nothing run."""
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name in ("hacm", "pipeline"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "profiles", folder / "profiles")
    for name in ("Snakefile", ".dvcignore"):
        shutil.copy(PROJECT / name, folder)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "config", "core.analytics", "false")
    return folder


@pytest.fixture(scope="session")
def made_toy(build_once) -> Path:
    return build_once("toy/project", make_toy)


@pytest.fixture
def toy(made_toy, tmp_path) -> Path:
    """The toy graph, nothing run."""
    return Path(shutil.copytree(made_toy, tmp_path / "toy", symlinks=True))


@pytest.fixture(scope="session")
def finished_toy(made_toy, build_once) -> Path:
    def build(folder: Path) -> None:
        shutil.copytree(made_toy, folder, symlinks=True)
        run(folder, "snakemake", "--profile", "profiles/local")

    return build_once("finished/toy", build)


@pytest.fixture
def done_toy(finished_toy, tmp_path) -> Path:
    """The toy graph, run by Snakemake."""
    return Path(shutil.copytree(finished_toy, tmp_path / "done", symlinks=True))


@pytest.fixture(scope="session")
def snakemake_project(build_once) -> Path:
    """The small project from raw recordings to the report by Snakemake alone. Tests must leave it as it is."""
    command = ("snakemake", "--profile", "profiles/local", "--cores", "1")
    return build_once("snakemake/project", lambda folder: run(copy_project(folder), *command))


NAME, FOLDER = "kinect-sim-xsub-hacm-0", "kinect-sim-xsub/hacm/seed-0"
"""Of the one pretraining of the small project: in DVC, and on disk."""
PRETRAIN = ("python", "-m", "stages.pretrain", "--benchmark", "kinect-sim-xsub")
LONGER = {
    "benchmarks.kinect-sim-xsub.train.pretrain": {"epochs": 15, "warmup_epochs": 1, "batch": 8, "checkpoint_epochs": 1}
}


@pytest.fixture(scope="session")
def weights_of_a_run_left_alone(small_project, build_once):
    def build(folder: Path) -> None:
        shutil.copytree(small_project, folder, symlinks=True)
        write_small_params(folder / "params.yaml", LONGER)
        run(folder, *PRETRAIN)

    return (build_once("alone/project", build) / f"models/{FOLDER}/weights.safetensors").read_bytes()
