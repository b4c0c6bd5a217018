"""The report, built on made-up results that have the shape of real ones. Every number below is synthetic."""

import json
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.viewing import player
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
from tests.helpers.made_up_results import AWKWARD, BOTH, write_results
from tests.helpers.page import Page

# ------------------------------------------------------------------------------------------------ made-up results


# ------------------------------------------------------------------------------------------------------- the pages


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
        assert "@import" not in html
        assert "<script src" not in html
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
        assert all(link.startswith(("#", "https://arxiv.org/abs/")) for link in page.followed)
        assert html.count("://") == sum("://" in link for link in page.followed)
        assert {link[1:] for link in page.links + page.followed if link.startswith("#")} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))
        assert len(html.encode()) < 2_000_000


def test_numbers_are_written_once_and_in_order(synthetic_report: tuple[str, str]) -> None:
    html, markdown = synthetic_report
    page = Page(html)
    assert [table.number for table in page.tables] == list(range(1, len(page.tables) + 1))
    assert page.numbers == list(range(1, len(page.captions) + 1))
    written = re.findall(r"^Table (\d+)\. \*\*(.+?)\*\*", markdown, flags=re.MULTILINE)
    assert len(written) == len(page.tables)
    for table, (number, caption) in zip(page.tables, written, strict=True):
        assert int(number) == table.number
        assert caption == escaped(table.caption.removesuffix(" synthetic"))


def test_what_is_said_of_a_drawing_lies_on_it(synthetic_report: tuple[str, str], real_report: tuple[str, str]) -> None:
    drawings = [
        svg for html, _ in (synthetic_report, real_report) for svg in re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    ]
    said = 0
    for svg in drawings:
        root = ElementTree.fromstring(svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for box in root.iter("rect"):
            x, y, across, down = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
            assert -8 <= x <= x + across <= width + 8, box[0].text
            assert 0 <= y <= y + down <= height
            said += 1
    assert said > 200


def test_page_defines_every_colour_in_light_and_dark(synthetic_report: tuple[str, str]) -> None:
    html = synthetic_report[0].replace(player.style(), "")  # it has colours of its own
    for colour, custom in PROPERTIES.items():
        assert f"{custom}: {colour};" in html, "a drawing's colour and the light theme's differ"
        assert html.count(f"{custom}: #") == 3, "light, dark, and on paper"
        assert html.count(colour) == 2, "a drawing escapes the theme"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_stand_out(synthetic_report: tuple[str, str], theme: int) -> None:
    """WCAG 2.2: words at least 4.5:1, parts of drawings at least 3:1, on whatever they stand."""
    found = re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", synthetic_report[0].replace(player.style(), ""))
    size = len(found) // 3
    colours = dict(found[theme * size : (theme + 1) * size])

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for ground in ("--paper", "--wash"):
        assert all(contrast(word, ground) >= 4.5 for word in ("--ink", "--muted", "--blue", "--orange"))
        assert contrast("--grey", ground) >= 3
    assert contrast("--warn-ink", "--warn-wash") >= 4.5


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


def test_two_dimensions_are_said_with_every_result(tmp_path: Path, real_report: tuple[str, str]) -> None:
    folder = write_results(tmp_path / "flat", dataset="ntu60", synthetic=False, bodies=2)
    for path in folder.rglob("details.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"dimensions": 2}))
    build(folder, Selection(["ntu60-xsub"], ["ntu60"], ["linear"]), tmp_path)
    markdown = (tmp_path / "report.md").read_text()
    assert "Of two dimensions, scaled to the size of the body: ntu60-xsub [2-D]." in markdown
    assert "2-D" not in real_report[1]
    assert markdown.count("| ntu60-xsub [2-D] |") == 3  # accuracy, ridge baseline, data
    path = next(folder.rglob("baseline/details.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dimensions": 3}))
    with pytest.raises(UserError, match="dimensions is 3 but pretraining has 2"):
        build(folder, Selection(["ntu60-xsub"], ["ntu60"], ["linear"]), tmp_path)


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
    assert len(paths) == 23
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
