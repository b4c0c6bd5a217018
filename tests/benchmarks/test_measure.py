"""The measuring itself: turns, peaks, and what a benchmark of distances hands back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import geometry, measure

MEBIBYTE = 2**20


def test_contenders_take_turns_and_the_first_run_does_not_count() -> None:
    calls: list[str] = []

    def contender(name: str) -> Callable[[], None]:
        return lambda: calls.append(name)

    seconds = measure.alternate({"a": contender("a"), "b": contender("b")}, repeats=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [len(times) for times in seconds.values()] == [3, 3]
    assert all(time >= 0 for times in seconds.values() for time in times)


def test_ratios_are_taken_round_by_round() -> None:
    assert measure.median_ratio([2.0, 30.0, 8.0], [1.0, 3.0, 2.0]) == 4.0


def test_growth_is_the_peak_not_what_is_left() -> None:
    bytes(100 * MEBIBYTE)  # an earlier peak must not hide a later, smaller one
    found = measure.growth(lambda: len(b"x" * (40 * MEBIBYTE)))
    assert 38 * MEBIBYTE < found < 60 * MEBIBYTE
    assert measure.growth(lambda: None) < 4 * MEBIBYTE


def test_a_child_that_fails_is_named_with_its_reason() -> None:
    with pytest.raises(RuntimeError, match=r"benchmarks\.nothing ended with 1: .*No module named"):
        measure.printed_number("benchmarks.nothing")


@pytest.mark.parametrize("passes", geometry.PASSES)
def test_both_contenders_compute_the_same(passes: str) -> None:
    vectors = 0.3 * torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = [contender(vectors) for contender in geometry.CONTENDERS.values()]
    assert found[0].shape == (2, 3, 4, 4)
    torch.testing.assert_close(found[0], found[1], atol=2e-3, rtol=1e-4)  # geoopt is off zero on the diagonal
    geometry.action("ours", "2,3,4,5", passes)()


def test_the_program_prints_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        geometry, "printed_number", lambda module, flag, *words: measure.growth(geometry.action(*words))
    )
    path = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", ["geometry", "--repeats", "2", "--shape", "2,3,4,5", "--json", str(path)])
    geometry.main()
    assert "2,3,4,5" in capsys.readouterr().out
    figures = json.loads(path.read_text())
    assert [result["passes"] for result in figures["results"]] == list(geometry.PASSES)
    for result in figures["results"]:
        assert [len(result["seconds"][name]) for name in geometry.CONTENDERS] == [2, 2]
        assert result["times_faster"] > 0


def test_memory_is_measured_in_a_process_of_its_own() -> None:
    """At a shape whose broadcast tensor (…, J, J, D) has 64 MiB, geoopt needs at least that, ours a small part."""
    shape = "8,1,32,2048"
    broadcast, own = (
        measure.printed_number("benchmarks.geometry", "--peak-of", name, shape, "forward")
        for name in ("geoopt", "ours")
    )
    assert broadcast > 60 * MEBIBYTE
    assert own < broadcast / 4
