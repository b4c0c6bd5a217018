"""The report, built on made-up results that have the shape of real ones. Every number below is synthetic."""

import csv
import json
import math
import random
import shutil
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.skeletons.topology import KINECT_V2
from pipeline.report import build
from pipeline.report.charts import RANDOM
from pipeline.report.collecting import Selection, read_results
from pipeline.report.comparisons import RIDGE, Difference, compare
from pipeline.report.model import Estimate
from pipeline.report.published import PROTOCOLS, PUBLISHED, SOURCES, split_published
from pipeline.report.skeletons import geodesic, spread
from pipeline.report.svg import PROPERTIES
from pipeline.report.table_model import escaped
from pipeline.report.tables.accuracy import conclude

AWKWARD = 'wave <b>&"x"</b> $x_1$ | *both*'
BOTH = Selection(["kinect-sim-xsub"], ["kinect-sim"], ["linear", "knn"])
CONDITIONS = ["kind", "level", "draw", "top1", "top1_low", "top1_high", "random_top1"]
CLASSES = (AWKWARD, "drink water", "throw", "clap", "sit down", "stand up", "kick", "punch", "hug", "point")


# ------------------------------------------------------------------------------------------------ made-up results


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def made_up_tree() -> list[list[Any]]:
    """Joints laid out in the disk from the root outwards, each child one unit of hyperbolic distance on."""
    place: dict[int, complex] = {KINECT_V2.parents.index(-1): 0j}
    heading: dict[int, tuple[float, float]] = {KINECT_V2.parents.index(-1): (0.0, 2 * math.pi)}
    while len(place) < len(KINECT_V2.joints):
        for joint in list(place):
            children = [child for child, parent in KINECT_V2.bones if parent == joint and child not in place]
            start, width = heading[joint]
            for number, child in enumerate(children):
                angle = start + width * (number + 0.5) / len(children) - width / 2
                step = math.tanh(0.45) * complex(math.cos(angle), math.sin(angle))
                place[child] = (place[joint] + step) / (1 + place[joint].conjugate() * step)
                heading[child] = (angle, 0.75 * math.pi)
    radii = {joint: 2 * math.atanh(abs(point)) for joint, point in place.items()}
    return [
        [j, parent, name, place[j].real, place[j].imag, radii[j], int(j in KINECT_V2.kept)]
        for j, (parent, name) in enumerate(zip(KINECT_V2.parents, KINECT_V2.joints, strict=True))
    ]


def made_up_poses(frames: int, shift: float) -> list[list[list[float]]]:
    """A person who raises the right arm; metres."""
    rest = {
        0: (0, 0), 1: (0, 0.3), 20: (0, 0.55), 2: (0, 0.63), 3: (0, 0.8), 4: (-0.18, 0.52), 5: (-0.25, 0.28),
        6: (-0.28, 0.05), 7: (-0.29, -0.02), 21: (-0.3, -0.09), 22: (-0.24, -0.04), 8: (0.18, 0.52), 12: (-0.09, -0.02),
        13: (-0.11, -0.42), 14: (-0.12, -0.8), 15: (-0.15, -0.86), 16: (0.09, -0.02), 17: (0.11, -0.42),
        18: (0.12, -0.8), 19: (0.15, -0.86),
    }  # fmt: skip
    poses = []
    for frame in range(frames):
        angle = -1.3 + 2.6 * math.sin(math.pi * frame / frames)
        reach = {9: 0.25, 10: 0.48, 11: 0.55, 23: 0.62, 24: 0.58}
        arm = {joint: (0.18 + far * math.cos(angle), 0.52 + far * math.sin(angle)) for joint, far in reach.items()}
        points = {**rest, **arm}
        poses.append([[points[j][0] + shift, points[j][1], 2.0] for j in range(25)])
    return poses


