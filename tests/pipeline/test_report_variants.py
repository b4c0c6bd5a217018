"""The report on several variants and seeds: means, paired differences, fused streams and conditions, by hand."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from hacm.errors import UserError
from pipeline.report import build
from pipeline.report.collecting import Benchmark, Selection, read_results
from pipeline.report.comparisons import compare, fusions
from pipeline.report.contents import compose
from pipeline.report.formatting import p_value, signed
from pipeline.report.predictions import Scores, fuse
from pipeline.results.people import Paired, pool
from tests.helpers.made_up_results import BOTH, CONDITIONS, write_csv, write_json, write_results
from tests.helpers.page import Page

NAMES = tuple(f"class {number}" for number in range(4))
CLIPS = 80
VARIANTS = ("hacm", "random", "bone-stream", "motion-stream")
MANY = Selection(["kinect-sim-xsub"], ["kinect-sim"], ["linear"], VARIANTS, (0, 1, 2))
TOP1 = {"hacm": (60, 64, 68), "random": (56, 60, 52), "bone-stream": (48, 52, 56), "motion-stream": (40, 44, 48)}
"""Clips of 80 recognised, by variant and seed."""
BASELINE_HITS = 44


def made_up_scores(hits: int, turn: int) -> NDArray[np.float32]:
    """Scores of 80 clips of 4 classes of which that many are hits: those from clip number `turn` on, round and round."""
    label_N = np.arange(CLIPS) % 4
    hit_N = (np.arange(CLIPS) - turn) % CLIPS < hits
    scores_NK = np.zeros((CLIPS, 4), dtype=np.float32)
    scores_NK[np.arange(CLIPS), np.where(hit_N, label_N, (label_N + 1) % 4)] = 1
    return scores_NK


def write_run(run: Path, example: Path, stream: str, scores_NK: NDArray[np.float32], random: float) -> None:
    """A pretraining and its linear probe, after the files of another one."""
    for file in ("metrics.json", "details.json"):
        content = json.loads((example / "pretrain" / file).read_text())
        content |= {"settings": {"augment": {"stream": stream}}} if file == "details.json" else {}
        write_json(run / "pretrain" / file, content)
    label_N = np.arange(CLIPS) % 4
    top1 = 100 * float((scores_NK.argmax(1) == label_N).mean())
    metrics = json.loads((example / "linear" / "metrics.json").read_text())
    metrics |= {"n": CLIPS, "classes": 4, "top1": top1, "top1_low": top1 - 4, "top1_high": top1 + 3}
    metrics |= {"random_top1": random, "random_top1_low": random - 2, "random_top1_high": random + 2}
    write_json(run / "linear" / "metrics.json", metrics)
    write_json(run / "linear" / "details.json", json.loads((example / "linear" / "details.json").read_text()))
    write_csv(run / "linear" / "conditions.csv", CONDITIONS, [])
    write_predictions(run / "linear", scores_NK)


def write_predictions(folder: Path, scores_NK: NDArray[np.float32]) -> None:
    label_N = np.arange(CLIPS) % 4
    table = {
        "name": [f"clip {number}" for number in range(CLIPS)],
        "subject": np.arange(CLIPS) % 11,
        "label": label_N,
        "random_predicted": (label_N + (np.arange(CLIPS) % 3 > 0)) % 4,
        "scores": pl.Series(scores_NK.tolist(), dtype=pl.List(pl.Float32)),
    }
    pl.DataFrame(table).write_parquet(folder / "predictions.parquet")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Four variants from three seeds."""
    folder = write_results(tmp_path / "results", names=NAMES)
    benchmark = folder / "benchmarks" / "kinect-sim-xsub"
    example = benchmark / "hacm" / "seed-0"
    write_predictions(benchmark / "baseline", made_up_scores(BASELINE_HITS, turn=0))
    for variant in VARIANTS:
        stream = variant.removesuffix("-stream") if variant.endswith("-stream") else "joint"
        for seed in MANY.seeds:
            scores_NK = made_up_scores(TOP1[variant][seed], turn=10 * VARIANTS.index(variant))
            write_run(benchmark / variant / f"seed-{seed}", example, stream, scores_NK, random=30.0 + seed)
    return folder


