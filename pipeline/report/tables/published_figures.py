"""Published figures, quoted and never mixed with measured ones."""

from collections.abc import Sequence

from pipeline.report.formatting import percent
from pipeline.report.published import LABEL, PROTOCOLS, Published
from pipeline.report.table_model import UNKNOWN, Column, Table, row


def published_tables(figures: Sequence[Published]) -> list[Table]:
    """Published figures, one table per protocol, rows by method."""
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
