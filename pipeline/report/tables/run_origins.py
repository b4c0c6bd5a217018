"""What was run on which data, by which code and machine, and the hashes to compare."""

from dataclasses import replace

from pipeline.report.collecting import Benchmark, Results
from pipeline.report.formatting import fingerprint, integer, machine, protocol_name
from pipeline.report.model import Details
from pipeline.report.table_model import UNKNOWN, Cell, Column, Row, Table, row


def runs_table(results: Results) -> Table:
    """What was run on which data: one row per benchmark."""
    titles = ("Train clips", "Test clips", "Classes", "Pretraining epochs", "Parameters")
    rows = []
    for benchmark in results.benchmarks:
        split = results.audit(benchmark.dataset).split(benchmark.name)
        assert split is not None, "read_results checks it"
        pretrain = benchmark.pretraining.metrics
        counts = (split.train, split.test, benchmark.baseline.metrics.classes, pretrain.epochs)
        cells: list[str | Cell] = [benchmark.title, benchmark.dataset, fingerprint(benchmark.version)]
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