def benchmark_of(folder: Path, selection: Selection = MANY) -> Benchmark:
    return read_results(folder, selection).benchmarks[0]


def tables_of(folder: Path, out: Path, selection: Selection = MANY) -> dict[str, list[list[str]]]:
    build(folder, selection, out)
    page = Page((out / "report.html").read_text())
    assert page.open == []
    return {table.caption.removesuffix(" synthetic"): table.rows for table in page.tables}


def test_mean_and_deviation_over_seeds(many: Path, tmp_path: Path) -> None:
    """hacm: 75, 80, 85 %, so 80 ± 5; random: 70, 75, 65; untrained: 30, 31, 32; the baseline has no seed."""
    rows = {row[0]: row[1:] for row in tables_of(many, tmp_path)["Variants on kinect-sim-xsub, top-1 %"]}
    assert rows["Variant"] == ["Linear probe"]
    assert rows["hacm"] == ["80.0 ± 5.0"]
    assert rows["random"] == ["70.0 ± 5.0"]
    assert rows["Random weights"] == ["31.0 ± 1.0"]
    assert rows["Raw-joint ridge"] == ["55.5 [50.0, 60.9]"]
    assert list(rows)[3:] == [*VARIANTS, "joint + bone", "joint + bone + motion"]
    markdown = (tmp_path / "report.md").read_text()
    assert "| **hacm** [synthetic] | **80.0 ± 5.0** |" in markdown
    assert "Mean ± standard deviation over seeds 0, 1, 2 (n = 3)." in markdown


def test_one_seed_keeps_its_interval(many: Path, tmp_path: Path) -> None:
    one = replace(MANY, seeds=(0,), variants=("hacm", "random"))
    rows = {row[0]: row[1:] for row in tables_of(many, tmp_path, one)["Variants on kinect-sim-xsub, top-1 %"]}
    assert rows["hacm"] == ["75.0 [71.0, 78.0]"]
    assert "bone" not in rows


def test_one_variant_and_seed_is_the_plain_page(many: Path, tmp_path: Path) -> None:
    tables = tables_of(many, tmp_path, replace(BOTH, protocols=["linear"]))
    assert not any(caption.startswith(("Variants on", "Top-1 minus")) for caption in tables)
    assert "Variants:" not in (tmp_path / "report.md").read_text()


def test_paired_differences(many: Path, tmp_path: Path) -> None:
    """hacm's hits from seed 0 are clips 0 to 59, random's 10 to 65: 10 are hacm's alone, 6 random's alone.

    p = 2 · Σ_{k ≤ 6} C(16, k) / 2^16.
    """
    found = compare(benchmark_of(many)).differences["random", 0, "linear"]
    assert found.points.value == pytest.approx(100 * (56 - 60) / 80)
    assert found.points.low < -5 < found.points.high
    p = 2 * sum(math.comb(16, k) for k in range(7)) / 2**16
    assert found.p == pytest.approx(p)
    rows = tables_of(many, tmp_path)["Top-1 minus that of hacm, kinect-sim-xsub"]
    [row] = [row for row in rows if row[:2] == ["random", "0"]]
    assert row[2].startswith("−5.0 [−")
    assert row[3] == f"{p:.2g}"
    assert len([row for row in rows if row[0] in VARIANTS]) == 3 * 3
    assert [row[2].split()[0] for row in rows if row[0] == "Raw-joint ridge"] == ["−20.0", "−25.0", "−30.0"]
    untrained = 27  # every third of 80 clips
    expected = [f"−{100 * (hits - untrained) / CLIPS:.1f}" for hits in TOP1["hacm"]]
    assert [row[2].split()[0] for row in rows if row[0] == "Random weights"] == expected


