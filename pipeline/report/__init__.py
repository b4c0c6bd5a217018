"""The report: everything under results/ as one self-contained page and as Markdown."""

import json
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hacm.files import replace_file
from hacm.viewing.player import assets_html
from pipeline.report.blocks import Block, Bullets, Code, Figures, Folded, Report, Tabular, Text
from pipeline.report.collecting import Selection, read_results
from pipeline.report.comparisons import compare
from pipeline.report.contents import compose
from pipeline.report.svg import Values
from pipeline.report.table_model import SYNTHETIC, escaped, to_markdown

ARXIV = re.compile(r"(arXiv )(\d{4}\.\d{5})")


def build(results_dir: Path, selection: Selection, out_dir: Path) -> None:
    """Writes out_dir/report.html and out_dir/report.md from what the stages left in results_dir.

    Equal results give equal files. Raises UserError, one line, where a result is missing, malformed or does not fit
    the others; nothing is written then.
    """
    results = read_results(results_dir, selection)
    comparisons = {benchmark.name: compare(benchmark) for benchmark in results.benchmarks}
    report = compose(results, comparisons)
    pages = {"report.html": to_html(report), "report.md": to_text(report)}
    for name, page in pages.items():
        with replace_file(out_dir / name) as temporary:
            temporary.write_text(page, encoding="utf-8", newline="\n")


def to_html(report: Report) -> str:
    """The report as one page that loads nothing."""
    environment = Environment(
        loader=PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"linked": linked, "embedded": embedded}
    return environment.get_template("page.html.jinja").render(report=report, assets=Markup(assets_html()))


def linked(text: str) -> Markup:
    """Text for a page in which the numbers of papers lead to arXiv."""
    return Markup(ARXIV.sub(r'<a href="https://arxiv.org/abs/\2">\1\2</a>', str(escape(text))))


def embedded(values: Values) -> Markup:
    """Values as JSON that may stand in a script element: no tag can end in it."""
    rows = [
        [None if isinstance(value, float) and not isfinite(value) else value for value in row] for row in values.rows
    ]
    text = json.dumps({"columns": values.columns, "rows": rows}, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def to_text(report: Report) -> str:
    """The report in Markdown: all of it but the drawings."""
    lines = [f"# {escaped(report.title)}", "", escaped(report.summary)]
    if report.synthetic:
        names = ", ".join(escaped(name) for name in report.synthetic)
        lines += ["", f"> **{SYNTHETIC} {names}: generated recordings, not people. These numbers say that the pipeline"
                  " works, not how well the method recognises human action.**"]  # fmt: skip
    for answer in report.answers:
        lines += ["", f"**{escaped(answer.lead)}:** {escaped(' '.join(filter(None, (answer.text, answer.failing))))}"]
    lines += ["", "Drawings are in report.html."]
    for section in report.sections:
        lines += ["", f"## {escaped(section.title)}"]
        lines += _markdown_blocks(section.blocks)
    return "\n".join(lines) + "\n"


def _markdown_blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Text(text=text):
                yield from ("", escaped(text))
            case Bullets(items=items):
                yield ""
                yield from (f"- **{escaped(lead)}**: {escaped(text)}" for lead, text in items)
            case Code(text=text):
                yield from ("", "```", text, "```")
            case Tabular(table=table, number=number):
                yield from ("", to_markdown(table, f"Table {number}. "))
            case Folded(title=title, blocks=inner):
                yield from ("", f"<details><summary>{escaped(title)}</summary>")
                yield from _markdown_blocks(inner)
                yield from ("", "</details>")
            case Figures(beside=inner):
                yield from _markdown_blocks(inner)
