"""A small project: the real graph and code, run once from end to end on a few simulated people."""

import fcntl
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from ruamel.yaml import YAML

from hacm.cores import count_cores
from hacm.errors import run_program

# Tensors are tiny in tests: a second thread only waits, and badly so beside another process.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PROJECT = Path(__file__).parents[1]
SMALL = {
    "datasets.kinect-sim.source.performers": [1, 2, 3, 6],
    "datasets.kinect-sim.source.actions": [6, 8, 23, 58],
    "datasets.kinect-sim.source.cameras": [1, 2],
    "hierarchy.tree.steps": 50,
    "benchmarks.kinect-sim-xsub.train.model": {"dim": 16, "heads": 2, "encoder_blocks": 1, "decoder_blocks": 1},
    "benchmarks.kinect-sim-xsub.train.pretrain": {"epochs": 4, "warmup_epochs": 1, "batch": 8, "checkpoint_epochs": 1},
    "evaluate.bootstrap": 200,
    "benchmarks.kinect-sim-xsub.evaluate.probe": {"epochs": 20, "views": 2, "batch": 8},
    "benchmarks.kinect-sim-xsub.evaluate.tuning": {"epochs": 6, "warmup_epochs": 1, "batch": 8, "hidden": 32},
    "benchmarks.kinect-sim-xsub.evaluate.semi": {"shares": [0.1, 0.5], "draws": 2, "least_steps": 8},
}


def shipped_params() -> str:
    """The project's params.yaml with the embedded data set active, whichever benchmark the user has chosen just now."""
    text = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    for key, value in {
        "datasets": "[kinect-sim]",
        "benchmarks": "{kinect-sim-xsub: kinect-sim}",
        "variants": "[hacm]",
        "seeds": "[0]",
        "protocols": "[linear, knn]",
        "transfer": "{sources: [], targets: []} # benchmarks",
    }.items():
        text, count = re.subn(rf"^(  {key}:) [\[{{].*$", rf"\1 {value}", text, count=1, flags=re.MULTILINE)
        assert count == 1, key
    return text


def write_small_params(target: Path, changes: dict[str, object] | None = None) -> None:
    """The project's params.yaml with SMALL (and further changes) put in."""
    yaml = YAML()
    tree = yaml.load(shipped_params())
    for key, value in (SMALL | (changes or {})).items():
        *path, last = key.split(".")
        place = tree
        for part in path:
            place = place[part]
        place[last] = value
    with open(target, "w") as stream:
        yaml.dump(tree, stream)


def environment() -> dict[str, str]:
    """The surroundings in which programs run: this checkout's `hacm` and this interpreter first, one thread (small work
    gains nothing from more)."""
    paths = [str(PROJECT / "tests" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.environ | {"PATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}


@cache
def warm_place() -> str:
    """Where tests/bin/python finds a process that has the libraries loaded (tests/helpers/warm.py); "" off Linux."""
    if sys.platform != "linux":
        return ""
    place = f"{mkdtemp(prefix='hacm-warm-')}/socket"
    subprocess.Popen([sys.executable, "-m", "tests.helpers.warm", place], cwd=PROJECT, stdin=subprocess.PIPE)
    return place


def run(folder: Path, *command: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; fail with its output if it fails. Stages begin with the libraries loaded."""
    surroundings = environment() | {"HACM_WARM": warm_place()} | extra
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=surroundings)
    if check:
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


def end_of(main: Callable[[], None], *words: object) -> str:
    """Run a program's main in this process with these words on its command line; the line of its error, if it fails.

    What it prints on standard error beside that is printed here.
    """
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said), pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["program", *map(str, words)])
        run_program(main)
    lines = said.getvalue().splitlines()
    line = lines.pop() if ended.value.code else ""
    print(*lines, sep="\n", file=sys.stderr)
    assert not ended.value.code or line.startswith("error: "), said.getvalue()
    return line


def shell_lines(page: str, heading: str) -> list[str]:
    """The shell lines of the first code block under a heading of a Markdown page, without comments."""
    section = page.split(f"## {heading}\n", 1)[1]
    block = section.split("```bash\n", 1)[1].split("```", 1)[0]
    return [line.split("#")[0].strip() for line in block.splitlines() if line.split("#")[0].strip()]


def copy_project(target: Path) -> Path:
    """The code and the graph, under git and DVC, without any artefact."""
    target.mkdir(parents=True)
    for name in ("hacm", "pipeline", "stages", "profiles"):
        shutil.copytree(PROJECT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "Snakefile", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, target)
    write_small_params(target / "params.yaml")
    run(target, "git", "init", "-q")
    run(target, "dvc", "init", "-q")
    shutil.copytree(PROJECT / ".dvc" / "plots", target / ".dvc" / "plots")
    run(target, "dvc", "config", "core.analytics", "false")
    run(target, "git", "add", "-A")
    run(target, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start")
    return target


FIRST = ("tests/docs", "tests/hacm", "tests/stages", "tests/pipeline/engine")
"""Files whose tests come first, so that no long one is left for a single worker at the end. The method's tests are among
them to keep other workers busy while the first builds the small project."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker more than cores, for programs that tests start often wait; but none more in `make quick`."""
    return count_cores() + (not config.option.markexpr)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs a whole project is slow; long files come first."""
    for item in items:
        if "build_once" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    items.sort(key=lambda item: next((place for place, name in enumerate(FIRST) if item.nodeid.startswith(name)), 99))


@pytest.fixture(scope="session")
def build_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Builds a folder once for all workers of a test run: build_once(name, build) → the folder that build(folder) made.

    Others wait meanwhile. Tests must leave it as it is, or work on a copy.
    """
    place = tmp_path_factory.getbasetemp()
    place = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "built"

    def build_once(name: str, build: Callable[[Path], object]) -> Path:
        folder, done = place / name, place / f"{name}.done"
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(place / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                build(folder)
                done.touch()
        return folder

    return build_once


@pytest.fixture(scope="session")
def small_project(build_once) -> Path:
    """A finished `dvc repro`. Tests must leave it as it is, or work on a copy."""
    return build_once("small/project", lambda folder: run(copy_project(folder), "dvc", "repro"))


@pytest.fixture
def project_copy(small_project, tmp_path) -> Path:
    """A copy of the finished project, to change and break."""
    target = tmp_path / "project"
    shutil.copytree(small_project, target, symlinks=True)
    return target
