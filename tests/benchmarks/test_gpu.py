"""benchmarks.gpu: every part writes its figures, one that fails or hangs stops no other, and a bare machine will do."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu, gpu_parts, hardware, recipes, side_by_side
from benchmarks.recipes import find_recipe
from stages.shared import parameters

PROJECT = Path(__file__).parents[2]
SMALL = ["--device", "cpu", "--small", "--steps", "2", "--clips", "2", "--rounds", "1", "--compiler", "eager"]


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> dict[str, Any]:
    """The program with its parts in this process; what each wrote."""

    def in_this_process(name: str, options: argparse.Namespace, seconds: float) -> None:
        gpu_parts.work(gpu.parse([*options.arguments, "--part", name]))

    monkeypatch.setattr(gpu, "run_part", in_this_process)
    monkeypatch.setattr(side_by_side, "printed_number", lambda *words: 1000)
    monkeypatch.setattr(hardware.measure_peak, "__defaults__", (torch.float32, 0.01))
    for name, table in (("RECIPES", recipes.RECIPES), ("MATRIX", hardware.MATRIX), ("COPY_BYTES", hardware.COPY_BYTES)):
        monkeypatch.setattr(recipes if name == "RECIPES" else hardware, name, dict(table))
    monkeypatch.setattr("hacm.training.engine.COMPILER", "eager")
    monkeypatch.setattr("sys.argv", ["gpu", *SMALL, "--out", str(folder), *more])
    gpu.main()
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}


def test_every_part_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_parts, "BATCHES", (1, 3))
    found = run(tmp_path, monkeypatch)
    assert set(found) == set(gpu.LIMITS) == set(gpu_parts.PARTS)
    assert all(part["error"] is None and part["seconds"] > 0 and part["summary"] for part in found.values())
    names = {f"{recipe} {precision}" for recipe in ("release", "pomo") for precision in ("float32", "bfloat16")}
    steps = found["steps"]["steps"]
    assert set(steps) == set(found["compiled"]["steps"]) == names
    for name, one in steps.items():
        peak = found["steps"]["peak"][name.split()[1]]["flops"]
        assert one["utilisation"] == pytest.approx(one["flops"] / one["seconds"] / peak)
        assert one["ntu60_hours"] == pytest.approx(40_091 * 30 / 2 * one["seconds"] / 3600)
    assert steps["pomo float32"]["flops"] != steps["release float32"]["flops"]
    assert {len(losses) for losses in found["curves"]["losses"].values()} == {20}
    assert all(apart["by_precision"] < 0.02 < apart["by_draws"] for apart in found["curves"]["apart"].values())
    for one in found["compiled"]["steps"].values():
        assert one["losses"] == pytest.approx(one["losses_eager"], rel=0.02)
    assert set(found["memory"]["batches"]) == {f"{name}, {batch} clips" for name in names for batch in (2, 6)}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(gpu.LIMITS)


def test_a_part_that_fails_keeps_what_it_measured_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> Any:
        yield {"steps": {}, "begun": 1}
        raise RuntimeError("CUDA error: out of memory\\n")

    monkeypatch.setitem(gpu_parts.PARTS, "steps", (fail, gpu_parts.summarise_steps))
    with pytest.raises(SystemExit, match="steps failed"):
        run(tmp_path, monkeypatch, "--parts", "loading", "steps")
    steps, loaded = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("steps", "loading"))
    assert steps["begun"] == 1
    assert steps["error"].startswith("RuntimeError: CUDA error: out of memory")
    assert loaded["error"] is None
    assert "FAILED: RuntimeError" in capsys.readouterr().out


def test_a_program_that_does_not_compile_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(options: Any, settings: Any, device: Any) -> Any:
        yield {"compile_seconds": 1.0}
        if settings.pretrain.precision == "bfloat16":
            raise RuntimeError("no compiler")

    monkeypatch.setattr(gpu_parts, "measure_program", measure)
    with pytest.raises(SystemExit, match="compiled failed"):
        run(tmp_path, monkeypatch, "--parts", "compiled")
    found = json.loads((tmp_path / "compiled.json").read_text())
    assert len(found["steps"]) == 4
    assert all(one == {"compile_seconds": 1.0} for one in found["steps"].values())
    assert found["error"].count("no compiler") == 2


def test_a_part_that_takes_too_long_is_ended_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 0)
    monkeypatch.setattr(gpu, "LIMITS", gpu.LIMITS | {"steps": 0.5})
    options = gpu.parse([*SMALL, "--out", str(tmp_path), "--parts", "steps"])
    assert gpu.run_parts(options) == ["steps"]
    assert json.loads((tmp_path / "steps.json").read_text())["error"].startswith("ended after")
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 15)
    assert gpu.run_parts(gpu.parse([*SMALL, "--out", str(tmp_path), "--minutes", "0.1"])) == list(gpu.LIMITS)
    assert capsys.readouterr().out.count("not begun") == len(gpu.LIMITS)


BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"polars", "pydantic", "zarr", "numcodecs", "dvc", "isal", "geoopt", "py7zr", "ruamel"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from benchmarks import gpu
sys.argv = ["gpu", *sys.argv[1:], "--part", "loading"]
gpu.main()
"""


def test_a_machine_with_torch_alone_will_do(tmp_path: Path) -> None:
    words = [sys.executable, "-c", BARE, *SMALL, "--out", str(tmp_path)]
    subprocess.run(words, cwd=PROJECT, check=True)
    found = json.loads((tmp_path / "loading.json").read_text(encoding="utf-8"))
    assert set(found["loading"]) == {"release bfloat16", "pomo bfloat16"}
    assert "error" not in found


def test_pomo_is_the_recipe_that_ntu60_would_be_trained_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    declared = parameters.load(parameters.TRAIN, benchmark="ntu60-xsub", variant="pomo").get(parameters.TRAIN)
    assert find_recipe("pomo") == declared
