"""Which code decides a result: everything that runs is in the fingerprint, and nothing else starts work anew."""

import ast
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from hacm.files import read_json
from pipeline.graph.fingerprint import decides_nothing
from tests.conftest import PROJECT, environment, run

STAGES = {
    "download@kinect-sim": "stages.download --dataset kinect-sim",
    "ingest@kinect-sim": "stages.ingest --dataset kinect-sim --workers 1",
    "normalize@kinect-sim": "stages.normalize --dataset kinect-sim --workers 1",
    "audit@kinect-sim": "stages.audit --dataset kinect-sim",
    "hierarchy@kinect-sim": "stages.hierarchy --dataset kinect-sim",
    "split@kinect-sim-xsub": "stages.split --benchmark kinect-sim-xsub",
    "prepare@kinect-sim-xsub": "stages.prepare --benchmark kinect-sim-xsub",
    "pretrain@kinect-sim-xsub-hacm-0": "stages.pretrain --benchmark kinect-sim-xsub --variant hacm --seed 0",
    "baseline@kinect-sim-xsub": "stages.baseline --benchmark kinect-sim-xsub",
    "evaluate@kinect-sim-xsub-hacm-0-linear": (
        "stages.evaluate --benchmark kinect-sim-xsub --variant hacm --seed 0 --protocol linear"
    ),
    "evaluate@kinect-sim-xsub-hacm-0-knn": (
        "stages.evaluate --benchmark kinect-sim-xsub --variant hacm --seed 0 --protocol knn"
    ),
    "report": "stages.report",
}
"""Commands. Where a stage works in several processes, it has one here: of others nothing is traced."""

MEASURED = {"seconds", "memory_mb", "energy_j", "machine", "code", "dirty", "sealed"}
"""Keys of details.json that say what a run cost and where it was, and the checksum of them all."""

TAKE = """
import json, os, sys
from pathlib import Path
from pipeline.graph import fingerprint

def take():
    found = {}
    for name, command in json.loads(sys.argv[1]).items():
        module, *options = command.split()
        names = {key.removeprefix("--"): value for key, value in zip(options[::2], options[1::2])}
        one = fingerprint.take(module.removeprefix("stages."), names)
        found[name] = {"digest": one.digest, "code": one.code, "files": one.files, "dataset": one.dataset}
    return found

for path, text in json.load(sys.stdin):
    if path is not None:
        before = Path(path).read_text(encoding="utf-8")
        Path(path).write_text(text, encoding="utf-8")
    if os.fork() == 0:
        print(json.dumps(take()), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
    if path is not None:
        Path(path).write_text(before, encoding="utf-8")
"""
"""Takes the fingerprints after each of the changes on standard input, each time in a process that knows nothing of the
others; a change is undone before the next."""


