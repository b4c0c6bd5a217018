"""A comparison as a page in the report's style: what differs, figures with intervals, losses, clips won and lost.

N test clips. A is what the others are compared with; each set of results has a letter, as in the tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import UserError
from pipeline import text_tables
from pipeline.comparison.comparison_tables import letters_of, tabulate_comparison
from pipeline.comparison.figures import evaluated_matches, read_evaluated
from pipeline.comparison.naming import ResultKey
from pipeline.comparison.result_sets import Match, ResultSet
from pipeline.report import charts
from pipeline.report.blocks import Answer, Block, Figure, Figures, Folded, Report, Section, Tabular, Text
from pipeline.report.charts import IntervalGroup, IntervalLine
from pipeline.report.fields import read_csv
from pipeline.report.formatting import p_value, percent, signed, signed_interval
from pipeline.report.model import EpochLoss, Estimate
from pipeline.report.numbering import number_blocks
from pipeline.report.table_model import Column, Table, row

FIRST = ("compared", "data", "code", "parameters that differ")


@dataclass(frozen=True)
class _Outcome:
    """What one set makes of the test clips of a match. names, actual, predicted: of every clip."""

    names: tuple[str, ...]
    actual: tuple[str, ...]
    predicted: tuple[str, ...]
    hits_N: NDArray[np.bool_]


def compose_comparison(facts: Mapping[str, Any], sets: Sequence[ResultSet], matches: Sequence[Match]) -> Report:
    """The page. facts: as the tables have them, without outcomes where accuracies must not be compared."""
    letters = letters_of(len(sets))
    titled = ", ".join(f"{letter} = {one.name}" for letter, one in zip(letters, sets, strict=True))
    synthetic = _synthetic(sets, matches)
    tables = {table.title: table for table in tabulate_comparison(dict(facts))}
    differing = [block for title in FIRST for block in _as_blocks(tables.pop(title), synthetic)]
    sections = [Section("What differs", "differs", tuple(differing))]
    answers: tuple[Answer, ...] = ()
    if "refused" in facts:
        sections.insert(0, Section("Not compared", "refused", (Text(str(facts["refused"])),)))
    elif "figures" in facts:
        answers = tuple(_answers(facts, letters, synthetic))
        measured = [block for table in tables.values() for block in _as_blocks(table, synthetic)]
        found = [Section("Figures", "figures", tuple(measured))]
        found += _section("Clips won and lost", "clips", _clips(sets, matches, letters, synthetic))
        found += _section("Losses", "losses", _losses(sets, matches, letters, synthetic))
        sections = [*found, *sections]
    report = Report(
        title=f"{len(sets)} sets of results compared",
        summary=f"{titled}. Differences are those of the others less {letters[0]}.",
        synthetic=tuple(dict.fromkeys(match.keys[0].benchmark for match in matches)) if synthetic else (),
        sections=tuple(sections),
        answers=answers,
    )
    return number_blocks(report)


def _synthetic(sets: Sequence[ResultSet], matches: Sequence[Match]) -> bool:
    return any(bool(sets[0].details(match.keys[0]).get("synthetic")) for match in matches)


def _section(title: str, anchor: str, blocks: Sequence[Block]) -> list[Section]:
    return [Section(title, anchor, tuple(blocks))] if blocks else []


def _as_blocks(table: text_tables.Table, synthetic: bool) -> list[Block]:
    """A table of the terminal as one of a page; one without rows as its notes."""
    title = table.title[:1].upper() + table.title[1:]
    if not table.rows:
        return [Text(f"{title}: {'; '.join(table.notes)}.")] if table.notes else []
    columns = tuple(
        Column(heading or "Set", numeric=number >= table.numbers) for number, heading in enumerate(table.headings)
    )
    rows = tuple(row(list(cells), synthetic=synthetic) for cells in table.rows)
    note = " ".join(f"{note[:1].upper()}{note[1:]}." for note in table.notes)
    return [Tabular(Table(title, columns, rows, note))]


def _answers(facts: Mapping[str, Any], letters: Sequence[str], synthetic: bool) -> Iterator[Answer]:
    """Of every benchmark the first result's top-1: how far the others are from the first set."""
    seen: set[str] = set()
    for figure in facts["figures"]:
        benchmark = figure["result"].split("/")[0]
        if figure["figure"] != "top1" or benchmark in seen or "intervals" not in figure:
            continue
        seen.add(benchmark)
        estimates = [Estimate(value, *ends) for value, ends in zip(figure["values"], figure["intervals"], strict=True)]
        lines = [
            IntervalLine(letter, estimate, "baseline" if letter == letters[0] else "ours")
            for letter, estimate in zip(letters, estimates, strict=True)
        ]
        drawing = charts.interval_chart([IntervalGroup("", tuple(lines))], f"answer-{benchmark}-{len(seen)}")
        said = [
            _against(letter, letters[0], estimate, difference)
            for letter, estimate, difference in zip(letters[1:], estimates[1:], figure["differences"], strict=True)
        ]
        caption = f"{figure['result']}: top-1 accuracy with its bootstrap 95 % interval over test clips."
        yield Answer(figure["result"], " ".join(said), "", Figure(drawing, caption, synthetic))