def write_example(path: Path, draw: random.Random, bodies: int) -> None:
    segments, kept = 24, list(KINECT_V2.kept)
    masked = []
    for _ in range(bodies):
        grid = [[1] * len(kept) for _ in range(segments)]
        for first in (0, 1):
            places = [(s, j) for s in range(first, segments, 2) for j in range(len(kept))]
            for s, j in draw.sample(places, 21):
                grid[s][j] = 0
        masked.append(grid)
    content = {
        "name": "S001C001P001R001A001",
        "label": 0,
        "segment": 3,
        "joints": KINECT_V2.joints,
        "parents": KINECT_V2.parents,
        "kept": kept,
        "bodies": [made_up_poses(72, 0.8 * number) for number in range(bodies)],
        "masked": masked,
        "branch": {"temporal": list(range(0, segments, 2)), "spatial": list(range(1, segments, 2))},
    }
    write_json(path, content)


def write_protocol(
    folder: Path, names: tuple[str, ...], details: dict[str, Any], draw: random.Random, hit: float
) -> None:
    clips = [(name, name if draw.random() < hit else draw.choice(names)) for name in names for _ in range(20)]
    top1 = 100 * sum(a == p for a, p in clips) / len(clips)
    per_class = [[n, 20, 100 * sum(a == p == n for a, p in clips) / 20, 100 * draw.random() / 2] for n in names]
    metrics = {
        "n": len(clips), "classes": len(names), "top1": top1, "top1_low": top1 - 5.21, "top1_high": top1 + 4.63,
        "top5": 97.28, "top5_low": 95.11, "top5_high": 98.97, "mean_class": top1 - 0.37,
        "random_top1": 41.84, "random_top1_low": 36.52, "random_top1_high": 47.19, "random_top5": 80.02,
    }  # fmt: skip
    if folder.name == "linear":
        metrics["best_epoch_as_released_top1"] = top1 + 1.66
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "details.json", {**details, "protocol": folder.name})
    write_csv(folder / "per_class.csv", ["class", "n", "top1", "random_top1"], per_class)
    write_csv(folder / "confusion.csv", ["actual", "predicted"], [list(clip) for clip in clips])
    write_csv(folder / "conditions.csv", CONDITIONS, [])
    write_predictions(folder, names, clips, draw)


