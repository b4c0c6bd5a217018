"""Matplotlib figures as SVG elements that live inside the page.

A figure is drawn in the light theme's colours, each of which is then replaced by the page's custom property of the same
meaning, so one drawing serves the light and the dark page. Text stays text, in the page's font. The output depends on
nothing but the input: fixed hash salt, no dates, no metadata. One unit of a canvas is one CSS pixel. A drawing brings
the values that it shows, as text under the pointer and as rows to take away.
"""

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#1c2430"
MUTED: Final = "#5d6875"
FAINT: Final = "#b9c2cc"
GRID: Final = "#e4e8ec"
PAPER: Final = "#fdfefe"
BLUE: Final = "#1f5fa8"
ORANGE: Final = "#b4530f"
GREY: Final = "#7f8a96"

PROPERTIES: Final = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    GRID: "--grid",
    PAPER: "--paper",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREY: "--grey",
}

STYLE: Final[Any] = {  # Any: the stubs want the literal type of every known key
    "svg.hashsalt": "report",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.solid_capstyle": "round",
}

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"


Value = str | int | float


@dataclass(frozen=True)
class Values:
    """What a drawing shows, as a table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Hint:
    """What is said where the pointer rests: a box in pixels from the top left, and its text.

    row: of the drawing's values, which is told in full when the box is chosen; None: the box cannot be chosen.
    """

    x: float
    y: float
    width: float
    height: float
    text: str
    row: int | None = None


@dataclass(frozen=True)
class Drawing:
    """An SVG element for a page, and the values that it shows. name: no other drawing of a page has it."""

    name: str
    svg: Markup
    values: Values


def canvas(width: float, height: float) -> Figure:
    """An empty figure of that many pixels."""
    return Figure(figsize=(width / 72, height / 72), dpi=72)


def pixel_axes(figure: Figure) -> Axes:
    """Bare axes that cover the figure and count in pixels, origin at the top left."""
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = figure.get_size_inches() * 72
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return axes


def place(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point of a figure's axes lies on its canvas, in pixels from the top left."""
    axes.get_xlim(), axes.get_ylim()  # Matplotlib settles the limits when it is asked for them
    across, up = axes.transData.transform((x, y))
    return float(across), float(axes.get_figure(root=True).bbox.height - up)  # type: ignore[union-attr]


def to_drawing(figure: Figure, name: str, description: str, values: Values, hints: Sequence[Hint] = ()) -> Drawing:
    """The figure as an SVG element for a page.

    name: prefix of the ids inside. description: what it shows, for readers who cannot see it.
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())
    _drop_page_style(root)
    targets = dict.fromkeys(target for element in root.iter() for target in _targets(element))
    renamed = {target: f"{name}-{number}" for number, target in enumerate(targets)}
    for element in root.iter():
        _rewrite(element, renamed)
    for element in root.iter("g"):
        _share_style(element)
    _unwrap(root)
    width = root.attrib["width"].removesuffix("pt")
    chosen = any(hint.row is not None for hint in hints)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "style": f"--width:{float(width):g}px",
        "role": "group" if chosen else "img",  # what can be chosen must be reached by those who cannot see it
        "aria-label": description,
    }
    root.extend(_boxes(hints))
    return Drawing(name, Markup(ElementTree.tostring(root, encoding="unicode")), values)


def _boxes(hints: Sequence[Hint]) -> list[ElementTree.Element]:
    """Hints as boxes that nobody sees."""
    boxes = []
    for hint in hints:
        sizes = {"x": hint.x, "y": hint.y, "width": hint.width, "height": hint.height}
        box = ElementTree.Element("rect", {key: f"{size:.1f}".removesuffix(".0") for key, size in sizes.items()})
        box.set("fill-opacity", "0")
        if hint.row is not None:
            box.set("data-row", str(hint.row))
        ElementTree.SubElement(box, "title").text = hint.text
        boxes.append(box)
    return boxes


def _drop_page_style(root: ElementTree.Element) -> None:
    """Takes out Matplotlib's style sheet, which inside a page would apply to all of it; page.css says the same."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}style", f"{_SVG}metadata"):
                parent.remove(child)


def _targets(element: ElementTree.Element) -> list[str]:
    """The ids an element refers to."""
    link, clip = element.attrib.get(_HREF, ""), element.attrib.get("clip-path", "")
    return [link[1:]] * link.startswith("#") + [clip[5:-1]] * bool(clip)


def _rewrite(element: ElementTree.Element, renamed: dict[str, str]) -> None:
    """Makes an element fit to stand in an HTML page beside other figures, in place. renamed: ids that are used."""
    element.tag = element.tag.removeprefix(_SVG)
    element.text, element.tail = (part if part and part.strip() else None for part in (element.text, element.tail))
    attributes = {}
    for key, value in element.attrib.items():
        if key == "id":
            if value in renamed:
                attributes[key] = renamed[value]
        elif key == _HREF:
            attributes["href"] = f"#{renamed[value[1:]]}" if value.startswith("#") else "".join(value.split())
        elif key == "clip-path":
            attributes[key] = f"url(#{renamed[value[5:-1]]})"
        elif key == "style":
            attributes[key] = _themed(value)
        elif key in ("d", "x", "y", "transform"):
            attributes[key] = _shortened(value)
        else:
            attributes[key] = value
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    element.attrib = attributes


def _share_style(group: ElementTree.Element) -> None:
    """Writes the style that a group's markers have in common once, at the group, in place."""
    styles = {child.attrib.get("style", "") for child in group}
    if len(group) > 1 and len(styles) == 1 and all(child.tag == "use" for child in group):
        group.attrib["style"] = styles.pop()
        for child in group:
            del child.attrib["style"]


def _unwrap(element: ElementTree.Element) -> None:
    """Replaces groups that say nothing by what is in them, in place."""
    children: list[ElementTree.Element] = []
    for child in element:
        _unwrap(child)
        children.extend(child if child.tag == "g" and not child.attrib else [child])
    element[:] = children


def _themed(style: str) -> str:
    """A style attribute with the page's colours and the page's font."""
    for colour, custom in PROPERTIES.items():
        style = style.replace(colour, f"var({custom})")
    parts = [part for part in style.split("; ") if not part.startswith("font-family")]
    return ";".join(parts).replace(": ", ":")


def _shortened(numbers: str) -> str:
    """Coordinates with at most two decimals and single spaces: a hundredth of a pixel is enough."""
    short = []
    for word in numbers.split():
        try:
            short.append(f"{round(float(word), 2) + 0.0:g}" if "." in word else word)
        except ValueError:
            short.append(word)
    return " ".join(short)
