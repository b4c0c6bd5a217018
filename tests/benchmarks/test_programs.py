"""Each benchmark of training runs, small, prints its table and writes figures that two commits can be compared by."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import compare, evaluation, hardware, loading, measure, recipes, side_by_side, step
from hacm.protocols import knn
from hacm.settings import ModelSettings, PretrainSettings, TrainSettings

SMALL = TrainSettings(
    model=ModelSettings(dim=16, heads=2, encoder_blocks=1, decoder_blocks=1),
    pretrain=PretrainSettings(epochs=3, warmup_epochs=1, batch=4),
)
PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small model in place of the release's, and small matrices to find the machine's rates with."""
    monkeypatch.setitem(recipes.RECIPES, "release", SMALL)
    monkeypatch.setattr(hardware, "MATRIX", {"cpu": 64})
    monkeypatch.setattr(hardware, "COPY_BYTES", {"cpu": 1 << 16})
    monkeypatch.setattr(hardware, "SECONDS", 0.01)
    monkeypatch.setattr(hardware.measure_peak, "__defaults__", (torch.float32, 0.01))


def run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    path = tmp_path / f"{name}.json"
    monkeypatch.setattr("sys.argv", [name, "--device", "cpu", *arguments, "--json", str(path)])
    module = {"step": step, "loading": loading, "evaluation": evaluation, "side_by_side": side_by_side}.get(name)
    if module is None:
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    else:
        module.main()
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_step_is_counted_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run("step", tmp_path, monkeypatch, "--clips", "4", "--bodies", "2", "--repeats", "2")
    assert found["sequences"] == 8
    assert found["step"]["flops"] == pytest.approx(sum(part["flops"] for part in found["parts"].values()))
    floor = found["step"]["flops"] / found["peak"]["flops"], found["step"]["bytes"] / found["peak"]["bytes"]
    assert found["step"]["floor_seconds"] == pytest.approx(max(floor))
    assert found["ntu60_hours"] == pytest.approx(40_091 * 500 / 4 * found["step"]["seconds"] / 3600)
    printed = capsys.readouterr().out
    assert "decoder, all tokens" in printed
    assert "floor ms" in printed


def test_a_benchmark_of_params_yaml_can_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    found = run("step", tmp_path, monkeypatch, "--config", "kinect-sim-xsub", "--clips", "2", "--repeats", "1")
    assert found["parts"]["criteria of masking"]["flops"] > 0
    assert found["parameters"] < 400_000


def test_loading_is_measured_beside_a_fixed_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("loading", tmp_path, monkeypatch, "--clips", "4", "--rounds", "2")
    assert [len(times) for times in found["seconds"].values()] == [2, 2]
    assert found["times_fixed_from_parts"] > 1
    values = 4 * 72 * 25 * 3
    assert found["augmentation"]["bytes"] == 4 * 5 * values  # two rows read, one written; rotated: read and written


def test_a_fixed_batch_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    run_ = step.start_run(SMALL, 1, torch.device("cpu"))
    loading.hold_batch(run_)
    first = run_.batches.take(0).x_BTVC
    assert run_.batches.take(7).x_BTVC is first


def test_evaluation_is_projected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("evaluation", tmp_path, monkeypatch, "--clips", "4", "--gallery", "300", "--queries", "50")
    seconds = found["seconds"]
    linear = (100 * 300 + 50) * seconds["features, a clip"]
    linear += 100 * (seconds["probe, an epoch"] + seconds["scores and top-1 of the test clips"])
    assert found["linear_minutes"] == pytest.approx(linear / 60)


def test_contenders_are_measured_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(side_by_side, "printed_number", lambda *words: asked.append(words) or 1000)
    found = run("side_by_side", tmp_path, monkeypatch, "--clips", "2", "--rounds", "2", "--whole")
    assert list(found["contenders"]) == ["ours", "plain"]
    assert found["contenders"]["ours"]["times_ours"] == 1.0
    assert len(found["contenders"]["plain"]["processor_seconds"]) == 2
    assert [words[-1] for words in asked] == ["ours", "plain"]
    assert "--whole" in asked[0]


# ---- comparing ------------------------------------------------------------------------------------------------------

BEFORE = {
    "machine": {"processor": "A", "cores": 2},
    "code": "1",
    "seconds": {"step": [3.0, 1.0, 2.0], "load": 0.5},
    "results": [{"shape": "1,2", "passes": "forward", "ms": 4}],
    "clips": 0,
    "note": "text",
}


def test_every_figure_is_compared_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    after = {**BEFORE, "code": "2", "seconds": {"step": [1.0, 1.0, 1.0], "more": 1}}
    assert compare.ratios(BEFORE, after) == [
        ("seconds / step (median of 3)", 2.0, 1.0, 0.5),
        ("results / 1,2 forward / ms", 4.0, 4.0, 1.0),
        ("clips", 0.0, 0.0, None),
    ]
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    for path, content in zip(paths, (BEFORE, after), strict=True):
        path.write_text(json.dumps(content))
    monkeypatch.setattr("sys.argv", ["compare", *map(str, paths)])
    compare.main()
    printed = capsys.readouterr().out
    assert "0.500" in printed
    assert "machines differ" not in printed
    assert "in one file only: 2 figures" in printed


def test_figures_of_two_machines_are_not_passed_off_as_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    compare.show(BEFORE, {**BEFORE, "machine": {"processor": "B", "cores": 2}}, 1.0)
    assert "machines differ" in capsys.readouterr().out


# ---- evaluation's memory --------------------------------------------------------------------------------------------


def test_votes_of_the_size_of_ntu_need_little_memory() -> None:
    """All similarities at once would be 2.6 GB; few test clips at a time keep it to a few times knn.CELLS."""
    gallery, query = torch.randn(40_091, 8), torch.randn(16_487, 8)
    label = torch.randint(60, (40_091,))
    largest: list[int] = []
    real = torch.Tensor.topk

    def note(self: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        largest.append(self.numel())
        return real(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "topk", note)
        used = measure.growth(lambda: knn.vote(query[:1500], gallery, label, 60, 1))
    assert max(largest) <= knn.CELLS
    assert len(largest) == -(-1500 // (knn.CELLS // 40_091))
    assert used < 8 * 4 * knn.CELLS


def test_steps_beside_busy_processes_of_two_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other checkout here is a second view of this one."""
    (tmp_path / "other").symlink_to(PROJECT)
    monkeypatch.setattr(Path, "resolve", lambda path: path)
    words = ("--config", "utd-mhad-xsub", "--against", str(tmp_path / "other"), "--others", "0", "1")
    found = run("busy", tmp_path, monkeypatch, *words, "--steps", "2", "--rounds", "1")
    assert found["checkouts"] == ["here", "other"]
    assert {count: {name: len(one) for name, one in by.items()} for count, by in found["seconds"].items()} == {
        "0": {"here": 2, "other": 2},
        "1": {"here": 2, "other": 2},
    }
    assert all(second > 0 for by in found["seconds"].values() for one in by.values() for second in one)
    assert "1 busy processes" in capsys.readouterr().out
