"""The results of a sweep: facts, one table, one chart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes

from pipeline.comparison.naming import BASELINE, PRETRAIN, ResultKey
from pipeline.comparison.result_sets import ResultSet, open_result_sets
from pipeline.report.svg import BLUE, GRID, MUTED, STYLE, canvas
from pipeline.results.significance import over_seeds
from pipeline.sweeps.points import Point
from pipeline.text_tables import Table

PANEL = (420, 190)
UNDER_CORRUPTION = "corrupted_mean_top1"
"""What protocols that corrupt test clips say of all their conditions together."""


def gather_results(sweep: str, points: Sequence[Point], found: Mapping[str, str]) -> dict[str, Any]:
    """found: where the results of each finished point are, by name, in the words of pipeline.comparison.naming."""
    done = [point for point in points if point.name in found]
    with open_result_sets([found[point.name] for point in done]) as opened:
        results = {point.name: _results(one) for point, one in zip(done, opened, strict=True)}
        seconds = {point.name: _seconds(one) for point, one in zip(done, opened, strict=True)}
    rows = [
        {
            "name": point.name,
            "settings": point.settings,
            "done": point.name in results,
            "seconds": seconds.get(point.name),
            "results": results.get(point.name, []),
        }
        for point in points
    ]
    return {"sweep": sweep, "points": rows}


def _results(results: ResultSet) -> list[dict[str, Any]]:
    """Top-1 per benchmark, variant and protocol: of one seed with its bootstrap interval, of several seeds their mean
    and standard deviation; and its mean over the corruptions, where a protocol has any."""
    groups: dict[tuple[str, str, str], list[ResultKey]] = {}
    for key in results.keys:
        if key.protocol != PRETRAIN:
            groups.setdefault((key.benchmark, key.variant, key.protocol), []).append(key)
    found = []
    for (benchmark, variant, protocol), keys in groups.items():
        metrics = [results.metrics(key) for key in keys]
        mean, deviation = over_seeds([one["top1"] for one in metrics])
        interval = [metrics[0]["top1_low"], metrics[0]["top1_high"]] if len(keys) == 1 else None
        found.append(
            {"benchmark": benchmark, "variant": variant, "protocol": protocol, "seeds": len(keys),
             "n": metrics[0]["n"], "top1": mean, "deviation": deviation, "interval": interval
}
        )  # fmt: skip
        if all(UNDER_CORRUPTION in one for one in metrics):
            mean, deviation = over_seeds([one[UNDER_CORRUPTION] for one in metrics])
            under = {"protocol": f"{protocol} corrupted", "top1": mean, "deviation": deviation, "interval": None}
            found.append(found[-1] | under)
    return found


def _seconds(results: ResultSet) -> float:
    """How long training and evaluating took, as the results say."""
    return round(sum(float(results.details(key)["seconds"]) for key in results.keys), 1)


def _columns(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is measured of the points, without repeats."""
    return list(dict.fromkeys(column_of(row, point) for point in facts["points"] for row in point["results"]))


def column_of(row: Mapping[str, Any], point: Mapping[str, Any]) -> tuple[str, str, str]:
    """(benchmark, variant, protocol); the variant is empty where it is the point itself, or there is none."""
    variant = "" if row["variant"] in (point["name"], BASELINE) else row["variant"]
    return row["benchmark"], variant, row["protocol"]


def _title(measured: tuple[str, str, str]) -> str:
    return " ".join(part for part in measured if part)


def tabulate_sweep(facts: Mapping[str, Any]) -> Table:
    """One row per point."""
    keys = list(dict.fromkeys(key for point in facts["points"] for key in point["settings"]))
    columns = _columns(facts)
    rows = []
    for point in facts["points"]:
        found = {column_of(row, point): row for row in point["results"]}
        cells = [str(point["settings"].get(key, "–")) for key in keys]
        cells += [_cell(found.get(measured)) for measured in columns]
        rows.append((point["name"], *cells, _cost(point)))
    headings = ("point", *keys, *map(_title, columns), "seconds")
    missing = sum(not point["done"] for point in facts["points"])
    notes = [f"{missing} of {len(rows)} points are not done; the same command continues"] if missing else []
    told = "top-1 in percent; in brackets the bootstrap 95 % interval, or ± the standard deviation over seeds"
    return Table(f"sweep {facts['sweep']}", headings, rows, [*notes, told])


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    if row["interval"] is None and row["deviation"] is None:
        return f"{row['top1']:.1f}"
    if row["interval"] is None:
        return f"{row['top1']:.1f} ± {row['deviation']:.1f} ({row['seeds']} seeds)"
    return f"{row['top1']:.1f} [{row['interval'][0]:.1f}, {row['interval'][1]:.1f}]"


def _cost(point: Mapping[str, Any]) -> str:
    return f"{point['seconds']:,.1f}" if point["done"] else "–"


def draw_chart(facts: Mapping[str, Any], path: Path) -> None:
    """One panel per benchmark and protocol: top-1 of every finished point, with its interval, as an SVG file."""
    columns = _columns(facts)
    with rc_context(STYLE):
        figure = canvas(PANEL[0], PANEL[1] * len(columns) + 30)
        for number, measured in enumerate(columns):
            axes = figure.add_subplot(len(columns), 1, number + 1)
            _panel(axes, facts, measured)
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None})


def _panel(axes: Axes, facts: Mapping[str, Any], measured: tuple[str, str, str]) -> None:
    shown = [(point, row) for point in facts["points"] for row in point["results"] if column_of(row, point) == measured]
    settings = [point["settings"] for point, _ in shown]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    values = [one.get(keys[0]) for one in settings]
    along = len(keys) == 1 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    places: list[Any] = values if along else list(range(len(shown)))
    for place, (_, row) in zip(places, shown, strict=True):
        spread = row["deviation"] or 0.0
        low, high = row["interval"] or (row["top1"] - spread, row["top1"] + spread)
        axes.plot([place, place], [low, high], color=BLUE, linewidth=2)
        axes.annotate(f"{row['top1']:.1f}", (place, row["top1"]), xytext=(6, 0), textcoords="offset points",
                      color=MUTED, va="center", fontsize=9)  # fmt: skip
    axes.plot(places, [row["top1"] for _, row in shown], "o", color=BLUE, markersize=6)
    labels = [", ".join(map(str, one.values())) for one in settings]
    axes.set_xticks(places, labels, rotation=0 if sum(map(len, labels)) < 40 else 20)
    axes.margins(x=0.12)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_title(_title(measured), loc="left", fontsize=10)
    axes.set_ylabel("top-1, %")
    axes.set_xlabel(", ".join(keys))
