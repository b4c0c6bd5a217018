"""Says which section of params.yaml overrides which; stages read values by this rule, sweeps and lineage explain it.

    train                            benchmarks.B.train, variants.V
    evaluate.P                       benchmarks.B.evaluate.P
    cleaning                         datasets.D.cleaning

The last one wins. A section that is `like` another starts from the values of that one:

    benchmarks.B.train     like: R   recipes.train.R, before it
    benchmarks.B.evaluate  like: R   recipes.evaluate.R.P, before benchmarks.B.evaluate.P
    evaluate.P             like: S   evaluate.S and all that lies over that, before it; S: one of SHARED
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pipeline.yaml_tree import ABSENT, look_up, merge, nest

LIKE = "like"
SHARED = ("probe", "tuning")
"""Sections of `evaluate` that are no way to evaluate, but what several of them begin with."""


def layers(
    tree: Any, root: str, *, dataset: str | None = None, benchmark: str | None = None, variant: str | None = None
) -> dict[str, Any]:
    """The sections that together say what `root` holds, by key, the last word last; those that are absent left out.

    tree: params.yaml, or a part of it. `like` is taken out of them.
    """
    keys = [root]
    if root == "train" and benchmark is not None:
        keys += _of_benchmark(tree, benchmark, root)
    if root == "train" and variant is not None:
        keys.append(f"variants.{variant}")
    if root == "cleaning" and dataset is not None:
        keys.append(f"datasets.{dataset}.cleaning")
    if root.startswith("evaluate."):
        begun = look_up(tree, f"{root}.{LIKE}")
        sections = [root] if begun is ABSENT else [f"evaluate.{begun}", root]
        keys = []
        for section in sections:
            keys += [section, *(_of_benchmark(tree, benchmark, section) if benchmark is not None else ())]
    found = {key: look_up(tree, key) for key in keys}
    return {key: _without_like(content) for key, content in found.items() if content is not ABSENT}


def _of_benchmark(tree: Any, benchmark: str, section: str) -> list[str]:
    """What a benchmark puts over a section, `train` or one of `evaluate`."""
    group, _, part = section.partition(".")
    recipe = look_up(tree, f"benchmarks.{benchmark}.{group}.{LIKE}")
    owners = [f"benchmarks.{benchmark}.{group}"] if recipe is ABSENT else [
        f"recipes.{group}.{recipe}", f"benchmarks.{benchmark}.{group}",
    ]  # fmt: skip
    return [f"{owner}.{part}" if part else owner for owner in owners]


def _without_like(content: Any) -> Any:
    if isinstance(content, dict) and LIKE in content:
        return {key: value for key, value in content.items() if key != LIKE}
    return content


def layers_of(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The layers of every section that a stage reads, by the lowest one's key; params: what it declares, by key."""
    tree = nest(params)
    names = {kind: _only_name(tree, f"{kind}s") for kind in ("dataset", "benchmark", "variant")}
    return {root: layers(tree, root, **names) for root in params if not _lies_over(root, params)}


def in_force(params: Mapping[str, Any]) -> dict[str, Any]:
    """What each section that a stage reads holds in the end, by its key; params: what it declares, by key."""
    return {root: reduce(merge, sections.values()) for root, sections in layers_of(params).items()}


def _only_name(tree: Any, group: str) -> str | None:
    """The one data set, benchmark or variant that a stage has to do with."""
    names = list(tree.get(group, ()))
    return names[0] if len(names) == 1 else None


def _lies_over(key: str, params: Mapping[str, Any]) -> bool:
    group, *rest = key.split(".")
    if group == "evaluate":
        return rest[0] in SHARED
    return group in ("benchmarks", "recipes", "variants") or (rest[-1:] == ["cleaning"] and "cleaning" in params)
