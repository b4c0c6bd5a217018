"""The house: which package may import which, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FORBIDDEN = {"pipeline": {"torch", "hacm", "stages", "geoopt"}, "hacm": {"pipeline", "stages", "yaml", "ruamel", "dvc"}}


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_layers_do_not_reach_up(package):
    files = list((PROJECT / package).rglob("*.py"))
    assert len(files) > 5
    for path in files:
        assert not imports_of(path) & FORBIDDEN[package], path


def test_every_stage_is_a_program_with_help():
    stages = sorted(path.stem for path in (PROJECT / "stages").glob("*.py") if "def main()" in path.read_text())
    assert {
        "download",
        "ingest",
        "normalize",
        "hierarchy",
        "split",
        "pretrain",
        "evaluate",
        "floor",
        "report",
        "audit",
    } <= set(stages)
    for stage in ("download", "pretrain", "evaluate"):
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        assert "usage:" in done.stdout


def test_importing_pipeline_is_cheap():
    """Nothing heavy comes with `import pipeline`, so that help texts and error messages appear at once."""
    code = (
        "import sys; import pipeline; print(len([m for m in ('numpy', 'polars', 'zarr', 'torch') if m in sys.modules]))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True).stdout
        == "0\n"
    )


def test_pipeline_runs_without_torch():
    """Every module of pipeline imports where torch and hacm cannot be found."""
    modules = sorted(
        str(path.relative_to(PROJECT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for path in (PROJECT / "pipeline").rglob("*.py")
    )
    code = f"""
import importlib, sys
sys.modules.update(torch=None, hacm=None, stages=None, geoopt=None)
for name in {modules!r}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
