"""A model as a folder of Hugging Face's hub: model.safetensors, config.json, and a README.md with the hub's metadata.

Nothing here needs the hub's library or a network. hacm.load takes such a folder as it takes any model's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hacm.models.card import write_card
from hacm.models.description import Description
from hacm.models.folder import HUGGING_FACE, Parts
from hacm.models.folder import save as save_model

LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "unlicense"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0"),
    *("odbl", "odc-by", "pddl"),
)
"""Those of the hub's identifiers that a licence in words may begin with; others are `other`, by their name."""
TAGS = ("skeleton", "skeleton-based-action-recognition", "human-activity-recognition", "self-supervised")
TASK = "skeleton-based-action-recognition"
LONGEST_NAME = 96

USE = """
## How to use it

With hacm-pipeline, the software that made it, which loads numbers only and runs no code of this folder:

```python
import hacm

model = hacm.load("FOLDER")  # this folder, downloaded
model.predict(x, fps={fps:g})[0].label  # x: (frames, {joints}, 3), metres, y up, the skeleton {skeleton}
```
"""


def save(folder: Path, parts: Parts) -> None:
    """Write a model so in place of the folder."""
    save_model(folder, parts, HUGGING_FACE, write_hub_card(parts.description))


def write_hub_card(model: Description) -> str:
    """The model's card with metadata before it, and how it is used after it."""
    front = "\n".join(as_yaml(metadata(model)))
    use = USE.format(fps=model.seen.fps, joints=len(model.skeleton.joints), skeleton=model.skeleton.name)
    return f"---\n{front}\n---\n\n{write_card(model)}{use}"


def metadata(model: Description) -> dict[str, Any]:
    """What the hub reads of a card."""
    found: dict[str, Any] = {
        **licence_of(model.licence),
        "library_name": "hacm",
        "model_name": model.name,
        "tags": [*TAGS, *(["synthetic"] if model.origin.synthetic else [])],
        "datasets": [model.origin.dataset],
    }
    if "top1" in model.figures:
        found |= {"metrics": ["accuracy"], "model-index": [{"name": model.name, "results": [result_of(model)]}]}
    return found


def licence_of(words: str | None) -> dict[str, str]:
    """The licence of the weights as the hub says it."""
    if words is None:
        return {"license": "unknown"}
    first = re.split(r"[\s,;(]", words.strip(), maxsplit=1)[0].lower()
    return {"license": first} if first in LICENCES else {"license": "other", "license_name": words}


def result_of(model: Description) -> dict[str, Any]:
    """Top-1 accuracy as an entry of the hub's model-index, with its interval and on whose clips it is."""
    figures = model.figures
    more = {name: figures[name] for name in ("top1_low", "top1_high", "n") if name in figures}
    return {
        "task": {"type": TASK, "name": "Skeleton-based action recognition"},
        "dataset": {
            "type": model.origin.dataset,
            "name": f"{model.origin.title} ({model.judged_on})",
            "config": model.origin.benchmark,
            "revision": model.origin.data_version,
        },
        "metrics": [
            {"type": "accuracy", "name": "top-1 accuracy, percent", "value": figures["top1"], "args": more}
        ],
    }  # fmt: skip


def as_yaml(value: Any, depth: int = 0) -> Iterator[str]:
    """Lines of YAML in block style, scalars as JSON has them, which YAML takes."""
    space = "  " * depth
    pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for key, one in pairs:
        begin = f"{space}- " if key is None else f"{space}{key}: "
        if not isinstance(one, dict | list):
            yield f"{begin}{json.dumps(one, ensure_ascii=False)}"
        elif not one:
            yield f"{begin}{'{}' if isinstance(one, dict) else '[]'}"
        else:
            inside = as_yaml(one, depth + 1)
            # The first line of an item stands beside its hyphen.
            yield f"{begin}{next(inside).lstrip()}" if key is None else begin.rstrip()
            yield from inside


def repository_name(name: str) -> str:
    """A name that the hub takes for a repository: letters, digits and single -, _ or . inside, of up to 96."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    plain = re.sub(r"([.-])[.-]+", r"\1", plain)[:LONGEST_NAME].strip("-._")
    return re.sub(r"(\.git)+$", "", plain).strip("-._") or "model"