def _against(letter: str, first: str, estimate: Estimate, difference: Mapping[str, Any]) -> str:
    if "p" not in difference:
        return f"{letter} recognises {percent(estimate.value)}\u00a0% of the test clips."
    points = Estimate(difference["value"], difference["low"], difference["high"])
    settled = "" if points.low > 0 or points.high < 0 else ": the order is not settled"
    return (
        f"{letter} recognises {percent(estimate.value)}\u00a0% of the test clips, {signed(points.value)} points"
        f" {signed_interval(points)} against {first} (p\u00a0{p_value(difference['p'])}){settled}."
    )


def _clips(sets: Sequence[ResultSet], matches: Sequence[Match], letters: Sequence[str], synthetic: bool) -> list[Block]:
    """How many clips each of the others wins and loses, and which."""
    counts, lists = [], []
    for match in evaluated_matches(matches):
        first, *others = (_outcome(results, key) for results, key in zip(sets, match.keys, strict=True))
        for letter, other in zip(letters[1:], others, strict=True):
            won_N, lost_N = other.hits_N & ~first.hits_N, first.hits_N & ~other.hits_N
            both, neither = int((first.hits_N & other.hits_N).sum()), int((~first.hits_N & ~other.hits_N).sum())
            numbers = (both, int(won_N.sum()), int(lost_N.sum()), neither)
            counts.append(row([match.name, letter, *map(str, numbers)], synthetic=synthetic))
            rows = [
                row(
                    [what, first.names[at], first.actual[at], first.predicted[at], other.predicted[at]],
                    synthetic=synthetic,
                )
                for what, chosen_N in (("won", won_N), ("lost", lost_N))
                for at in np.flatnonzero(chosen_N)
            ]
            if rows:
                titles = ("By " + letter, "Clip", "Class", f"{letters[0]} takes it for", f"{letter} takes it for")
                columns = tuple(Column(title, numeric=False) for title in titles)
                table = Table(f"Clips won and lost by {letter}, {match.name}", columns, tuple(rows))
                lists.append(
                    Folded(
                        f"{len(rows)} clips on which {letters[0]} and {letter} differ: {match.name}", (Tabular(table),)
                    )
                )
    if not counts:
        return []
    sides = ("Both right", f"Won: {letters[0]} wrong", f"Lost: {letters[0]} right", "Both wrong")
    headings = (Column("Result", False), Column("Set", False), *map(Column, sides))
    return [Tabular(Table(f"Clips won and lost against {letters[0]}", headings, tuple(counts))), *lists]


def _outcome(results: ResultSet, key: ResultKey) -> _Outcome:
    evaluated = read_evaluated(results, key)
    scores, classes = evaluated.scores, evaluated.classes
    return _Outcome(
        names=scores.names,
        actual=tuple(classes[label] for label in scores.label_N.tolist()),
        predicted=tuple(classes[label] for label in scores.scores_NK.argmax(axis=1).tolist()),
        hits_N=scores.hits_N,
    )


def _losses(
    sets: Sequence[ResultSet], matches: Sequence[Match], letters: Sequence[str], synthetic: bool
) -> list[Block]:
    """The total losses of the pretrainings behind each match, one over the other."""
    blocks: list[Block] = []
    drawn: set[tuple[ResultKey | None, ...]] = set()
    for match in matches:
        before = tuple(key.pretraining for key in match.keys)
        if before in drawn:
            continue
        drawn.add(before)
        found = {
            letter: losses
            for letter, results, key in zip(letters, sets, before, strict=True)
            if key is not None and (losses := _read_losses(results, key))
        }
        if len(found) > 1 and len(set(found.values())) == 1:
            blocks.append(Text(f"{before[0].run if before[0] else match.name}: the same losses in all of them."))
        elif len(found) > 1:
            name = " : ".join(dict.fromkeys(key.run for key in before if key is not None))
            drawing = charts.curves_chart(found, f"losses-{len(drawn)}")
            missing = [letter for letter in letters if letter not in found]
            gone = f" Not at hand: {', '.join(missing)}." if missing else ""
            blocks.append(Figures((Figure(drawing, f"Pretraining of {name}: total loss.{gone}", synthetic),)))
    return blocks


def _read_losses(results: ResultSet, key: ResultKey) -> tuple[EpochLoss, ...]:
    """Nothing where they cannot be had: an earlier revision's may be in nobody's cache."""
    try:
        return read_csv(results.table(key, "loss.csv"), EpochLoss)
    except UserError:
        return ()
