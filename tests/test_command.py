"""The command `hacm`: in a clone, in another folder, and from a wheel without a clone."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hacm import __version__
from hacm.__main__ import COMMANDS, TOOLS
from tests.conftest import environment, run

PROJECT = Path(__file__).parents[1]
BOXES = sorted(path.stem for path in (PROJECT / "stages").glob("*.py") if not path.name.startswith("_"))
PROGRAMS = [*(["python", "-m", f"stages.{name}"] for name in BOXES), *(["hacm", name] for name in COMMANDS | TOOLS)]
HEAVY = {"torch", "numpy", "polars", "zarr", "dvc", "snakemake", "pydantic"}
LOADED = "; import json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded once the code has run in the project."""
    words = [sys.executable, "-c", f"import sys; {code}{LOADED}"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_method_brings_nothing_of_the_graph():
    assert not loaded_by("import hacm") & HEAVY
    assert not loaded_by("import hacm.cleaning, hacm.skeletons.correspondence") & {"torch", "zarr", "dvc", "snakemake"}


def test_help_lists_every_tool_and_nothing_else():
    files = {path.stem for path in (PROJECT / "stages/tools").glob("*.py") if not path.name.startswith("_")}
    assert {name.replace("-", "_") for name in TOOLS} == files
    commands = {path.stem for path in (PROJECT / "hacm/commands").glob("*.py")} - {"__init__", "inputs"}
    assert {name.replace("-", "_") for name in COMMANDS} == commands
    shown = run(PROJECT, "hacm", "--help").stdout
    assert set(re.findall(r"^  ([a-z]\S*)  ", shown, re.MULTILINE)) == set(COMMANDS | TOOLS)
    assert run(PROJECT, "hacm").stdout == shown
    assert not loaded_by("from hacm.__main__ import call; call(['--help'])") & HEAVY


def test_the_version_is_the_one_that_is_cited():
    assert run(PROJECT, "hacm", "--version").stdout == f"hacm {__version__}\n"
    assert f"\nversion: {__version__}\n" in (PROJECT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_help_shows_what_to_type(program):
    """The name as it is typed, an example, no defaults that are none."""
    shown = run(PROJECT, *program, "--help").stdout
    name = " ".join(program)
    assert shown.startswith(f"usage: {name} ")
    assert "None" not in shown
    if program[-1] != "stages.report":  # which takes no options
        assert f"\nexample: {name} " in shown


def test_help_comes_before_what_takes_seconds():
    module = "runpy.run_module('stages.pretrain', run_name='__main__', alter_sys=True)"
    code = f"import runpy, contextlib; sys.argv = ['x', '--help']\nwith contextlib.suppress(SystemExit): {module}\n1"
    assert not loaded_by(code) & HEAVY
    code = (
        "import contextlib, hacm.__main__ as h\nwith contextlib.suppress(SystemExit): h.call(['compare', '--help'])\n1"
    )
    assert not loaded_by(code) & HEAVY
    assert not loaded_by(code.replace("compare", "predict")) & HEAVY


def test_help_names_what_params_yaml_has():
    shown = run(PROJECT, "python", "-m", "stages.evaluate", "--help", COLUMNS="500").stdout
    for name in ("utd-mhad-xsub", "no-contrast", "finetune"):
        assert name in shown


def test_the_stages_are_listed():
    lines = run(PROJECT, "python", "-m", "stages").stdout.splitlines()
    assert sorted(line.split()[0] for line in lines[: len(BOXES)]) == BOXES


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("hacm nonsense", "error: nonsense: no such command; hacm --help lists them"),
        ("hacm compare", "error: the following arguments are required: A, B; see hacm compare --help"),
        ("hacm lineage sideways x", "invalid choice: 'sideways'"),
        (
            "python -m stages.split",
            "error: the following arguments are required: --benchmark; see python -m stages.split",
        ),
        ("python -m stages.evaluate --benchmark a --protocol b --seed x", "--seed: must be a whole number from 0 to"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words, line):
    done = run(PROJECT, *words.split(), check=False)
    assert done.returncode == 1
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_a_tool_needs_a_project(tmp_path):
    done = run(tmp_path, "hacm", "compare", "HEAD", "workspace", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: hacm compare works on a project: run it in a clone's top folder (no params.yaml here)\n"
    )


def test_the_code_of_the_project_is_what_runs(tmp_path):
    """Also its copy of the package, whatever `hacm` was installed from."""
    for name in ("hacm", "pipeline", "stages"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    (tmp_path / "hacm/errors.py").write_text(
        (tmp_path / "hacm/errors.py").read_text() + "\n\nclass OfThisClone(UserError):\n    exit_code = 7\n"
    )
    (tmp_path / "stages/tools/check.py").write_text(
        "from hacm.errors import OfThisClone\n\n\ndef main():\n    raise OfThisClone('read')\n"
    )
    done = run(tmp_path, "hacm", "check", check=False)
    assert (done.returncode, done.stderr) == (7, "error: read\n")
    # Also a command that only that copy has.
    main = tmp_path / "hacm/__main__.py"
    main.write_text(main.read_text().replace("TOOLS = {", 'TOOLS = {\n    "later": "a later tool",', 1))
    (tmp_path / "stages/tools/later.py").write_text("def main():\n    print('later')\n")
    assert run(tmp_path, "hacm", "later").stdout == "later\n"
    assert "no such command" in run(tmp_path, "hacm", "never", check=False).stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel of this checkout, unpacked as pip installs it."""
    source, built, target = (tmp_path_factory.mktemp(name) for name in ("source", "built", "target"))
    for name in ("hacm", "pipeline", "stages", "tests"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(source, *pip, "wheel", "--no-deps", "--no-build-isolation", ".", "--wheel-dir", str(built))
    run(source, *pip, "install", "--no-deps", "--no-index", "--target", str(target), str(next(built.glob("*.whl"))))
    return target


def test_a_wheel_holds_one_package(wheel):
    names = {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"hacm", "bin"}
    assert (wheel / "bin/hacm").is_file()
    packed = {path.relative_to(wheel) for path in (wheel / "hacm").rglob("*.py")}
    assert packed == {path.relative_to(PROJECT) for path in (PROJECT / "hacm").rglob("*.py")}


def test_a_wheel_works_elsewhere_and_says_what_needs_a_clone(wheel, tmp_path):
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        isolated = environment() | {"PYTHONPATH": str(wheel)}
        code = [sys.executable, "-m", "hacm", *words]
        return subprocess.run(code, cwd=tmp_path, env=isolated, capture_output=True, text=True)

    assert "hacm predict recordings/" in call("--help").stdout
    done = call("compare", "HEAD", "workspace")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: hacm compare works on a project (no params.yaml here), and hacm was installed"
    )
    assert len(done.stderr.splitlines()) == 1
    where = subprocess.run(
        [sys.executable, "-c", "import hacm.cleaning; print(hacm.__file__)"], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.strip() == str(wheel / "hacm/__init__.py")


def test_a_wheel_names_what_recordings_show_in_any_folder(wheel, tmp_path):
    """By the models in the box, which are in it."""
    shutil.copytree(PROJECT / "examples", tmp_path / "recordings")
    said = []
    for code in (wheel, PROJECT):
        call = [sys.executable, "-m", "hacm", "predict", "recordings", "--json"]
        done = run(tmp_path, *call, PYTHONPATH=str(code))
        said.append([(row["recording"], row["class"], row["probability"]) for row in json.loads(done.stdout)])
    assert len(said[0]) == 5
    assert said[0] == said[1]
    listed = run(tmp_path, sys.executable, "-m", "hacm", "models", PYTHONPATH=str(wheel)).stdout
    assert [line.split(":")[0] for line in listed.splitlines()] == ["ui-prmd", "utd-mhad"]