def fingerprints_after(project: Path, changes: Sequence[tuple[str | None, str]]) -> list[dict[str, dict]]:
    """Of every stage, as the project's own code says, after each of the changes alone. change: a file and its new text."""
    command = [sys.executable, "-c", TAKE, json.dumps(STAGES)]
    done = subprocess.run(
        command, cwd=project, env=environment(), input=json.dumps(changes), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def fingerprints(project: Path) -> dict[str, dict]:
    """The same as the project is now."""
    [found] = fingerprints_after(project, [(None, "")])
    return found


@pytest.fixture(scope="module")
def project(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for this file's tests, each of which puts back what it changes."""
    target = tmp_path_factory.mktemp("fingerprint") / "project"
    shutil.copytree(small_project, target, symlinks=True)
    (target / "tests" / "stages").mkdir(parents=True)
    for name in ("tests/__init__.py", "tests/stages/__init__.py", "tests/stages/traced.py"):
        shutil.copy(PROJECT / name, target / name)
    return target


@pytest.fixture(scope="module")
def first(project: Path) -> dict[str, dict]:
    """The fingerprints before anything is changed."""
    return fingerprints(project)


# What the modules that only show and measure have to say is replaced by next to nothing.
SILENT = {
    "stages/shared/progress.py": """
def say(text): pass
class Silent(Work):
    def __init__(self, title, total, unit): self.total = self.done = 0
    def __enter__(self): return self
    def __exit__(self, *error): return None
    def update(self, done, note=""): pass
Work = Silent
""",
    "stages/shared/costs.py": """
class Still(Meter):
    def keep(self): pass
    def read(self): return {"seconds": 0.0, "memory_mb": 0}
Meter = Still
""",
    "pipeline/results/machine.py": """
def describe_machine(): return {"processor": "", "cores": 0, "memory_gb": 0.0, "system": "", "python": ""}
""",
    "pipeline/graph/git.py": """
def describe_code(folder=None): return {"code": "unknown", "dirty": False}
""",
}


@pytest.fixture(scope="module")
def traced(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """Every stage run once more, its functions and files noted, the modules that show and measure silenced."""
    silent = tmp_path_factory.mktemp("silent") / "project"
    shutil.copytree(project, silent, symlinks=True)
    for name, text in SILENT.items():
        with (silent / name).open("a") as file:
            file.write(text)
    run(silent, "python", "-m", "tests.stages.traced", "traced", *STAGES.values())
    names = [command.replace(" ", "_") for command in STAGES.values()]
    found = {stage: read_json(silent / "traced" / f"{name}.json") for stage, name in zip(STAGES, names, strict=True)}
    return silent, found


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_runs_and_opens_is_in_its_fingerprint(first: dict, traced: tuple, stage: str) -> None:
    _, found = traced
    fingerprint = first[stage]
    ran = {one for one in found[stage]["ran"] if not decides_nothing(*one.split(":"))}
    assert len(ran) > 10
    assert ran - fingerprint["code"].keys() == set()
    assert set(found[stage]["opened"]) <= fingerprint["files"].keys()


def test_no_result_reads_from_what_only_shows_and_measures(small_project: Path, traced: tuple) -> None:
    """With those modules silenced every artefact is the same, but for what details.json says of cost and place."""
    silent, _ = traced
    compared = 0
    for folder in ("data", "models", "results"):
        for path in sorted((small_project / folder).rglob("*")):
            other = silent / path.relative_to(small_project)
            if path.name == "details.json":
                mine, theirs = (json.loads(one.read_text()) for one in (path, other))
                assert {k: v for k, v in mine.items() if k not in MEASURED} == {
                    k: v for k, v in theirs.items() if k not in MEASURED
                }, path
            elif path.suffix == ".parquet":
                assert pl.read_parquet(path).equals(pl.read_parquet(other)), path
            elif path.is_file():
                assert path.read_bytes() == other.read_bytes(), path
            compared += path.is_file()
    assert compared > 40


def write_all(project: Path, change) -> dict[Path, str]:
    """Change every module of the project; what they were."""
    before = {}
    for package in ("hacm", "pipeline", "stages"):
        for path in sorted((project / package).rglob("*.py")):
            before[path] = path.read_text(encoding="utf-8")
            path.write_text(change(before[path]), encoding="utf-8")
    return before


def put_back(before: dict[Path, str]) -> None:
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")


def reword_docstrings(text: str) -> str:
    """Every docstring says something else, and comments stand between the lines."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                number = first.lineno - 1
                lines[number] = re.sub(r'"""', '"""Otherwise: ', lines[number], count=1)
    return "# a comment\n" + "".join(lines) + "\n# another\n"


def test_comments_and_docstrings_start_nothing(project: Path, first: dict) -> None:
    before = write_all(project, reword_docstrings)
    try:
        assert sum(path.read_text() != text for path, text in before.items()) > 150
        assert fingerprints(project) == first
    finally:
        put_back(before)


def test_a_help_text_starts_nothing(project: Path, first: dict) -> None:
    path = project / "stages/pretrain.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("give up on a process") == 1
    path.write_text(text.replace("give up on a process", "give up on any process"), encoding="utf-8")
    try:
        assert fingerprints(project) == first
    finally:
        path.write_text(text, encoding="utf-8")


def test_another_data_set_starts_nothing(project: Path, first: dict) -> None:
    mine = project / "pipeline" / "own" / "lab.py"
    others = project / "pipeline" / "datasets" / "pku_mmd.py"
    before = {others: others.read_text()}
    mine.write_text(
        "from dataclasses import replace\nfrom pipeline.datasets.utd_mhad import UTD_MHAD\n"
        "DATASET = replace(UTD_MHAD, name='lab')\n"
    )
    others.write_text(before[others].replace("videos=1076", "videos=1077"))
    facts = project / "pipeline" / "datasets" / "facts" / "pku-mmd-actions.txt"
    before[facts] = facts.read_text()
    facts.write_text("bow\n")
    try:
        assert fingerprints(project) == first
    finally:
        mine.unlink()
        put_back(before)


def changed(first: dict[str, dict], now: dict[str, dict]) -> set[str]:
    return {name for name in STAGES if first[name]["digest"] != now[name]["digest"]}


def test_a_fact_reaches_the_stages_that_read_it(project: Path, first: dict) -> None:
    """The names of actions are read where results are written, not where clips are made."""
    names = project / "pipeline" / "datasets" / "facts" / "ntu-actions.txt"
    before = {names: names.read_text()}
    names.write_text("sip\n" + before[names].split("\n", 1)[1])
    try:
        found = changed(first, fingerprints(project))
    finally:
        put_back(before)
    assert {"baseline@kinect-sim-xsub", "evaluate@kinect-sim-xsub-hacm-0-knn"} <= found
    assert not found & {"download@kinect-sim", "ingest@kinect-sim", "normalize@kinect-sim", "hierarchy@kinect-sim"}


def definitions_of(project: Path) -> list[tuple[Path, str, str, ast.stmt]]:
    """Every function, method and assignment at the top of a module: file, module, name, statement."""
    found = []
    for package in ("hacm", "pipeline", "stages"):
        for path in sorted((project / package).rglob("*.py")):
            parts = path.relative_to(project).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and node.body[0].lineno > node.lineno:
                    found.append((path, module, node.name, node))
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    found.append((path, module, node.targets[0].id, node))
                elif isinstance(node, ast.ClassDef):
                    found += [
                        (path, module, f"{node.name}.{one.name}", one)
                        for one in node.body
                        if isinstance(one, ast.FunctionDef) and one.body[0].lineno > one.lineno
                    ]
    return found


def altered(path: Path, node: ast.stmt) -> str:
    """The file's text in which a definition has another meaning, or at least another text."""
    lines = path.read_text().splitlines(keepends=True)
    if isinstance(node, ast.FunctionDef):
        last = node.body[-1]
        assert last.end_lineno is not None
        lines.insert(last.end_lineno, " " * last.col_offset + "1 + 1\n")
    else:
        assert isinstance(node, ast.Assign)
        lines.insert(node.lineno - 1, "SOMETHING = 1\n")
        value = node.value
        number = value.lineno
        line = lines[number].encode()
        lines[number] = (line[: value.col_offset] + b"SOMETHING and " + line[value.col_offset :]).decode()
    return "".join(lines)


def test_any_definition_reaches_just_the_stages_that_use_it(project: Path, first: dict) -> None:
    """Twenty definitions drawn from all there are, and ten from those that pretraining uses."""
    everything = definitions_of(project)
    used = first["pretrain@kinect-sim-xsub-hacm-0"]["code"]
    draw = random.Random(0)
    chosen = draw.sample(everything, 20) + draw.sample([one for one in everything if f"{one[1]}:{one[2]}" in used], 10)
    changes = [(str(path.relative_to(project)), altered(path, node)) for path, _, _, node in chosen]
    reached_by_some = 0
    for (_, module, name, _), now in zip(chosen, fingerprints_after(project, changes), strict=True):
        found = changed(first, now)
        assert found == {stage for stage in STAGES if f"{module}:{name}" in first[stage]["code"]}, f"{module}:{name}"
        reached_by_some += bool(found)
    assert reached_by_some >= 10


OWN = """
from dataclasses import replace
from hacm.recordings import Identity, Part, Recording
from pipeline.datasets.utd_mhad import UTD_MHAD
COMPANIONS = ()
SCALE = 1.0
def part_of(path):
    return Part(path)
def read(raw):
    yield scaled(raw)
def scaled(raw):
    return SCALE
DATASET = replace(UTD_MHAD, name="lab", reader=__name__)
"""
HASH = "from pipeline.graph.fingerprint import *; print(hash_reader(find_dataset('lab')))"


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("SCALE = 1.0", "SCALE = 0.001", True),
        ("return SCALE", "return SCALE + 1", True),
        ("return SCALE", "return SCALE  # metres", False),
        ("def scaled(raw):", 'def scaled(raw):\n    """In metres."""', False),
        ('name="lab",', 'name="lab", title="Laboratory",', False),
    ],
)
def test_what_an_earlier_version_of_a_reader_wrote_is_not_reused(
    project: Path, before: str, after: str, counts: bool
) -> None:
    mine = project / "pipeline" / "own" / "lab.py"
    mine.write_text(OWN)
    try:
        first = run(project, "python", "-c", HASH).stdout
        assert OWN.count(before) == 1
        mine.write_text(OWN.replace(before, after))
        assert (run(project, "python", "-c", HASH).stdout != first) == counts
    finally:
        mine.unlink()
