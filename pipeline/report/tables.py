"""The report's tables as data, from which both the page and the Markdown are written, and the conclusions in words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.report.audits import Audit
from pipeline.report.charts import RANDOM, confusion_counts
from pipeline.report.collecting import Benchmark, Dataset, Results, Run
from pipeline.report.comparisons import RIDGE, Comparison, Difference
from pipeline.report.model import Details, Estimate
from pipeline.report.published import LABEL, PROTOCOLS, Published
from pipeline.text_tables import markdown_table

SYNTHETIC = "[synthetic]"
UNKNOWN = "–"


@dataclass(frozen=True)
class Column:
    """A heading. group: a heading above it that it shares with its neighbours."""

    title: str
    numeric: bool = True
    group: str = ""

    @property
    def full_title(self) -> str:
        """The heading where there is no room for a shared one above it."""
        return f"{self.group}: {self.title}" if self.group else self.title


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a text, and beside it a quieter one, such as an interval."""

    text: str
    aside: str = ""
    strong: bool = False
    code: bool = False


@dataclass(frozen=True)
class Row:
    """Cells, one a column. synthetic: the numbers come from synthetic recordings, and are marked so."""

    cells: tuple[Cell, ...]
    synthetic: bool


@dataclass(frozen=True)
class Table:
    """A captioned table. published: its figures are quoted, not measured."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    published: bool = False
    groups: tuple[tuple[str, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row.cells) == len(self.columns), f"{self.caption}: {len(row.cells)} cells"
        object.__setattr__(self, "groups", _groups(self.columns))

    @property
    def synthetic(self) -> bool:
        """Whether any number in it comes from synthetic recordings."""
        return any(row.synthetic for row in self.rows)

    @property
    def mixed(self) -> bool:
        """Whether some rows are synthetic and others are not, so that each must say it for itself."""
        return len({row.synthetic for row in self.rows}) > 1


def _groups(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """(group, how many columns it spans), in order; empty if no column has one."""
    spans: list[tuple[str, int]] = []
    for column in columns:
        if spans and spans[-1][0] == column.group:
            spans[-1] = (column.group, spans[-1][1] + 1)
        else:
            spans.append((column.group, 1))
    return tuple(spans) if any(group for group, _ in spans) else ()


def row(cells: Iterable[str | Cell], *, synthetic: bool) -> Row:
    """A row of plain texts and cells."""
    return Row(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells), synthetic)


def fingerprint(value: str | None, most: int = 12) -> Cell:
    """A hash or a commit, cut to its first characters; a dash where there is none."""
    return Cell(value[:most], code=True) if value else Cell(UNKNOWN)


def percent(value: float) -> str:
    """An accuracy as the field prints it: one decimal."""
    return f"{value:.1f}"


def interval(estimate: Estimate) -> str:
    """A 95 % interval."""
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def integer(value: int | None) -> str:
    """A count with thin thousands separators; a dash where it is not known."""
    return UNKNOWN if value is None else f"{value:,}"


def protocol_name(protocol: str) -> str:
    """How a protocol is called in the report."""
    return PROTOCOLS[protocol].partition(",")[0] if protocol in PROTOCOLS else protocol


def conclude(run: Run, comparison: Comparison) -> str:
    """What paired tests say of one result of the reference against its two controls."""
    against = {
        "random weights": comparison.differences[RANDOM, run.seed, run.protocol],
        "the raw-joint ridge baseline": comparison.differences[RIDGE, run.seed, run.protocol],
    }
    beside = "; it is ".join(_compared(name, difference) for name, difference in against.items())
    return f"Top-1 {percent(run.metrics.first.value)}\u00a0% is {beside}."


def _compared(name: str, control_less_ours: Difference) -> str:
    ours = -control_less_ours.points
    side = "above" if ours.value > 0 else "below"
    place = f"{abs(ours.value):.1f} points {side}" if ours.value else "level with"
    settled = "" if ours.low > 0 or ours.high < 0 else ": the order is not settled"
    return f"{place} {name} (difference {signed_interval(ours)}, p {p_value(control_less_ours.p)}{settled})"


def signed(value: float) -> str:
    """A difference in points, with its sign."""
    return f"{value:+.1f}".replace("-", "−")


def signed_interval(estimate: Estimate) -> str:
    """The 95 % interval of a difference."""
    return f"[{signed(estimate.low)}, {signed(estimate.high)}]"


def p_value(p: float) -> str:
    """Two significant digits; very small ones as a bound."""
    return f"{p:.2g}" if p >= 0.0001 else "< 0.0001"


def results_table(results: Results) -> Table:
    """The main table: each benchmark × protocol with its controls beside it."""
    released = any(run.metrics.best_epoch_as_released_top1 is not None for b in results.benchmarks for run in b.drawn)
    columns = [
        Column("Benchmark", numeric=False),
        Column("Protocol", numeric=False),
        Column("n"),
        *(Column(title, group="Pretrained encoder, %") for title in ("Top-1", "Top-5", "Mean class")),
        *(Column(title, group="Controls, top-1 %") for title in ("Random weights", "Raw-joint ridge")),
        *([Column("Best test epoch †", group="As in released code, %")] if released else []),
    ]
    rows = []
    for benchmark in results.benchmarks:
        baseline = benchmark.baseline.metrics.first
        for run in benchmark.drawn:
            metrics = run.metrics
            cells: list[str | Cell] = [
                benchmark.name,
                protocol_name(run.protocol),
                integer(metrics.n),
                Cell(percent(metrics.top1), interval(metrics.first), strong=True),
                Cell(percent(metrics.top5), interval(metrics.fifth)),
                percent(metrics.mean_class),
                Cell(percent(metrics.random_top1), interval(metrics.random)),
                Cell(percent(baseline.value), interval(baseline)),
            ]
            if released:
                best = metrics.best_epoch_as_released_top1
                cells.append(UNKNOWN if best is None else percent(best))
            rows.append(row(cells, synthetic=benchmark.synthetic))
    footnote = (
        " † The highest top-1 of any epoch on the test split, which the released code reports. It is selected on the"
        " test split, so it is not a result; the columns before it hold the last epoch's."
    )
    note = (
        "n: test clips. Brackets: bootstrap 95 % interval over test clips. Mean class: mean of the classes' top-1."
        " Random weights: the same encoder and protocol without pretraining. Raw-joint ridge: a linear ridge classifier"
        " on resampled joint positions."
    )
    return Table(
        "Accuracy of each benchmark and protocol beside its controls",
        tuple(columns),
        tuple(rows),
        note + (footnote if released else ""),
    )


def baseline_table(results: Results) -> Table:
    """The ridge baseline of each benchmark on its own."""
    titles = ("n", "Top-1, %", "Top-5, %", "Ridge strength")
    rows = [
        row(
            [
                benchmark.name,
                integer(baseline.n),
                Cell(percent(baseline.top1), interval(baseline.first)),
                percent(baseline.top5),
                UNKNOWN if baseline.strength is None else f"{baseline.strength:g}",
            ],
            synthetic=benchmark.synthetic,
        )
        for benchmark in results.benchmarks
        for baseline in [benchmark.baseline.metrics]
    ]
    columns = (Column("Benchmark", numeric=False), *(Column(title) for title in titles))
    return Table("Raw-joint ridge baseline", columns, tuple(rows), "The strength is chosen on training subjects only.")


def runs_table(results: Results) -> Table:
    """What was run on which data: one row a benchmark."""
    titles = ("Train clips", "Test clips", "Classes", "Pretraining epochs", "Parameters")
    rows = []
    for benchmark in results.benchmarks:
        split = results.audit(benchmark.dataset).split(benchmark.name)
        assert split is not None, "read_results checks it"
        pretrain = benchmark.pretraining.metrics
        counts = (split.train, split.test, benchmark.runs[0].metrics.classes, pretrain.epochs)
        cells: list[str | Cell] = [benchmark.name, benchmark.dataset, fingerprint(benchmark.version)]
        cells += [integer(count) for count in (*counts, pretrain.parameters)]
        rows.append(row(cells, synthetic=benchmark.synthetic))
    columns = tuple(Column(title, numeric=False) for title in ("Benchmark", "Data set", "Data version"))
    return Table("Benchmarks and their data", columns + tuple(Column(title) for title in titles), tuple(rows))


def origin_table(results: Results) -> Table:
    """Seed, code, machine and cost of every result."""
    rows = []
    machines: dict[str, str] = {}
    for benchmark in results.benchmarks:
        entries: list[tuple[str, str, Details]] = []
        for pretraining in benchmark.pretrainings:
            entries.append((pretraining.variant, "Pretraining", pretraining.details))
            entries += [
                (run.variant, protocol_name(run.protocol), run.details)
                for run in benchmark.runs
                if (run.variant, run.seed) == (pretraining.variant, pretraining.seed)
            ]
        entries += [
            (entry.variant, f"Transfer from {entry.source}", entry.details)
            for entry in results.transfers
            if entry.target == benchmark.name
        ]
        for variant, name, details in [*entries, (UNKNOWN, "Raw-joint ridge", benchmark.baseline.details)]:
            code = fingerprint(details.code)
            if details.dirty:
                code = replace(code, aside="+ uncommitted changes")
            cells: list[str | Cell] = [benchmark.name, variant, name, code, fingerprint(details.encoder_hash)]
            number = machines.setdefault(machine(details.machine), str(len(machines) + 1))
            cells += [number, UNKNOWN if details.seed is None else str(details.seed), f"{details.seconds:,.1f}"]
            rows.append(row(cells, synthetic=benchmark.synthetic))
    words = ("Benchmark", "Variant", "Result", "Code commit", "Encoder", "Machine")
    columns = (*(Column(title, numeric=False) for title in words), Column("Seed"), Column("Cost, s"))
    note = "Cost: wall-clock seconds, as recorded by the stage that computed the result."
    described = "".join(f" Machine {number}: {facts}." for facts, number in machines.items())
    return Table("Origin of each result", columns, tuple(rows), note + described)


def machine(facts: dict[str, Any]) -> str:
    """A machine's facts on one line."""
    known = [f"{key.replace('_', ' ')} {value}" for key, value in facts.items() if value not in (None, "")]
    return ", ".join(known) or "unknown"


