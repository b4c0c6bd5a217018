"""Mermaid's flowcharts as SVG, so that the site needs no script from elsewhere. GitHub draws the same text itself."""

import html
import re
from dataclasses import dataclass
from itertools import pairwise

from docutils import nodes
from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout
from grandalf.routing import EdgeViewer, route_with_lines
from sphinx.util.docutils import SphinxDirective

LETTER, HEIGHT, MARGIN = 8, 30, 10
"""Pixels: the width of a letter, the height of a box, the margin of the picture."""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)
CHAIN = re.compile(r"[\w-]+(?: --> [\w-]+)+")


@dataclass
class Box:
    """A box as the layout wants it: the layout runs downwards, so the picture's width is its height."""

    w: float
    h: float
    xy: tuple[float, float] = (0.0, 0.0)


class Flowchart(SphinxDirective):
    """A fence of `mermaid`: a line `flowchart LR`, then lines of `a --> b --> c`; anything else is an error."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The picture, with the edges as text for those who cannot see it."""
        first, *lines = [line.strip() for line in self.content if line.strip()]
        for line in (first, *lines):
            if line is not first and not CHAIN.fullmatch(line):
                raise self.error(f"not drawn: {line}; only a --> b --> c is")
        if first != "flowchart LR":
            raise self.error(f"not drawn: {first}; only flowchart LR is")
        return [nodes.raw("", draw(edges(lines)), format="html")]


def edges(lines: list[str]) -> list[tuple[str, str]]:
    """The pairs of boxes that the lines join."""
    chains = (line.split(" --> ") for line in lines)
    return [pair for names in chains for pair in pairwise(names)]


def draw(pairs: list[tuple[str, str]]) -> str:
    """The graph from left to right."""
    boxes = {name: Vertex(name) for pair in pairs for name in pair}
    for name, vertex in boxes.items():
        vertex.view = Box(w=HEIGHT, h=LETTER * len(name) + 20)
    lines = [Edge(boxes[start], boxes[end]) for start, end in pairs]
    for line in lines:
        line.view = EdgeViewer()
    layout = SugiyamaLayout(Graph(list(boxes.values()), lines).C[0])
    layout.route_edge = route_with_lines
    layout.xspace, layout.yspace = 14, 26
    layout.init_all(roots=[vertex for vertex in boxes.values() if not vertex.e_in()])
    layout.draw()
    views = [vertex.view for vertex in boxes.values()]
    left, top = (min(view.xy[axis] - size(view) / 2 for view in views) for axis, size in ((1, long), (0, thick)))
    right, bottom = (max(view.xy[axis] + size(view) / 2 for view in views) for axis, size in ((1, long), (0, thick)))
    parts = [path([(y, x) for x, y in line.view._pts]) for line in lines]
    parts += [box(name, vertex.view) for name, vertex in boxes.items()]
    said = html.escape("; ".join(f"{start} to {end}" for start, end in pairs))
    frame = (left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
    view = " ".join(f"{number:.0f}" for number in frame)
    return (
        f'<svg role="img" aria-label="{said}" viewBox="{view}" style="width: 100%; max-width: {frame[2]:.0f}px">'
        f"{TIP}{''.join(parts)}</svg>"
    )


def long(view: Box) -> float:
    """A box's extent from left to right."""
    return view.h


def thick(view: Box) -> float:
    """A box's extent from top to bottom."""
    return view.w


def path(points: list[tuple[float, float]]) -> str:
    """An edge with its tip."""
    (x, y), *rest = points
    way = f"M{x:.0f} {y:.0f}" + "".join(f" L{x:.0f} {y:.0f}" for x, y in rest)
    return f'<path d="{way}" fill="none" stroke="currentColor" marker-end="url(#tip)"/>'


def box(name: str, view: Box) -> str:
    """A box with its name."""
    y, x = view.xy
    return (
        f'<rect x="{x - view.h / 2:.0f}" y="{y - view.w / 2:.0f}" width="{view.h:.0f}" height="{view.w:.0f}" rx="4" '
        f'fill="none" stroke="currentColor"/><text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" font-size="14" '
        f'fill="currentColor">{html.escape(name)}</text>'
    )
