"""Numbers and addresses of tables and figures: given once, whatever of the page is open."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from pipeline.report.blocks import Block, Figure, Figures, Folded, Report, Tabular


def number_blocks(report: Report) -> Report:
    """The report with its tables and its figures numbered from 1 in the order in which they stand.

    An address follows from what a table or figure is called, not from its number, so that a link still leads there
    when others come before it.
    """
    counting = _Counting()
    answers = tuple(replace(answer, figure=counting.figure(answer.figure)) for answer in report.answers)
    sections = tuple(replace(section, blocks=counting.blocks(section.blocks)) for section in report.sections)
    return replace(report, answers=answers, sections=sections)


@dataclass
class _Counting:
    tables: int = 0
    figures: int = 0
    taken: set[str] = field(default_factory=set)

    def blocks(self, blocks: Sequence[Block]) -> tuple[Block, ...]:
        return tuple(self.block(block) for block in blocks)

    def block(self, block: Block) -> Block:
        match block:
            case Tabular(table=table):
                self.tables += 1
                return replace(block, number=self.tables, anchor=self.anchor("table", table.caption))
            case Figures(figures=figures, beside=beside):
                numbered = tuple(map(self.figure, figures))
                return replace(block, figures=numbered, beside=self.blocks(beside))
            case Folded(blocks=inner):
                return replace(block, blocks=self.blocks(inner))
            case _:
                return block

    def figure(self, figure: Figure) -> Figure:
        self.figures += 1
        return replace(figure, number=self.figures, anchor=self.anchor("figure", figure.drawing.name))

    def anchor(self, kind: str, called: str) -> str:
        name = f"{kind}-{re.sub(r'[^a-z0-9]+', '-', called.lower()).strip('-')}"
        free = next(
            tried for tried in chain([name], (f"{name}-{number}" for number in count(2))) if tried not in self.taken
        )
        self.taken.add(free)
        return free
