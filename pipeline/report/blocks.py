"""What a page of results is made of: sections of blocks, from which the page and the Markdown are written."""

from dataclasses import dataclass

from markupsafe import Markup

from pipeline.report.svg import Drawing
from pipeline.report.table_model import Table


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list; each item a lead word or two and a sentence."""

    items: tuple[tuple[str, str], ...]
    kind: str = "bullets"


@dataclass(frozen=True)
class Code:
    """Commands."""

    text: str
    kind: str = "code"


@dataclass(frozen=True)
class Figure:
    """A captioned drawing. wide: needs the whole width of the page. number, anchor: see number_blocks."""

    drawing: Drawing
    caption: str
    synthetic: bool
    wide: bool = False
    number: int = 0
    anchor: str = ""


@dataclass(frozen=True)
class Figures:
    """Drawings that may stand side by side, and blocks that stand beside them where there is room.

    tall: number of the drawing that reaches over two rows, so that the blocks fit below the other one.
    """

    figures: tuple[Figure, ...]
    beside: "tuple[Block, ...]" = ()
    tall: int | None = None
    kind: str = "figures"


@dataclass(frozen=True)
class Moving:
    """A player of skeletons (players.py), with what it shows in words."""

    player: Markup
    caption: str
    synthetic: bool
    kind: str = "moving"


@dataclass(frozen=True)
class Tabular:
    """A table. number, anchor: see number_blocks."""

    table: Table
    number: int = 0
    anchor: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown on demand."""

    title: str
    blocks: "tuple[Block, ...]"
    kind: str = "folded"


Block = Text | Bullets | Code | Figures | Moving | Tabular | Folded


@dataclass(frozen=True)
class Section:
    """A headed part of the report. published: holds quoted figures only."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]
    published: bool = False


@dataclass(frozen=True)
class Answer:
    """What a benchmark comes to, before anything else: a sentence, one on where it fails, and a chart."""

    lead: str
    text: str
    failing: str
    figure: Figure


@dataclass(frozen=True)
class Report:
    """Everything both renderings need. synthetic: names of the benchmarks and data sets that are synthetic."""

    title: str
    summary: str
    synthetic: tuple[str, ...]
    sections: tuple[Section, ...]
    answers: tuple[Answer, ...] = ()
