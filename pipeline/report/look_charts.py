"""How good the features were while pretraining ran, where it was watched."""

from collections.abc import Sequence

from matplotlib import rc_context

from pipeline.report.charts import WIDTH
from pipeline.report.model import EpochLoss
from pipeline.report.svg import BLUE, GRID, STYLE, Drawing, Values, canvas, to_drawing

HEIGHT = 150.0


@rc_context(STYLE)
def look_chart(losses: Sequence[EpochLoss], name: str) -> Drawing:
    """The share of left-out training subjects' clips that their nearest neighbour names right, over the epochs."""
    looks = [(row.epoch, 100 * row.knn_top1) for row in losses if row.knn_top1 is not None]
    figure = canvas(WIDTH, HEIGHT)
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.165, right=0.985, top=0.96, bottom=36 / HEIGHT)
    axes.plot(*zip(*looks, strict=True), color=BLUE, linewidth=1.6, marker="o", markersize=3)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(0, 1.02 * losses[-1].epoch)
    axes.locator_params(axis="x", nbins=8, integer=True)
    axes.set_ylabel("accuracy, %", labelpad=3, fontsize=9)
    axes.set_xlabel("epoch", labelpad=3)
    values = Values(("epoch", "top-1, %"), tuple(looks))
    return to_drawing(figure, name, "Neighbours of left-out training subjects over the epochs", values)
