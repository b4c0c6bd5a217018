"""A picture of spans over time, as SVG: a band per recording and person, its classes named in it."""

from collections.abc import Sequence
from html import escape

from hacm.segmentation.segmenting import Segmentation
from hacm.segmentation.spans import Span

WIDTH, LEFT, BAND, GAP, TEXT = 960, 160, 34, 18, 12
PER_CHARACTER = 6.4
"""Pixels that a letter takes, about."""
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#eeca3b")
UNKNOWN = "#bab0ac"
STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
MOST_TICKS = 10


def draw(found: Sequence[Segmentation]) -> str:
    """The picture. Every span has a tooltip with its class, times and probability."""
    seconds = max(one.spans[-1].stop / one.fps for one in found)
    scale = (WIDTH - LEFT - 10) / seconds
    height = len(found) * (BAND + GAP) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="{TEXT}" role="img" aria-label="what is seen when">'
    ]
    for number, one in enumerate(found):
        y = 10 + number * (BAND + GAP)
        name = f"{one.recording}, person {'+'.join(map(str, one.people))}"
        parts.append(f'<text x="4" y="{y + BAND / 2 + 4}">{escape(shorten(name, LEFT - 8))}</text>')
        for span in one.spans:
            parts += _draw_span(one, span, y, scale)
    axis = height - 24
    parts += [
        f'<text x="{LEFT + second * scale:.1f}" y="{axis + 14}" text-anchor="middle">{second:g} s</text>'
        for second in ticks(seconds)
    ]
    return "\n".join([*parts, "</svg>\n"])


def _draw_span(one: Segmentation, span: Span, y: float, scale: float) -> list[str]:
    start, stop = span.start / one.fps, span.stop / one.fps
    label = "nothing known" if span.label is None else one.classes[span.label]
    colour = UNKNOWN if span.label is None else COLOURS[span.label % len(COLOURS)]
    share = "" if span.label is None else f", {span.probability:.0%}"
    x, width = LEFT + start * scale, (stop - start) * scale
    text = escape(shorten(label, width - 8))
    return [
        f"<g><title>{escape(label)}, {start:.1f} to {stop:.1f} s{share}</title>",
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAND}" fill="{colour}" stroke="white"/>',
        f'<text x="{x + 4:.1f}" y="{y + BAND / 2 + 4}">{text}</text></g>',
    ]


def shorten(text: str, pixels: float) -> str:
    """As much of a text as there is room for."""
    most = int(pixels / PER_CHARACTER)
    return text if len(text) <= most else text[: max(0, most - 1)] + ("…" if most > 0 else "")


def ticks(seconds: float) -> list[float]:
    """Round times from 0 on, about ten at the most."""
    step = next((step for step in STEPS if seconds / step <= MOST_TICKS), STEPS[-1])
    return [step * number for number in range(int(seconds / step) + 1)]
