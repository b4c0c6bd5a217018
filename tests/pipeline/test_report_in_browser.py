"""The report's page in Chromium: what a reader sees, does and prints."""

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.report import build
from tests.helpers.browser import NEEDS_BROWSER, chromium, find_barriers, opened
from tests.helpers.made_up_results import BOTH, CLASSES, write_results
from tests.helpers.page import Page
from tests.helpers.pdf_text import read_pdf

pytestmark = [pytest.mark.browser, NEEDS_BROWSER]
CONFUSION = "#figure-confusion-kinect-sim-xsub-knn"
FOLDED = "#table-raw-joint-ridge-baseline"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("made-up"))


@pytest.fixture(scope="module")
def report(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    build(results, BOTH, out)
    return out / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def test_the_answer_comes_first_and_soon(browser: Any, report: Path) -> None:
    painted = []
    for _ in range(3):
        with opened(browser, report) as page:
            box = page.locator(".answers").bounding_box()
            assert box["y"] + box["height"] <= 800
            assert "points more than by random weights" in page.locator(".answers").inner_text()
            paint = page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
            painted.append(paint.json_value())
    assert min(painted) < 1000


def test_tables_sort_by_any_column(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        table = page.locator("#table-commonest-confusions-kinect-sim-xsub-k-nn")
        shares = table.locator("tbody td:nth-child(3)")
        head = table.locator("thead th").nth(2)
        before = shares.all_inner_texts()
        assert len(before) > 3
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        found = [float(text.split()[0]) for text in shares.all_inner_texts()]
        assert found == sorted(float(text.split()[0]) for text in before)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert [float(text.split()[0]) for text in shares.all_inner_texts()] == found[::-1]
        table.locator("thead th button").first.click()
        names = table.locator("tbody td:nth-child(1)").all_inner_texts()
        assert [name.lower() for name in names] == sorted(name.lower() for name in names)
        assert head.get_attribute("aria-sort") is None


def test_a_cell_says_its_count_and_names_its_clips(browser: Any, report: Path, results: Path) -> None:
    table = pl.read_parquet(results / "benchmarks/kinect-sim-xsub/hacm/seed-0/knn/predictions.parquet")
    clips: dict[tuple[str, str], list[str]] = {}
    for name, label, scores in table.select("name", "label", "scores").iter_rows():
        clips.setdefault((CLASSES[label], CLASSES[scores.index(1)]), []).append(name)
    (actual, predicted), names = max(
        (entry for entry in clips.items() if entry[0][0] != entry[0][1] and "<" not in "".join(entry[0])),
        key=lambda entry: len(entry[1]),
    )
    total = sum(len(found) for (row, _), found in clips.items() if row == actual)
    with opened(browser, report) as page:
        figure = page.locator(CONFUSION)
        cell = figure.get_by_role("button", name=f"{actual} → {predicted}: {len(names)} of {total}", exact=True)
        cell.scroll_into_view_if_needed()
        box = cell.bounding_box()
        under = page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).querySelector('title').textContent",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )
        assert under == f"{actual} → {predicted}: {len(names)} of {total}"
        cell.click()
        said = figure.locator(".said").inner_text()
        assert "; ".join(names) in said
        first = figure.locator("[data-row]").first
        first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        second = figure.locator("[data-row]").nth(1)
        assert second.evaluate("(node) => node === document.activeElement")
        assert second.get_attribute("aria-label").split(": ")[1].split()[0] in figure.locator(".said").inner_text()
        assert figure.locator(".said").inner_text() != said


def test_a_point_names_its_clip_and_takes_the_colour_of_its_class(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        figure = page.locator("#figure-landscape-pretrained-kinect-sim-xsub-knn")
        point = figure.locator("[data-row='25']")
        assert point.locator("title").text_content().startswith("clip 25: drink water")
        point.dispatch_event("click")
        said = figure.locator(".said").inner_text()
        assert "train 25-0 (drink water, 0.990)" in said
        figure.locator("select").select_option("class")
        fills = {
            number: figure.locator(f"[data-row='{number}']").evaluate("(node) => getComputedStyle(node).fill")
            for number in (20, 25, 39, 40)
        }
        assert fills[20] == fills[25] == fills[39] != fills[40]
        figure.locator(".legend button", has_text="drink water").click()
        dimmed = [figure.locator(f"[data-row='{number}']").get_attribute("opacity") for number in (25, 40)]
        assert dimmed == ["1", "0.12"]


def test_a_link_leads_into_what_is_folded_and_numbers_stay(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        numbers = page.locator("figcaption .label").all_text_contents()
        assert not page.locator(FOLDED).is_visible()
    with opened(browser, report, fragment=FOLDED) as page:
        assert page.locator(FOLDED).is_visible()
        assert page.locator(FOLDED).bounding_box()["y"] < 800
        assert page.locator("figcaption .label").all_text_contents() == numbers
        assert page.locator(f"{FOLDED} .label").get_attribute("href") == FOLDED


def test_tables_and_drawings_can_be_taken_away(browser: Any, report: Path, tmp_path: Path) -> None:
    with opened(browser, report) as page:

        def saved(place: str, name: str) -> str:
            with page.expect_download() as download:
                page.locator(place).get_by_role("button", name=name).click()
            download.value.save_as(tmp_path / "file")
            return (tmp_path / "file").read_text(encoding="utf-8")

        table = next(found for found in Page(report.read_text()).tables if found.caption.startswith("Accuracy"))
        rows = list(csv.reader(io.StringIO(saved("figure.table >> nth=0", "as CSV"))))
        assert rows[1:] == table.rows[2:]
        assert rows[0][3] == "Pretrained encoder, %: Top-1"
        losses = list(csv.reader(io.StringIO(saved("#figure-loss-kinect-sim-xsub", "as CSV"))))
        assert losses[0] == ["epoch", "total", "reconstruction", "cross-contrast", "learning rate"]
        assert len(losses) == 1 + 40
        drawing = saved(CONFUSION, "as SVG")
        assert "var(" not in drawing
        root = ElementTree.fromstring(drawing)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        page.locator(CONFUSION).get_by_role("button", name="Show the values").click()
        assert page.locator(f"{CONFUSION} .said tbody tr").count() == page.locator(f"{CONFUSION} [data-row]").count()


def test_paper_holds_all_of_it(browser: Any, report: Path) -> None:
    bare = re.compile(r"\s+")
    with opened(browser, report, color_scheme="dark") as page:
        printed = bare.sub(
            "", read_pdf(page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "12mm")))
        )
        assert page.locator("details:not([open])").count() > 0, "folded again"
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 703, "height": 1000})  # A4 less 12 mm on either side, at 96 per inch
        page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
        wide = page.evaluate(
            "[...document.querySelectorAll('table, svg, pre')].filter((node) => node.getBoundingClientRect().right > 704)"
            ".map((node) => node.closest('figure')?.id ?? node.tagName)"
        )
    assert not wide, "cut off at the right"
    parsed = Page(report.read_text())
    texts = [cell for table in parsed.tables for row in table.rows for cell in row]
    texts += [table.caption for table in parsed.tables] + parsed.captions
    missing = [text for text in texts if bare.sub("", unicodedata.normalize("NFKC", text)) not in printed]
    assert not missing


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_slides_and_nobody_is_shut_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    with opened(browser, report, width=width, color_scheme=scheme) as page:
        for folded in (True, False):
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert find_barriers(page) == []
            if folded:
                page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
                page.locator(CONFUSION).get_by_role("button", name="Show the values").click()
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 254, 254)"
        assert light == (scheme == "light")
