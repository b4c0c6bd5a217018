"""How features lie: test clips on a plane, pretrained and with random weights, and the neighbours of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import polars as pl
from markupsafe import Markup

from hacm.errors import UserError
from pipeline.report.charts import WIDTH
from pipeline.report.predictions import explained
from pipeline.report.svg import Drawing, Value, Values
from pipeline.report.table_model import Column, Table, row
from pipeline.results.writing import LANDSCAPE, check_result_file

MOST_POINTS = 2000
"""A drawing has so many points at the most; its values have them all."""
COLOURED_BY = ("hit", "class", "subject", "camera")
SIDE, MARGIN, TOP = 380.0, 20.0, 22.0


@dataclass(frozen=True)
class Neighbour:
    """A training clip near a test clip. similarity: cosine."""

    clip: str
    label: int
    similarity: float


@dataclass(frozen=True)
class Spot:
    """A test clip: its features on the plane, also those of random weights, and its nearest training clips."""

    clip: str
    subject: int
    camera: int | None
    label: int
    place: tuple[float, float]
    random_place: tuple[float, float]
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Plane:
    """What a drawing of a landscape is called and how much it shows. explained: shares of the variance."""

    title: str
    explained: tuple[float, float]


def read_landscape(folder: Path) -> tuple[Spot, ...]:
    """Of a result, in its order; none where the protocol compares no features, or an earlier version wrote it."""
    path = folder / LANDSCAPE
    if not path.exists() and not _is_promised(folder):
        return ()
    with explained(path):
        check_result_file(path)
        return tuple(
            Spot(
                clip=line["name"],
                subject=line["subject"],
                camera=line["camera"],
                label=line["label"],
                place=(line["x"], line["y"]),
                random_place=(line["random_x"], line["random_y"]),
                neighbours=tuple(map(Neighbour, line["nearest"], line["nearest_label"], line["similarity"])),
            )
            for line in pl.read_parquet(path).iter_rows(named=True)
        )


def _is_promised(folder: Path) -> bool:
    try:
        return f'"{LANDSCAPE}"' in (folder / "details.json").read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{folder / 'details.json'}: cannot be read ({error}); run the stage that writes it again"
        ) from error


def landscape_chart(
    spots: Sequence[Spot],
    predicted: Sequence[str],
    names: Sequence[str],
    plane: Plane,
    name: str,
) -> Drawing:
    """Test clips on the plane, those that were recognised as discs, the others as diamonds; each can be chosen.

    predicted: of every spot, what it was taken for. names: of the classes, by label.
    """
    far = max((abs(part) for spot in spots for part in spot.place), default=0) or 1.0
    scale, middle = SIDE / 2 / far, (MARGIN + SIDE / 2, TOP + SIDE / 2)
    stride = -(-len(spots) // MOST_POINTS) or 1
    rows, points = [], []
    for number, (spot, guess) in enumerate(zip(spots, predicted, strict=True)):
        x, y = spot.place
        hit = guess == names[spot.label]
        rows.append(_values(spot, guess, names))
        if number % stride == 0:
            said = f"{spot.clip}: {names[spot.label]}" + ("" if hit else f", taken for {guess}")
            points.append(_point(middle[0] + x * scale, middle[1] - y * scale, hit=hit, row_number=number, said=said))
    told = "" if stride == 1 else f"; one of every {stride} of the {len(spots):,} clips is drawn"
    first, second = (
        f"component {number}, {100 * share:.0f} % of the variance" for number, share in enumerate(plane.explained, 1)
    )
    height = TOP + SIDE + 40
    description = f"{plane.title}: {first}; {second}{told}"
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" style="--width:{WIDTH}px" role="group"'
        f" aria-label={quoteattr(description)} data-colour={quoteattr(','.join(COLOURED_BY))}>"
        f"{_frame(first, second, told.strip('; '))}{''.join(points)}</svg>"
    )
    columns: tuple[str, ...] = ("clip", "class", "taken for", "hit", "subject", "camera", "x", "y")
    if any(spot.neighbours for spot in spots):
        columns = (*columns, "nearest training clips")
    return Drawing(name, Markup(svg), Values(columns, tuple(rows)))


def _frame(first: str, second: str, told: str) -> str:
    """The box, what its sides are, and the legend."""
    bottom, middle = TOP + SIDE, TOP + SIDE / 2
    diamond = _diamond(MARGIN + 88, 9, 4.5, 'style="fill:var(--orange)"')
    return (
        '<g style="font-size:10px;fill:var(--muted)">'
        f'<circle cx="{MARGIN + 4:g}" cy="9" r="4" style="fill:var(--blue)"></circle>{diamond}</path>'
        f'<text x="{MARGIN + 13:g}" y="13">recognised</text><text x="{MARGIN + 98:g}" y="13">not</text>'
        f'<text x="{WIDTH / 2:g}" y="{bottom + 16:g}" text-anchor="middle">{escape(first)}</text>'
        f'<text transform="translate(11 {middle:g}) rotate(-90)" text-anchor="middle">{escape(second)}</text>'
        f'<text x="{WIDTH / 2:g}" y="{bottom + 32:g}" text-anchor="middle">{escape(told)}</text></g>'
        f'<rect x="{MARGIN:g}" y="{TOP:g}" width="{SIDE:g}" height="{SIDE:g}" fill="none" style="stroke:var(--grid)"/>'
    )


def _values(spot: Spot, guess: str, names: Sequence[str]) -> tuple[Value, ...]:
    hit = "yes" if guess == names[spot.label] else "no"
    camera = "" if spot.camera is None else spot.camera
    nearest = "; ".join(f"{one.clip} ({names[one.label]}, {one.similarity:.3f})" for one in spot.neighbours)
    where = (round(spot.place[0], 4), round(spot.place[1], 4))
    return (spot.clip, names[spot.label], guess, hit, spot.subject, camera, *where, *([nearest] if nearest else []))


def _point(x: float, y: float, *, hit: bool, row_number: int, said: str) -> str:
    facts = f'data-row="{row_number}"'
    title = f"<title>{escape(said)}</title>"
    if hit:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" {facts} style="fill:var(--blue)">{title}</circle>'
    return _diamond(x, y, 4.6, f"{facts} style={quoteattr('fill:var(--orange)')}") + f"{title}</path>"


def _diamond(x: float, y: float, size: float, facts: str) -> str:
    """Begun, so that something may stand in it."""
    return f'<path d="M{x:.1f} {y - size:.1f}l{size:g} {size:g}l-{size:g} {size:g}l-{size:g}-{size:g}z" {facts}>'


def nearest_table(
    spots: Sequence[Spot], predicted: Sequence[str], names: Sequence[str], *, synthetic: bool
) -> Table | None:
    """The neighbours of the first clip of the commonest confusion; of the first clip where all were recognised."""
    if not spots:
        return None
    wrong: dict[tuple[str, str], list[Spot]] = {}
    for spot, guess in zip(spots, predicted, strict=True):
        if guess != names[spot.label]:
            wrong.setdefault((names[spot.label], guess), []).append(spot)
    pair = max(wrong, key=lambda pair: len(wrong[pair])) if wrong else None
    spot = wrong[pair][0] if pair else spots[0]
    taken = f", taken for {pair[1]}" if pair else ""
    rows = tuple(
        row([str(rank), one.clip, names[one.label], f"{one.similarity:.3f}"], synthetic=synthetic)
        for rank, one in enumerate(spot.neighbours, 1)
    )
    columns = (Column("Rank"), Column("Training clip", False), Column("Class", False), Column("Cosine"))
    caption = f"Nearest to test clip {spot.clip} ({names[spot.label]}{taken})"
    return Table(caption, columns, rows) if rows else None