def write_predictions(folder: Path, names: tuple[str, ...], clips: list[tuple[str, str]], draw: random.Random) -> None:
    """Scores of 1 for the class that was predicted, 0 for the others; random weights guess."""
    scores = [[float(name == predicted) for name in names] for _, predicted in clips]
    table = {
        "name": [f"clip {number}" for number in range(len(clips))],
        "label": [names.index(actual) for actual, _ in clips],
        "random_predicted": [draw.randrange(len(names)) for _ in clips],
        "scores": pl.Series(scores, dtype=pl.List(pl.Float32)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(table).write_parquet(folder / "predictions.parquet")


def write_results(
    folder: Path,
    *,
    dataset: str = "kinect-sim",
    synthetic: bool = True,
    names: tuple[str, ...] = CLASSES,
    bodies: int = 1,
) -> Path:
    """Results of the benchmark <dataset>-xsub under protocols linear and knn: variant hacm, seed 0."""
    draw = random.Random(7)
    benchmark = folder / "benchmarks" / f"{dataset}-xsub"
    run = benchmark / "hacm" / "seed-0"
    details = {
        "seed": 0, "data_version": "0123456789abcdef0123456789abcdef", "encoder_hash": "feedbeef" * 4,
        "code": "a1b2c3d4e5f6a7b8c9d0", "dirty": False, "machine": {"cpu": "Xeon", "cores": 2, "device": "cpu"},
        "seconds": 12.5, "bootstrap": 200, "synthetic": synthetic, "dataset": dataset, "controls": ["random weights"],
    }  # fmt: skip
    for protocol, hit in (("linear", 0.72), ("knn", 0.45)):
        write_protocol(run / protocol, names, details, draw, hit)
    baseline = {"n": 20 * len(names), "classes": len(names), "top1": 55.55, "top1_low": 50.02, "top1_high": 60.93}
    write_json(benchmark / "baseline" / "metrics.json", {**baseline, "top5": 90.06, "strength": 10.0})
    guessed = [(name, name if draw.random() < 0.5 else draw.choice(names)) for name in names for _ in range(20)]
    write_predictions(benchmark / "baseline", names, guessed, draw)
    trained = {**details, "seconds": 301.2, "settings": {"augment": {"stream": "joint"}}}
    write_json(run / "pretrain" / "details.json", trained)
    write_json(benchmark / "baseline" / "details.json", {**details, "encoder_hash": None, "seed": None})
    write_json(
        run / "pretrain" / "metrics.json",
        {
            "epochs": 40,
            "loss": 0.8,
            "reconstruction": 0.6,
            "contrast": 0.2,
            "clips": 300,
            "parameters": 9_876_543,
        },
    )
    falling = [(0.55 + 0.45 * math.exp(-e / 9), 0.02 + 0.05 * math.exp(-e / 4)) for e in range(40)]
    losses = [[e, a + b, a, b, 1e-3] for e, (a, b) in enumerate(falling)]
    write_csv(run / "pretrain" / "loss.csv", ["epoch", "loss", "reconstruction", "contrast", "lr"], losses)
    write_example(run / "pretrain" / "example.json", draw, bodies)
    write_dataset(folder / "datasets" / dataset, dataset, synthetic, names, details["data_version"])
    return folder


def write_dataset(folder: Path, dataset: str, synthetic: bool, names: tuple[str, ...], version: Any) -> None:
    distortion = {"tree_distortion": 0.0512, "tree_distortion_random": 0.8123, "tree_distortion_euclidean": 0.2345}
    write_json(folder / "hierarchy" / "metrics.json", {**distortion, "scale": 2.0})
    write_csv(
        folder / "hierarchy" / "tree.csv", ["joint", "parent", "name", "x", "y", "radius", "token"], made_up_tree()
    )
    audit = {
        "dataset": dataset, "synthetic": synthetic, "version": version, "topology": "kinect-v2-25",
        "clips": 50 * len(names), "excluded": 3, "bodies": {"1": 40 * len(names), "2": 10 * len(names)},
        "frames": {"least": 41, "median": 78.5, "most": 160, "total": 40_321},
        "benchmarks": {
            "xsub": {
                "train": 300, "test": 200, "expected_train": 301, "expected_test": None,
                "train_subjects": [1, 2], "test_subjects": [3],
            }
        },
        "classes": [{"label": i, "name": n, "clips": 50, "train": 30, "test": 20} for i, n in enumerate(names)],
        "subjects": [{"subject": s, "clips": 167} for s in (1, 2, 3)],
        "exclusions": [
            {"name": "S001C001P002R001A003", "reason": "no body in any frame"},
            {"name": "S001C002P002R001A003", "reason": "no body in any frame"},
            {"name": "S001C003P002R001A004", "reason": "file cut short"},
        ],
        "cleaning": [{"note": "empty frames dropped", "clips": 61}, {"note": "ghost body dropped", "clips": 14}],
        "findings": [{"severity": "warning", "text": "1 clip fewer than expected in xsub train"}],
    }  # fmt: skip
    write_json(folder / "audit" / "audit.json", audit)


# ------------------------------------------------------------------------------------------------------- the pages


@dataclass
class ParsedTable:
    """A table as a reader sees it."""

    published: bool
    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """Collects tables, captions of drawings, open tags, and everything that could make a browser load something."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})
    LOADING = frozenset({"src", "href", "xlink:href", "srcset", "data", "poster", "action", "background"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[ParsedTable] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self._figure = ""
        self._sink: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        classes = (dict(attrs).get("class") or "").split()
        if tag == "figure":
            self._figure = "table" if "table" in classes else "drawing"
            if self._figure == "table":
                self.tables.append(ParsedTable("published" in classes))
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th", "figcaption"):
            self._sink = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for key, value in attrs if key in self.LOADING]
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        text = " ".join("".join(self._sink or []).split())
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].append(text)
        elif tag == "figcaption" and self._figure == "table":
            self.tables[-1].caption = text
        elif tag == "figcaption":
            self.captions.append(text)

    def handle_data(self, data: str) -> None:
        if self._sink is not None:
            self._sink.append(data)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("made-up"))


@pytest.fixture(scope="module")
def synthetic_report(made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    out = tmp_path_factory.mktemp("synthetic-report")
    build(made_up, BOTH, out)
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.md"]
    return (out / "report.html").read_text(), (out / "report.md").read_text()


@pytest.fixture(scope="module")
def real_report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = write_results(tmp_path_factory.mktemp("real"), dataset="ntu60", synthetic=False, bodies=2)
    out = tmp_path_factory.mktemp("real-report")
    build(folder, Selection(["ntu60-xsub"], ["ntu60"], ["linear"]), out)
    return (out / "report.html").read_text(), (out / "report.md").read_text()


def test_page_is_whole_and_loads_nothing(synthetic_report: tuple[str, str], real_report: tuple[str, str]) -> None:
    for html in (synthetic_report[0], real_report[0]):
        page = Page(html)
        assert page.open == []
        assert "http" not in html
        assert "@import" not in html
        assert "<script" not in html
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
        assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))
        assert len(html.encode()) < 2_000_000


def test_page_defines_every_colour_in_light_and_dark(synthetic_report: tuple[str, str]) -> None:
    html = synthetic_report[0]
    for colour, custom in PROPERTIES.items():
        assert f"{custom}: {colour};" in html, "a drawing's colour and the light theme's differ"
        assert html.count(f"{custom}: #") == 2
        assert html.count(colour) == 1, "a drawing escapes the theme"


def test_accuracies_are_those_of_the_files(synthetic_report: tuple[str, str], made_up: Path) -> None:
    html, markdown = synthetic_report
    [table] = [table for table in Page(html).tables if table.caption.startswith("Accuracy")]
    baseline = json.loads((made_up / "benchmarks/kinect-sim-xsub/baseline/metrics.json").read_text())
    for cells, protocol, title in zip(table.rows[2:], ("linear", "knn"), ("Linear probe", "k-NN"), strict=True):
        metrics = json.loads((made_up / f"benchmarks/kinect-sim-xsub/hacm/seed-0/{protocol}/metrics.json").read_text())

        def shown(key: str, source: dict[str, float] = metrics) -> str:
            return "{:.1f} [{:.1f}, {:.1f}]".format(*(source[key + end] for end in ("", "_low", "_high")))

        best = metrics.get("best_epoch_as_released_top1")
        expected = ["kinect-sim-xsub", title, str(metrics["n"]), shown("top1"), shown("top5")]
        expected += [f"{metrics['mean_class']:.1f}", shown("random_top1"), shown("top1", baseline)]
        expected += [f"{best:.1f}" if best else "–"]
        assert cells == expected
        first = f"**{metrics['top1']:.1f}** {escaped(shown('top1').partition(' ')[2])}"
        assert f"| kinect-sim-xsub [synthetic] | {title} | {metrics['n']} | {first} |" in markdown


def test_synthetic_is_said_everywhere(synthetic_report: tuple[str, str]) -> None:
    html, markdown = synthetic_report
    page = Page(html)
    measured = [table for table in page.tables if not table.published]
    assert len(measured) >= 10
    assert all("synthetic" in table.caption for table in measured)
    assert len(page.captions) >= 9
    assert all(caption.startswith("synthetic ") for caption in page.captions)
    assert 'class="banner"' in html
    before_published = markdown.partition("## Published figures")[0]
    rows = [line for line in before_published.splitlines() if line.startswith("| ")]
    bodies = [
        row for row, above in zip(rows[1:], rows, strict=False) if "| :---" not in row and "---:" not in row and above
    ]
    headers = [row for row, below in pairwise(rows) if "---" in below]
    assert all("[synthetic]" in row for row in bodies if row not in headers)
    assert markdown.splitlines()[4].startswith("> **[synthetic]")


def test_synthetic_is_not_said_of_real_recordings(real_report: tuple[str, str]) -> None:
    html, markdown = real_report
    assert "synthetic" not in markdown
    assert "synthetic" not in html.replace('class="synthetic"', "")
    assert 'class="banner"' not in html


def test_published_figures_stay_among_themselves(
    synthetic_report: tuple[str, str], real_report: tuple[str, str]
) -> None:
    for html, _ in (synthetic_report, real_report):
        for table in Page(html).tables:
            methods = {row[0] for row in table.rows} & set(SOURCES)
            assert bool(methods) == table.published
            assert ("published, not measured here" in table.caption) == table.published
        measured = html.partition('id="published"')[0]
        assert not any(source in measured for source in SOURCES.values())
    folded = synthetic_report[0].partition('id="published"')[2].partition("<details>")
    assert "<table>" not in folded[0], "a data set without published figures shows none unasked"
    assert "<table>" in real_report[0].partition('id="published"')[2].partition("<details>")[0]


def test_published_figures_are_the_papers() -> None:
    linear = """HA-CM 86.3 91.2 78.9 80.2 50.9 / MAMP 84.9 89.1 78.6 79.1 53.8 / SkeletonMAE 74.8 77.7 72.5 73.5 36.1
        / Skeleton2vec 85.7 90.3 79.7 81.3 55.6 / STARS 87.1 90.9 79.9 80.8 52.7 / GFP 85.9 92.0 79.1 80.3 56.2
        / SLiM 87.9 93.2 81.2 83.6"""
    columns = ("ntu60-xsub", "ntu60-xview", "ntu120-xsub", "ntu120-xset", "pku2-xsub")
    for line in linear.split("/"):
        method, *numbers = line.split()
        found = {p.column: p.top1 for p in PUBLISHED if p.protocol == "linear" and p.method == method}
        assert found == dict(zip(columns, map(float, numbers), strict=False))
    rest = """finetune MAMP: ntu60-xsub 93.1; ntu60-xview 97.5; ntu120-xsub 90.0; ntu120-xset 91.3
        semi SkeletonMAE: ntu60-xsub, 1 % of labels 54.4; ntu60-xsub, 10 % of labels 80.6
        semi MAMP: ntu60-xsub, 1 % of labels 66.0; ntu60-xsub, 10 % of labels 88.0
        semi GFP: ntu60-xsub, 1 % of labels 71.8; ntu60-xsub, 10 % of labels 88.7
        transfer SkeletonMAE: pku2-xsub, from ntu60 58.4; pku2-xsub, from ntu120 61.0
        transfer MAMP: pku2-xsub, from ntu60 70.6; pku2-xsub, from ntu120 73.2
        knn STARS: ntu60-xsub 79.9; ntu60-xview 88.6"""
    expected = {}
    for line in rest.splitlines():
        (protocol, method), figures = line.split(":")[0].split(), line.split(":")[1].split(";")
        for column, top1 in (figure.strip().rsplit(" ", 1) for figure in figures):
            expected[protocol, method, column] = float(top1)
    found = {(p.protocol, p.method, p.column): p.top1 for p in PUBLISHED if p.protocol != "linear"}
    assert found == expected
    assert all(p.protocol in PROTOCOLS and "arXiv" in p.source for p in PUBLISHED)
    shown, others = split_published({"ntu120"}, {"linear"})
    assert {p.column for p in shown} == {"ntu120-xsub", "ntu120-xset"}
    assert len(shown) + len(others) == len(PUBLISHED)


def test_names_are_escaped(synthetic_report: tuple[str, str]) -> None:
    html, markdown = synthetic_report
    assert "wave <b>" not in html
    assert "wave &lt;b&gt;" in html
    assert any(AWKWARD in row for table in Page(html).tables for row in table.rows)
    assert "wave <b>" not in markdown
    for line in markdown.splitlines():
        if "wave " in line:
            assert line.replace("\\|", "").count("|") == 6 if line.startswith("| 0 ") else "\\|" in line


def test_both_bodies_are_drawn(real_report: tuple[str, str]) -> None:
    captions = " ".join(Page(real_report[0]).captions)
    assert "Body 1 of clip" in captions
    assert "Body 2 of clip" in captions
    assert "390 of 432 tokens are masked (90.3 %)" in captions


def test_equal_results_give_equal_files(made_up: Path, synthetic_report: tuple[str, str], tmp_path: Path) -> None:
    build(made_up, BOTH, tmp_path)
    assert (tmp_path / "report.html").read_text() == synthetic_report[0]
    assert (tmp_path / "report.md").read_text() == synthetic_report[1]


# ---------------------------------------------------------------------------------------------------------- errors


def read(folder: Path, datasets: tuple[str, ...] = ("kinect-sim",)) -> None:
    for benchmark in read_results(folder, replace(BOTH, datasets=datasets)).benchmarks:
        compare(benchmark)


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_missing_file_is_named(made_up: Path, tmp_path: Path) -> None:
    paths = [path.relative_to(made_up) for path in made_up.rglob("*") if path.is_file()]
    assert len(paths) == 22
    copy = shutil.copytree(made_up, tmp_path / "copy")
    for path in paths:
        (copy / path).rename(tmp_path / "aside")
        assert f"{copy / path}: missing" in refusal(copy)
        (tmp_path / "aside").rename(copy / path)
    read(copy)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/linear/metrics.json", '"top5": 97.28', '"top5": 197.28', "top5: "),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/linear/metrics.json", '"mean_class"', '"mean"', "mean_class: Field required"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/linear/metrics.json", "}", "", "Invalid JSON"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/knn/metrics.json", '"top5_low": 95.11', '"top5_low": 99.11', "top5_low 99.11"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/knn/metrics.json", '"n": 200', '"n": 201', "200 rows but n"),
        ("benchmarks/kinect-sim-xsub/baseline/metrics.json", '"n": 200', '"n": 201', "another result of the benchmark has 201"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/knn/details.json", '"012345', '"912345', "data_version is 912345"),
        ("benchmarks/kinect-sim-xsub/baseline/details.json", '"012345', '"912345', "data_version is 912345"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/knn/details.json", "true", "false", "synthetic is False but pretraining has True"),
        ("datasets/kinect-sim/audit/audit.json", '"012345', '"912345', "version is 912345"),
        ("datasets/kinect-sim/audit/audit.json", '"xsub"', '"xview"', "no split for kinect-sim-xsub"),
        ("datasets/kinect-sim/hierarchy/tree.csv", "spine base,", "spine base,x", "line 2: x: "),
        ("datasets/kinect-sim/hierarchy/tree.csv", "spine mid,0.0", "spine mid,1.0", "outside the unit disk"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/linear/per_class.csv", "throw,20", "throw,many", "line 4: n: "),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/linear/confusion.csv", "throw,throw", "thrown,throw", "class 'thrown' is not in"),
        ("benchmarks/kinect-sim-xsub/hacm/seed-0/pretrain/example.json", '"segment": 3', '"segment": 4', "masked must be segments"),
    ],
)  # fmt: skip
def test_malformed_files_are_named(made_up: Path, tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    copy = shutil.copytree(made_up, tmp_path / "copy")
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))
    message = refusal(copy)
    assert said in message
    assert Path(file).name in message


def test_a_data_set_left_out_is_named(made_up: Path) -> None:
    assert "needs data set kinect-sim" in refusal(made_up, datasets=())


def test_a_failed_build_writes_nothing(made_up: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        build(made_up, replace(BOTH, benchmarks=["kinect-sim-xview"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------- conclusions and geometry


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-6.0, -9.0, -3.0), "6.0 points above the raw-joint ridge baseline (difference [+3.0, +9.0], p 0.012)"),
        ((2.0, -1.0, 5.0), "2.0 points below the raw-joint ridge baseline (difference [−5.0, +1.0], p 0.012: the order is not"),
        ((0.0, -1.0, 1.0), "level with the raw-joint ridge baseline (difference [−1.0, +1.0]"),
    ],
)  # fmt: skip
def test_verdict_follows_from_the_paired_difference(
    made_up: Path, interval: tuple[float, float, float], said: str
) -> None:
    [benchmark] = read_results(made_up, replace(BOTH, protocols=["knn"])).benchmarks
    [run] = benchmark.runs
    measured = compare(benchmark)
    known = {(RIDGE, 0, "knn"): Difference(Estimate(*interval), 0.012)}
    assert said in conclude(run, replace(measured, differences=measured.differences | known))


def test_controls_are_compared_clip_by_clip(made_up: Path) -> None:
    [benchmark] = read_results(made_up, replace(BOTH, protocols=["knn"])).benchmarks
    tables = {
        name: pl.read_parquet(folder / "predictions.parquet")
        for name, folder in {"ours": benchmark.runs[0].folder, "baseline": benchmark.baseline.folder}.items()
    }
    right = {name: sum(row["scores"][row["label"]] == 1 for row in table.to_dicts()) for name, table in tables.items()}
    untrained = sum(row["label"] == row["random_predicted"] for row in tables["ours"].to_dicts())
    found = compare(benchmark).differences
    share = 100 / len(tables["ours"])
    assert found[RIDGE, 0, "knn"].points.value == pytest.approx(share * (right["baseline"] - right["ours"]))
    assert found[RANDOM, 0, "knn"].points.value == pytest.approx(share * (untrained - right["ours"]))


disk_points = st.builds(
    lambda radius, angle: radius * complex(math.cos(angle), math.sin(angle)), st.floats(0, 0.97), st.floats(0, 6.28)
)


def incidence(points: Any) -> float:
    """0 where three points share a circle orthogonal to the unit circle, or a diameter.

    Such a circle with centre c has |c|² = 1 + r², so its points satisfy |p|² + 1 = 2·Re(c̄·p), and those of a diameter
    0 = Re(c̄·p): in both cases the rows (|p|² + 1, Re p, Im p) are linearly dependent.
    """
    return float(np.linalg.det([[abs(point) ** 2 + 1, point.real, point.imag] for point in points]))


@given(disk_points, disk_points, st.integers(1, 22))
def test_geodesics_meet_the_unit_circle_at_right_angles(start: complex, end: complex, between: int) -> None:
    arc = geodesic(start, end)
    np.testing.assert_allclose(arc[[0, -1]], [start, end], atol=1e-9)
    assert incidence([start, arc[between], end]) == pytest.approx(0, abs=1e-9)


def test_a_geodesic_is_the_arc_one_expects() -> None:
    """Between 0.5 and 0.5i the centre is (1.25, 1.25) and r² = 2·1.25² − 1; the straight chord is another line."""
    arc = geodesic(0.5 + 0j, 0.5j)
    np.testing.assert_allclose(np.abs(arc - (1.25 + 1.25j)), math.sqrt(2 * 1.25**2 - 1), rtol=1e-12)
    np.testing.assert_allclose(geodesic(-0.3 + 0j, 0.8 + 0j).imag, 0, atol=1e-15)
    assert abs(incidence([0.5 + 0j, 0.25 + 0.25j, 0.5j])) > 0.02


@given(disk_points, disk_points)
def test_geodesics_are_evenly_spaced(start: complex, end: complex) -> None:
    arc = geodesic(start, end, points=5)
    inside = 1 - np.abs(arc) ** 2
    steps = np.arccosh(1 + 2 * np.abs(np.diff(arc)) ** 2 / (inside[1:] * inside[:-1]))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-4, atol=1e-6)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_labels_are_spread_apart(heights: list[float]) -> None:
    placed = spread(sorted(heights), gap=10, least=0, most=100)
    assert all(after - before >= 10 - 1e-9 for before, after in pairwise(placed))
    assert placed[0] >= -1e-9
    assert placed[-1] <= 100
