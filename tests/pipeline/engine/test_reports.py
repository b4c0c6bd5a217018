"""`snakemake --report` and the project's own report say the same of the same results."""

import json
import re

from tests.conftest import run
from tests.helpers.engines import LOCAL, wants

TITLES = {"pretrain": "Pretraining", "linear": "Linear probe", "knn": "k-NN", "baseline": "Raw-joint ridge"}


def rows_of(page, caption):
    """The cells of a table of the Markdown report, a list a row."""
    lines = page.split(f"**{caption}**", 1)[1].strip().splitlines()[4:]  # after [synthetic] and the heading
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def title_of(stage):
    """What the project's report calls the result of a stage."""
    kind, instance = stage.split("@")
    return TITLES[instance.rsplit("-", 1)[1] if kind == "evaluate" else kind]


def test_both_reports_hold_the_same_results_figures_and_times(project_copy):
    """Of a graph that DVC ran; Snakemake's page is made from it without running anything."""
    run(project_copy, *LOCAL)
    run(project_copy, *LOCAL, "--report", "snakemake.html")
    page = (project_copy / "snakemake.html").read_text(encoding="utf-8")
    found = [json.loads(text) for text in re.findall(r'"labels": (\{[^}]*\})', page)]
    theirs = {title_of(row["stage"]): row for row in found if not row["stage"].startswith("hierarchy")}
    ours = (project_copy / "report/report.md").read_text(encoding="utf-8")

    costs = {row[2]: row[7] for row in rows_of(ours, "Origin of each result")}
    assert {title: f"{row['seconds']:,.1f}" for title, row in theirs.items()} == costs
    assert set(costs) == set(TITLES.values())
    assert {row["data"] for row in theirs.values()} == {"[synthetic]"}

    accuracies = rows_of(ours, "Accuracy of each benchmark and protocol beside its controls")
    assert {row[1] for row in accuracies} == {"Linear probe", "k-NN"}
    for _, protocol, n, first, _, mean, random, ridge, _ in accuracies:
        row, baseline = theirs[protocol], theirs["Raw-joint ridge"]
        assert n == str(row["n"])
        assert first.replace("*", "") == spelled(row, "top1")
        assert random == spelled(row, "random_top1")
        assert ridge == spelled(baseline, "top1")
        assert mean == f"{row['mean_class']:.1f}"
    assert wants(project_copy) == set()


def spelled(row, name):
    """An accuracy and its interval as the report spells them."""
    return f"{row[name]:.1f} [{row[f'{name}_low']:.1f}, {row[f'{name}_high']:.1f}]"