def test_fused_streams_are_sums_of_softmaxed_scores() -> None:
    """Of two classes, the true one being 1. First clip: 100 against 0, but two of three see class 1 with odds e²: the
    scores' own sum says 0, the probabilities (1 + 2·0.119 against 2·0.881) say 1. Second: only the first is sure."""
    sure, two = [[100.0, 0.0], [0.0, 3.0]], [[0.0, 2.0], [1.0, 0.0]]
    label_N = np.array([1, 1])

    def scores(values: list[list[float]]) -> Scores:
        return Scores(("a", "b"), label_N, np.array(values, dtype=np.float32))

    together = fuse([scores(sure), scores(two), scores(two)])
    probability = 1 / (1 + math.exp(-2))
    np.testing.assert_allclose(together.scores_NK[0], [1 + 2 * (1 - probability), 2 * probability], rtol=1e-6)
    one, three = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-3))
    np.testing.assert_allclose(together.scores_NK[1], [1 - three + 2 * one, three + 2 * (1 - one)], rtol=1e-6)
    assert together.hits_N.tolist() == [True, 2 * one + 1 - three < three + 2 * (1 - one)]
    with pytest.raises(ValueError, match="same test clips"):
        fuse([scores(sure), replace(scores(sure), names=("b", "a"))])


def test_equal_scores_are_no_hit() -> None:
    """As for the accuracies that stand beside it: a tie is not won by the order of the classes."""
    assert not Scores(("a",), np.array([0]), np.array([[1, 1]], dtype=np.float32)).hits_N.any()


def test_streams_are_what_networks_were_fed(many: Path) -> None:
    """A recipe may feed motion to the reference: then `joint-stream` gives the joints."""
    benchmark = benchmark_of(many)
    expected = {("joint", "bone"): ("hacm", "bone-stream")}
    assert fusions(benchmark) == expected | {("joint", "bone", "motion"): ("hacm", "bone-stream", "motion-stream")}
    moved = {"hacm": "motion", "motion-stream": "joint"}
    details = {
        variant: replace(entry.details, settings=replace(entry.details.settings, augment=replace(
            entry.details.settings.augment, stream=moved.get(variant, entry.details.stream))))
        for entry in benchmark.pretrainings for variant in [entry.variant]
    }  # fmt: skip
    pretrainings = tuple(replace(entry, details=details[entry.variant]) for entry in benchmark.pretrainings)
    swapped = fusions(replace(benchmark, pretrainings=pretrainings))
    assert swapped["joint", "bone", "motion"] == ("motion-stream", "bone-stream", "hacm")
    assert fusions(benchmark_of(many, replace(MANY, variants=("hacm", "random")))) == {}


