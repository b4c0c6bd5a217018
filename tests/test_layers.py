"""The law of imports: which package may import which, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
GROUND = {
    "archives",
    "bootstrap",
    "cleaning",
    "command_line",
    "cores",
    "errors",
    "files",
    "interrupts",
    "recordings",
    "settings",
    "skeletons",
    "viewing",
}
"""Of hacm: what stands without torch, and all that pipeline may import of it."""
GRAPH = {"pipeline", "stages", "yaml", "ruamel", "dvc", "snakemake", "zarr"}
"""What hacm must not import: a wheel holds hacm alone."""


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, lazily or not, by its full name; one beside it with a point before."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return found


def files_of(package: str, rooms: set[str] | None = None) -> list[Path]:
    found = [
        path
        for path in (PROJECT / package).rglob("*.py")
        if rooms is None or path.relative_to(PROJECT / package).parts[0].removesuffix(".py") in rooms
    ]
    assert len(found) > 5
    return found


def test_hacm_imports_nothing_of_the_graph():
    for path in files_of("hacm"):
        assert not {name.split(".")[0] for name in imports_of(path)} & GRAPH, path


def test_the_ground_imports_the_ground_only():
    for path in files_of("hacm", GROUND):
        for name in imports_of(path):
            top, *rest = name.split(".")
            assert top not in {"torch", "geoopt"}, path
            assert top != "hacm" or (rest and rest[0] in GROUND), (path, name)


def test_pipeline_imports_the_ground_of_hacm_only():
    for path in files_of("pipeline"):
        for name in imports_of(path):
            top, *rest = name.split(".")
            assert top not in {"torch", "geoopt", "stages"}, path
            assert top != "hacm" or (rest and rest[0] in GROUND), (path, name)


def test_no_test_module_imports_from_another():
    """What several need is in tests/helpers or in a conftest.py; a test module's import would run its set-up as well."""
    for path in files_of("tests"):
        for name in imports_of(path):
            top, *rest = name.split(".")
            assert top not in {"", "tests"} or not any(part.startswith("test_") for part in rest), (path, name)


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
        "baseline",
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
    """Every module of pipeline imports where torch cannot be found."""
    modules = sorted(
        str(path.relative_to(PROJECT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for path in (PROJECT / "pipeline").rglob("*.py")
    )
    code = f"""
import importlib, sys
sys.modules.update(torch=None, stages=None, geoopt=None)
for name in {modules!r}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