def class_names(run: Run) -> list[str]:
    """The classes of per_class.csv in its order, then any other that was predicted."""
    names = list(dict.fromkeys(entry.name for entry in run.classes))
    return names + sorted({entry.predicted for entry in run.predictions} - set(names))


def confused_table(run: Run, most: int = 8) -> Table | None:
    """The commonest confusions, ties by class order; None when every clip was recognised."""
    names = class_names(run)
    counts_KK = confusion_counts(run.predictions, names)
    totals = counts_KK.sum(axis=1)
    pairs = [
        (int(counts_KK[actual, predicted]), actual, predicted)
        for actual in range(len(names))
        for predicted in range(len(names))
        if actual != predicted and counts_KK[actual, predicted]
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    rows = [
        row(
            [names[actual], names[predicted], _share(clips, int(totals[actual]))],
            synthetic=run.details.synthetic,
        )
        for clips, actual, predicted in pairs[:most]
    ]
    columns = (Column("Actual", False), Column("Predicted as", False), Column("Share of its clips, %"))
    caption = f"Commonest confusions, {run.benchmark}, {protocol_name(run.protocol)}"
    return Table(caption, columns, tuple(rows)) if rows else None


def _share(clips: int, total: int) -> Cell:
    return Cell(percent(100 * clips / total), f"({clips:,} of {total:,})")


def distortion_table(dataset: Dataset) -> Table:
    """How faithfully the ball holds the kinematic tree, beside two baselines."""
    entries = (
        ("Poincaré ball, optimised", dataset.hierarchy.tree_distortion),
        ("Euclidean space of the same dimension", dataset.hierarchy.tree_distortion_euclidean),
        ("Poincaré ball, random points", dataset.hierarchy.tree_distortion_random),
    )
    rows = tuple(row([name, f"{value:.4f}"], synthetic=dataset.audit.synthetic) for name, value in entries)
    return Table(
        f"Tree distortion, {dataset.name}",
        (Column("Embedding", numeric=False), Column("Distortion")),
        rows,
        "Mean over joint pairs of |distance / tree distance − 1|, after the best overall scale; 0 is faithful.",
    )


def audit_tables(audit: Audit) -> list[Table]:
    """Splits, exclusions and cleaning of a data set."""
    mark = audit.synthetic
    reasons = Counter(entry.reason for entry in audit.exclusions)
    tables = [_split_table(audit)]
    if reasons:
        rows = tuple(row([reason, integer(clips)], synthetic=mark) for reason, clips in reasons.most_common())
        columns = (Column("Reason", numeric=False), Column("Clips"))
        tables.append(Table(f"Excluded clips, {audit.dataset}", columns, rows))
    if audit.cleaning:
        rows = tuple(row([entry.note, integer(entry.clips)], synthetic=mark) for entry in audit.cleaning)
        columns = (Column("What cleaning did", numeric=False), Column("Clips"))
        tables.append(Table(f"Cleaning, {audit.dataset}", columns, rows))
    if audit.alterations:
        tables.append(_alteration_table(audit))
    if audit.values:
        tables.append(_value_table(audit))
    return tables


def _alteration_table(audit: Audit) -> Table:
    """How many clips were altered by which rule."""
    rows = [row([one.action, one.rule, integer(one.clips)], synthetic=audit.synthetic) for one in audit.alterations]
    columns = (Column("Action", numeric=False), Column("Rule", numeric=False), Column("Clips"))
    return Table(f"By which rule, {audit.dataset}", columns, tuple(rows))


def _value_table(audit: Audit) -> Table:
    """The measurements behind the findings, over clips."""
    rows = tuple(
        row(
            [name.replace("_", " "), *(UNKNOWN if value is None else f"{value:.3g}" for value in statistics.values())],
            synthetic=audit.synthetic,
        )
        for name, statistics in audit.values.items()
    )
    columns = (Column("Measurement", numeric=False), Column("Median"), Column("99th percentile"), Column("Most"))
    note = (
        "Of each clip: speed of its fastest joint in m/s, deviation of its least steady bone and span of its body in m."
    )
    return Table(f"Values, {audit.dataset}", columns, rows, note)


def _split_table(audit: Audit) -> Table:
    rows = []
    for rule, split in audit.benchmarks.items():
        cells: list[str | Cell] = [rule]
        for found, expected in ((split.train, split.expected_train), (split.test, split.expected_test)):
            difference = UNKNOWN if expected is None else f"{found - expected:+,}".replace("-", "−").replace("+0", "0")
            cells += [integer(found), integer(expected), difference]
        cells += [str(len(subjects) or "–") for subjects in (split.train_subjects, split.test_subjects)]
        rows.append(row(cells, synthetic=audit.synthetic))
    columns = [Column("Split", numeric=False)]
    sides, titles = ("Train clips", "Test clips"), ("Found", "Expected", "Off by")
    columns += [Column(title, group=side) for side in sides for title in titles]
    columns += [Column(title, group="Subjects") for title in ("Train", "Test")]
    note = "Expected: what the data set's authors' rule gives on the complete data set; a dash where it is not known."
    return Table(f"Splits, {audit.dataset}", tuple(columns), tuple(rows), note)


def detail_tables(audit: Audit) -> list[Table]:
    """Every class, every subject and every excluded clip of a data set."""
    mark = audit.synthetic
    classes = tuple(
        row([str(entry.label), entry.name, *map(integer, (entry.clips, entry.train, entry.test))], synthetic=mark)
        for entry in audit.classes
    )
    subjects = tuple(row([str(entry.subject), integer(entry.clips)], synthetic=mark) for entry in audit.subjects)
    titles = (Column("Label"), Column("Class", False), Column("Clips"), Column("Train"), Column("Test"))
    tables = [
        Table(f"Clips of each class, {audit.dataset}", titles, classes),
        Table(f"Clips of each subject, {audit.dataset}", (Column("Subject", False), Column("Clips")), subjects),
    ]
    if audit.exclusions:
        excluded = tuple(row([entry.name, entry.reason], synthetic=mark) for entry in audit.exclusions)
        columns = (Column("Clip", numeric=False), Column("Reason", numeric=False))
        tables.append(Table(f"Each excluded clip, {audit.dataset}", columns, excluded))
    return tables


def version_table(results: Results) -> Table:
    """Whole hashes, for whoever compares their own run with this one."""
    rows = []
    for benchmark in results.benchmarks:
        rows.append(_version_row(benchmark, "data version", benchmark.version))
        for run in benchmark.runs:
            entry = _version_row(
                benchmark, f"encoder weights, {run.variant}, seed {run.seed}", run.details.encoder_hash
            )
            rows += [entry] if run.details.encoder_hash and entry not in rows else []
    columns = tuple(Column(title, numeric=False) for title in ("Benchmark", "What", "Hash"))
    return Table("Hashes to compare", columns, tuple(rows))


def _version_row(benchmark: Benchmark, what: str, value: str | None) -> Row:
    return row([benchmark.name, what, fingerprint(value, most=len(value or ""))], synthetic=benchmark.synthetic)


def published_tables(figures: Sequence[Published]) -> list[Table]:
    """Published figures, one table a protocol, rows by method."""
    tables = []
    for protocol, title in PROTOCOLS.items():
        chosen = [figure for figure in figures if figure.protocol == protocol]
        headings = list(dict.fromkeys(figure.column for figure in chosen))
        rows = []
        for method in dict.fromkeys(figure.method for figure in chosen):
            top1 = {figure.column: percent(figure.top1) for figure in chosen if figure.method == method}
            rows.append(row([method, *(top1.get(heading, UNKNOWN) for heading in headings)], synthetic=False))
        if rows:
            columns = (Column("Method", numeric=False), *(Column(heading) for heading in headings))
            tables.append(Table(f"{title}, top-1 %: {LABEL}", columns, tuple(rows), published=True))
    return tables


def to_markdown(table: Table) -> str:
    """The table in Markdown under its caption; rows of synthetic numbers say so in their first cell."""
    lines = [f"**{escaped(table.caption)}**" + (f" {SYNTHETIC}" if table.synthetic else ""), ""]
    rows = [[_markdown_cell(cell) for cell in entry.cells] for entry in table.rows]
    for entry, cells in zip(table.rows, rows, strict=True):
        cells[0] += f" {SYNTHETIC}" if entry.synthetic else ""
    headings = [escaped(column.full_title) for column in table.columns]
    lines += markdown_table(headings, rows, [column.numeric for column in table.columns])
    if table.note:
        lines += ["", escaped(table.note)]
    return "\n".join(lines)


def _markdown_cell(cell: Cell) -> str:
    text = f"`{cell.text}`" if cell.code else escaped(cell.text)
    return (f"**{text}**" if cell.strong else text) + (f" {escaped(cell.aside)}" if cell.aside else "")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no table border, no line break."""
    text = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    for mark in ("\\", "|", "*", "_", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text
