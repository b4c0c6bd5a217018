"""Tables of the docs that are made of the data sets' definitions: skeletons, splits, what is a token."""

from collections.abc import Iterable

from hacm.skeletons.shipped import KARD_15, KINECT_V1, KINECT_V2, MSR_ACTION3D, UI_PRMD
from hacm.skeletons.topology import Topology
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_shipped
from pipeline.datasets.splits import SplitRule

RECORDED = (KINECT_V2, KINECT_V1, UI_PRMD, MSR_ACTION3D, KARD_15)
"""The skeletons of the shipped data sets."""
PLURALS = {"subject": "subjects", "camera": "cameras", "setup": "setups"}
PUBLISHED = "as the data set's split files say"


def joint_table(skeletons: tuple[Topology, ...] = RECORDED) -> list[str]:
    """Joints by number, a column per skeleton: name and parent, the root set bold, the centring joint with a star."""
    most = max(len(skeleton.joints) for skeleton in skeletons)
    rows = [[str(joint), *(_describe(skeleton, joint) for skeleton in skeletons)] for joint in range(most)]
    return _markdown([["", *(f"`{skeleton.name}`" for skeleton in skeletons)], *rows])


def _describe(skeleton: Topology, joint: int) -> str:
    if joint >= len(skeleton.joints):
        return ""
    name, parent = skeleton.joints[joint], skeleton.parents[joint]
    shown = f"**{name}**" if joint in skeleton.roots else name
    return f"{shown}{' ★' if joint == skeleton.centre else ''} {'(root)' if parent < 0 else f'→ {parent}'}"


def token_table(skeleton: Topology = KINECT_V2) -> list[str]:
    """Which joints pruning takes out, and which are tokens."""
    kept = [joint for joint in range(len(skeleton.joints)) if joint not in skeleton.roots]
    named = [", ".join(f"{joint} {skeleton.joints[joint]}" for joint in part) for part in (skeleton.roots, kept)]
    titles = (f"root set R, {len(skeleton.roots)} joints", f"token joints, J' = {len(kept)}")
    return _markdown([["", f"`{skeleton.name}`"], *map(list, zip(titles, named, strict=True))])


def split_table(datasets: Iterable[DataSet] | None = None) -> list[str]:
    """A row per benchmark: how many clips train and test, where it is published, and the rule."""
    rows = [["benchmark", "train", "test", "training clips"]]
    for dataset in find_shipped().values() if datasets is None else datasets:
        for name, rule in dataset.splits.items():
            counts = [f"{count:,}" for count in dataset.expected.get(name, ())] or ["–", "–"]
            rows.append([f"`{dataset.name}-{name}`", *counts, describe_rule(rule)])
    return _markdown(rows)


def describe_rule(rule: SplitRule) -> str:
    """Which clips train, in words: `subjects 1, 2, 13–19`."""
    numbers = sorted(value for value in rule.train if isinstance(value, int))
    if rule.column not in PLURALS or len(numbers) != len(rule.train):
        return PUBLISHED
    if len(numbers) > 9 and numbers == list(range(numbers[0], numbers[-1] + 1, 2)):
        return f"{PLURALS[rule.column]} {numbers[0]}, {numbers[1]}, … {numbers[-1]}"
    return f"{PLURALS[rule.column]} {', '.join(_runs(numbers))}"


def _runs(numbers: list[int]) -> list[str]:
    """Ascending numbers, three and more in a row as `13–19`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]


def _markdown(rows: list[list[str]]) -> list[str]:
    first, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [first, "|" + "---|" * len(rows[0]), *others]