def test_fused_accuracy_stands_in_the_table(many: Path, tmp_path: Path) -> None:
    """hacm is right on clips 0 to 59, bones on 20 to 67; where one alone is right the two tie, which is no hit."""
    comparison = compare(benchmark_of(many))
    values = [estimate.value for estimate in comparison.fused[("joint", "bone"), "linear"]]
    assert values[0] == pytest.approx(100 * 40 / 80)
    rows = {row[0]: row[1:] for row in tables_of(many, tmp_path)["Variants on kinect-sim-xsub, top-1 %"]}
    assert rows["joint + bone"] == [f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"]


def write_conditions(folder: Path, variant: str, seed: int, rows: list[list[Any]]) -> None:
    path = folder / f"benchmarks/kinect-sim-xsub/{variant}/seed-{seed}/linear/conditions.csv"
    write_csv(path, CONDITIONS, rows)


def test_conditions_by_level(many: Path, tmp_path: Path) -> None:
    """Two seeds of two draws each: 40, 50, 60, 70 at level 0.1, so 55 ± 12.9 (√(500/3))."""
    for seed, values in ((0, (40, 50)), (1, (60, 70))):
        rows = [["labels", 0.1, draw, value, value - 1, value + 1, 20 + draw] for draw, value in enumerate(values)]
        rows += [["labels", 0.05, 0, 33.3, 30, 35, 10], ["left arm hidden", 0.2, 0, 44 + seed, 41, 50, 12]]
        write_conditions(many, "hacm", seed, rows)
    two = replace(MANY, variants=("hacm", "random"), seeds=(0, 1))
    tables = tables_of(many, tmp_path, two)
    rows = {row[0]: row[1:] for row in tables["kinect-sim-xsub, Linear probe, top-1 %: labels"]}
    assert rows["Variant"] == ["0.05", "0.1"]
    assert rows["hacm"] == ["33.3 ± 0.0", "55.0 ± 12.9"]
    assert rows["Random weights"] == ["10.0 ± 0.0", "20.5 ± 0.6"]
    assert rows["random"] == ["–", "–"]
    rows = {row[0]: row[1:] for row in tables["kinect-sim-xsub, Linear probe, top-1 %: at one level each"]}
    assert rows["Variant"] == ["left arm hidden (0.2)"]
    assert rows["hacm"] == ["44.5 ± 0.7"]
    captions = Page((tmp_path / "report.html").read_text()).captions
    assert "synthetic kinect-sim-xsub, Linear probe: top-1 against labels." in captions


def test_conditions_of_one_run_keep_their_intervals(many: Path, tmp_path: Path) -> None:
    write_conditions(many, "hacm", 0, [["noise", 0.1, 0, 50, 44, 56, 20], ["noise", 0.2, 0, 40, 35, 47, 18]])
    tables = tables_of(many, tmp_path, replace(BOTH, protocols=["linear"]))
    rows = {row[0]: row[1:] for row in tables["kinect-sim-xsub, Linear probe, top-1 %: noise"]}
    assert rows["hacm"] == ["50.0 [44.0, 56.0]", "40.0 [35.0, 47.0]"]
    assert rows["Random weights"] == ["20.0", "18.0"]


def test_transfer_stands_beside_its_controls(many: Path, tmp_path: Path) -> None:
    """From itself to itself, as there is no other benchmark among these: 75 and 80 %, so 77.5 ± 3.5."""
    two = replace(MANY, variants=("hacm",), seeds=(0, 1), sources=BOTH.benchmarks, targets=BOTH.benchmarks)
    name = "kinect-sim-xsub"
    for seed in two.seeds:
        example = many / f"benchmarks/{name}/hacm/seed-{seed}/linear"
        for file in ("metrics.json", "details.json"):
            target = many / f"transfer/{name}/{name}/hacm/seed-{seed}" / file
            write_json(target, json.loads((example / file).read_text()))
    rows = {row[0]: row[1:] for row in tables_of(many, tmp_path, two)["Transfer, top-1 % on the target's test clips"]}
    assert rows["Variant"] == [f"{name} to {name}"]
    assert rows["hacm"] == ["77.5 ± 3.5"]
    assert rows["Random weights"] == ["30.5 ± 0.7"]
    content = json.loads(target.read_text())
    write_json(target, content | {"data_version": "another"})
    with pytest.raises(UserError, match=r"seed-1/details\.json: data_version is another"):
        read_results(many, two)


@pytest.mark.parametrize("damage", ["missing", "damaged", "other clips", "fewer clips", "no scores"])
def test_scores_that_cannot_be_compared_are_named(many: Path, tmp_path: Path, damage: str) -> None:
    path = many / "benchmarks/kinect-sim-xsub/random/seed-1/linear/predictions.parquet"
    table = pl.read_parquet(path)
    changes = {
        "damaged": lambda: path.write_bytes(b"PAR1 nonsense"),
        "missing": path.unlink,
        "other clips": lambda: table.with_columns(pl.col("name").reverse()).write_parquet(path),
        "fewer clips": lambda: table.head(70).write_parquet(path),
        "no scores": lambda: table.drop("scores").write_parquet(path),
    }
    changes[damage]()
    with pytest.raises(UserError) as caught:
        build(many, MANY, tmp_path / "out")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_signs_and_small_p_values() -> None:
    assert [signed(value) for value in (1.25, -3.0, 0.0)] == ["+1.2", "−3.0", "+0.0"]
    assert [p_value(p) for p in (1.0, 0.0321, 1e-9)] == ["1", "0.032", "< 0.0001"]


def test_the_answer_ranks_the_variants(many: Path) -> None:
    """The best first, with means and scatter over seeds by hand, and whether people tell the next from the reference."""
    results = read_results(many, MANY)
    report = compose(results, {"kinect-sim-xsub": compare(results.benchmarks[0])})
    [answer] = report.answers
    tops = {variant: [100 * hits / CLIPS for hits in TOP1[variant]] for variant in VARIANTS}
    ranked = [f"{name} {mean(tops[name]):.1f} ± {stdev(tops[name]):.1f}\u00a0%" for name in VARIANTS[:3]]
    assert answer.text.startswith(f"Linear probe: {', '.join(ranked)}; random weights ")
    ridge = json.loads((many / "benchmarks/kinect-sim-xsub/baseline/metrics.json").read_text())["top1"]
    assert f"raw-joint ridge {ridge:.1f}\u00a0%." in answer.text
    label_N, subject_N = np.arange(CLIPS) % 4, np.arange(CLIPS) % 11
    random, hacm = (
        np.stack([made_up_scores(hits, turn=turn).argmax(1) == label_N for hits in TOP1[variant]])
        for variant, turn in (("random", 10), ("hacm", 0))
    )
    pooled = pool([Paired(subject_N, random, hacm)])
    told = f"Over 11 test subjects, random is {-100 * pooled.value:.1f} points below hacm ["
    assert told in answer.text
    assert ("not settled" in answer.text) == (pooled.low < 0 < pooled.high)
    assert report.title.startswith(f"kinect-sim-xsub (synthetic), linear probe: HA-CM {mean(tops['hacm']):.1f}")
    assert answer.failing.startswith("hacm, linear probe, seed 0: Commonest confusion: ")


def test_people_are_pooled_over_seeds(many: Path, tmp_path: Path) -> None:
    """The difference is the mean over seeds, its p that of the test on people by itself, corrected for all rows."""
    tables = tables_of(many, tmp_path)
    [(caption, rows)] = [(caption, rows) for caption, rows in tables.items() if "pooled over" in caption]
    assert caption == "Top-1 minus that of hacm, pooled over 11 test subjects of kinect-sim-xsub"
    shown = {row[0]: row[1:] for row in rows[2:]}
    assert list(shown) == ["Raw-joint ridge", "Random weights", *(name for name in VARIANTS if name != "hacm")]
    label_N, subject_N = np.arange(CLIPS) % 4, np.arange(CLIPS) % 11

    def hits(variant: str) -> np.ndarray:
        turn = 10 * VARIANTS.index(variant)
        return np.stack([made_up_scores(TOP1[variant][seed], turn=turn).argmax(1) == label_N for seed in MANY.seeds])

    found = pool([Paired(subject_N, hits("random"), hits("hacm"))])
    assert shown["random"][0].startswith(f"{100 * found.value:+.1f}".replace("-", "−"))
    assert f"{100 * found.low:+.1f}".replace("-", "−") in shown["random"][0]
    assert float(shown["random"][1].removeprefix("< ")) >= found.p


def test_without_subjects_nothing_is_pooled(many: Path, tmp_path: Path) -> None:
    for path in list(many.rglob("predictions.parquet")):
        pl.read_parquet(path).drop("subject", strict=False).write_parquet(path)
    assert not [caption for caption in tables_of(many, tmp_path) if "pooled over" in caption]


def test_left_out_training_subjects_have_a_table_of_their_own(many: Path, tmp_path: Path) -> None:
    for path in many.rglob("linear"):
        target = path.with_name("loso")
        shutil.copytree(path, target)
        for name, more in (("metrics.json", {"knn_top1": 61.5}), ("details.json", {"part": "train"})):
            write_json(target / name, json.loads((target / name).read_text()) | more)
    with_both = replace(MANY, protocols=("linear", "loso"))
    tables = tables_of(many, tmp_path, with_both)
    [rows] = [rows for caption, rows in tables.items() if "left out one at a time" in caption]
    assert [row for row in rows if row[0] == "hacm"] == [["hacm", "80.0 ± 5.0", "61.5 ± 0.0"]]
    assert tables["Variants on kinect-sim-xsub, top-1 %"][0] == ["Variant", "Linear probe"]


def test_nothing_but_left_out_training_subjects_is_a_page_too(many: Path, tmp_path: Path) -> None:
    for path in many.rglob("linear"):
        path.rename(path.with_name("loso"))
    for path in many.rglob("loso"):
        for name, more in (("metrics.json", {"knn_top1": 61.5}), ("details.json", {"part": "train"})):
            write_json(path / name, json.loads((path / name).read_text()) | more)
    for selection in (
        replace(MANY, protocols=("loso",)),
        replace(MANY, protocols=("loso",), variants=("hacm",), seeds=(0,)),
    ):
        tables = tables_of(many, tmp_path, selection)
        assert [caption for caption in tables if "left out one at a time" in caption]
