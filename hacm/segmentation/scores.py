"""How well spans agree with the truth, as the field measures it.

Frame accuracy, the edit score and F1 at an overlap are those of MS-TCN (Farha and Gall, CVPR 2019) and its forerunners
(Lea et al., CVPR 2017), mean average precision that of PKU-MMD (Liu et al., 2017).

Shapes: T frames.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hacm.segmentation.spans import Span


def frame_accuracy(found: Sequence[Span], true: Sequence[Span]) -> float:
    """The share of frames that have their class."""
    found_T, true_T = label_frames(found), label_frames(true)
    return float((found_T == true_T).mean())


def label_frames(spans: Sequence[Span]) -> NDArray[np.int64]:
    """The class of every frame, −1 for nothing known. Spans must follow each other without gaps."""
    return np.concatenate([np.full(span.stop - span.start, -1 if span.label is None else span.label) for span in spans])


def edit_score(found: Sequence[Span], true: Sequence[Span]) -> float:
    """How alike two orders of classes are, from 0 to 1; 1 is the same order, whenever the changes are.

    1 − Levenshtein's distance between the orders, over the length of the longer one.
    """
    a, b = [span.label for span in found], [span.label for span in true]
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return 1 - row[-1] / max(len(a), len(b), 1)


def count_matches(found: Sequence[Span], true: Sequence[Span], overlap: float) -> tuple[int, int, int]:
    """How many spans are right, wrong and missed.

    A found span is right if its intersection over union with a true one of its class, which no earlier span took, is at
    least `overlap`. Spans of nothing known do not count.
    """
    taken: set[int] = set()
    right = 0
    named = [span for span in found if span.label is not None]
    real = [span for span in true if span.label is not None]
    for span in named:
        shares = [
            intersection_over_union(span, other) if other.label == span.label and number not in taken else 0.0
            for number, other in enumerate(real)
        ]
        best = int(np.argmax(shares)) if shares else -1
        if best >= 0 and shares[best] >= overlap and shares[best] > 0:
            taken.add(best)
            right += 1
    return right, len(named) - right, len(real) - right


def f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """2·right / (2·right + wrong + missed) over several recordings; 0 where there is nothing."""
    right, wrong, missed = (sum(column) for column in zip(*counts, strict=True))
    total = 2 * right + wrong + missed
    return 2 * right / total if total else 0.0


def intersection_over_union(one: Span, other: Span) -> float:
    """Of their frames."""
    shared = min(one.stop, other.stop) - max(one.start, other.start)
    return max(0, shared) / (max(one.stop, other.stop) - min(one.start, other.start)) if shared > 0 else 0.0


def mean_average_precision(
    found: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], overlap: float = 0.5
) -> float:
    """PKU-MMD's mAP over classes (mAP_a), from 0 to 1.

    The found spans of all recordings are ranked by probability; each true span is found once. The precision is
    interpolated: the best at that recall or beyond.
    """
    classes = sorted({span.label for spans in true for span in spans if span.label is not None})
    if not classes:
        return 0.0

    def of(label: int, every: Sequence[Sequence[Span]]) -> list[list[Span]]:
        return [[span for span in spans if span.label == label] for spans in every]

    return float(np.mean([_average_precision(of(label, found), of(label, true), overlap) for label in classes]))


def mean_average_precision_of_videos(
    found: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], overlap: float = 0.5
) -> float:
    """PKU-MMD's mAP over videos (mAP_v): of each the average precision of all its spans, whatever their classes."""
    return float(np.mean([_average_precision([one], [real], overlap) for one, real in zip(found, true, strict=True)]))


def _average_precision(found: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], overlap: float) -> float:
    """A span can only be found by one of its class; spans of nothing known are none."""
    ranked = sorted(
        ((span, number) for number, spans in enumerate(found) for span in spans if span.label is not None),
        key=lambda pair: -pair[0].probability,
    )
    real = {number: [span for span in spans if span.label is not None] for number, spans in enumerate(true)}
    total = sum(map(len, real.values()))
    taken: set[tuple[int, int]] = set()
    hits = []
    for span, number in ranked:
        shares = [
            0.0 if (number, place) in taken or other.label != span.label else intersection_over_union(span, other)
            for place, other in enumerate(real[number])
        ]
        best = int(np.argmax(shares)) if shares else -1
        hit = best >= 0 and shares[best] >= overlap and shares[best] > 0
        if hit:
            taken.add((number, best))
        hits.append(hit)
    if not hits:
        return 0.0
    right_R = np.cumsum(hits)
    precision_R = right_R / np.arange(1, len(hits) + 1)
    best_R = np.maximum.accumulate(precision_R[::-1])[::-1]
    return float((best_R * np.array(hits)).sum() / total)
