"""A survey as text: the data set's file, its sections of params.yaml, and what is said on the screen."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hacm.errors import UserError, name_some
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology
from pipeline.new_dataset.survey import ASSUMED_FPS, Survey

SPLIT_BY = {"subject": "xsub", "camera": "xview", "setup": "xset", "replication": "xtake"}
"""What a split goes by, the first that names say, and what its rule is called."""
LONGEST_CLIP = 300
SHORTEST_CROP = 64


@dataclass(frozen=True)
class Split:
    """A rule's name, its column, the values that train, as Python writes them, and the whole in words."""

    rule: str
    column: str
    train: str
    says: str


def choose_split(survey: Survey) -> Split:
    """Half of the subjects train, or of what else names say. UserError if they say nothing that a split could go by."""
    if survey.kind == "pyskl":
        if survey.parts is None:
            raise UserError("the file has no split of which one part is called train and another val or test; add one")
        return Split(
            "xsub", "xsub_part", '"train"', f"the file's own: {survey.parts[0]} trains, {survey.parts[1]} tests"
        )
    for kind, rule in SPLIT_BY.items():
        numbers = _numbers_of(survey, kind)
        if len(numbers) > 1:
            train = numbers[: (len(numbers) + 1) // 2]
            says = f"{kind}s {', '.join(map(str, train))} train, the other {len(numbers) - len(train)} test"
            return Split(rule, kind, ", ".join(map(str, train)), says)
    raise UserError(
        "the files' names say neither subject nor camera nor replication, so nothing can be split; put a table "
        "labels.csv beside them (name, action, subject), and write the data set's file as docs/own-data.md shows"
    )


def _numbers_of(survey: Survey, kind: str) -> list[int]:
    words = survey.naming.words.get(kind)
    if words:
        return list(range(1, len(words) + 1))
    return sorted({int(value) for value in survey.naming.values.get(kind, ())})


def write_definition(survey: Survey, name: str, title: str, split: Split) -> str:
    """The file pipeline/own/NAME.py."""
    module, reader, arguments = _write_reader(survey)
    skeleton = _constant_of(survey.topology) if survey.shipped else "BODY"
    imports = [f"from hacm.recordings.{module} import {reader}"]
    imports.append(
        f"from hacm.skeletons.shipped import {skeleton}" if survey.shipped else "from hacm.skeletons import Topology"
    )
    imports.append("from pipeline.datasets import DataSet, SplitRule")
    actions = [*_actions(survey)]
    lines = [
        f'"""{title}: written by hacm new-dataset; look through what is called a guess."""',
        "",
        *sorted(imports),
        "",
        *([] if survey.shipped else ["", *_write_topology(survey.topology), ""]),
        "DATASET = DataSet(",
        f"    name={_quote(name)},",
        f"    title={_quote(title)},",
        f"    topology={skeleton},{_comment_fitting(survey)}",
        f"    reader={reader}(",
        f"        {skeleton},",
        *(f"        {argument}" for argument in arguments),
        "    ),",
        f"    # A guess: {split.says}.",
        f'    splits={{"{split.rule}": SplitRule("{split.column}", frozenset({{{split.train}}}))}},',
        f"    actions={_tuple(actions)},",
        f'    contents="{len(survey.files)} files: {survey.format}",',
        ")  # fmt: skip",
        "",
    ]
    return "\n".join(lines)


def _write_reader(survey: Survey) -> tuple[str, str, list[str]]:
    arguments = []
    naming = survey.naming
    if naming.pattern is not None:
        guessed = f"  # {' and '.join(naming.guessed)}: guessed by their place" if naming.guessed else ""
        arguments.append(f"names={_quote(naming.pattern)},{guessed}")
        arguments += [f"{kind}s={_tuple(words)}," for kind, words in naming.words.items()]
        first = min(_numbers_of(survey, "action"), default=1)
        if "action" not in naming.words and first == 0:
            arguments.append("first_action=0,")
    if survey.kind != "pyskl" and "action" not in naming.values:
        arguments.append(
            "unlabelled=True,  # names say no action: pretrained on, never tested on; labels.csv may say it"
        )
    said = "" if survey.fps else "  # a guess: the files do not say"
    if survey.kind != "poses" or not survey.fps:
        arguments.append(f"fps={survey.fps or ASSUMED_FPS:g},{said}")
    if survey.dimensions == 2:
        arguments.append("dimensions=2,")
    if survey.up not in (None, "y"):
        by = "from feet to head" if survey.kind == "arrays" else "as this format has it"
        arguments.append(f"up={_quote(survey.up or 'y')},  # {by}")
    if survey.metres != 1:
        arguments.append(f"metres={survey.metres:g},  # by the bodies' size")
    if survey.kind in ("pyskl", "frames") and survey.unseen:
        arguments.append("least_confidence=0.3,  # a guess: joints of less were not seen")
    if survey.kind == "pyskl":
        arguments.append(f"xsub={_tuple(survey.parts or ())},")
        return "prepared", "PysklAnnotations", arguments
    return ("poses", "PoseReader", arguments) if survey.kind == "poses" else ("arrays", "ArrayReader", arguments)


def _constant_of(topology: Topology) -> str:
    """What a shipped skeleton is called in hacm.skeletons.shipped."""
    from hacm.skeletons import shipped

    return next(name for name, value in vars(shipped).items() if value is TOPOLOGIES[topology.name])


def _comment_fitting(survey: Survey) -> str:
    return f"  # a guess by the number of joints; or {' or '.join(survey.fitting)}" if survey.fitting else ""


def _write_topology(topology: Topology) -> list[str]:
    return [
        "BODY = Topology(",
        f"    name={_quote(topology.name)},",
        f"    joints={_tuple(topology.joints)},",
        f"    parents={topology.parents!r},",
        f"    roots={topology.roots!r},  # a guess: the root and wherever the tree branches; pruning takes these out",
        f"    centre={topology.centre},  # a guess: the root; clips are centred on it",
        ")  # fmt: skip",
        "",
    ]


def _actions(survey: Survey) -> Sequence[str]:
    if survey.actions:
        return survey.actions
    words = survey.naming.words.get("action")
    if words:
        return words
    return [f"action {number}" for number in range(1, max(_numbers_of(survey, "action"), default=0) + 1)]


def _quote(text: str) -> str:
    """A text as Python writes it, between double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(map(_quote, values))}{',' if len(values) == 1 else ''})"


def write_params(survey: Survey, name: str, split: Split, *, trial: bool) -> str:
    """The data set's section and its benchmark's. trial: a model so small that all is done in minutes."""
    shortest, _, longest = survey.frames
    cleaning = []
    if survey.unseen:
        cleaning.append("missing: interpolate")
    if longest > LONGEST_CLIP:
        cleaning.append(f"max_frames: {longest}")
    train = []
    if trial:
        train += [
            "model: {dim: 16, heads: 2, encoder_blocks: 1, decoder_blocks: 1}",
            "masking: {spatial: {source: precomputed}}",
            "pretrain: {epochs: 5, warmup_epochs: 1, batch: 8}",
        ]
    if shortest < SHORTEST_CROP or trial:
        train.append(f"augment: {{min_frames: {max(8, min(SHORTEST_CROP, shortest))}}}")
    evaluate = ["probe: {epochs: 20, views: 5, batch: 8}"] if trial else []
    return "\n".join(
        [
            "datasets:",
            f"  {name}:",
            "    source: {verify: false} # no checksums are known",
            "    ingest: {limit: null, strict: true, allow_partial: false} # strict: whatever is lost stops the run",
            f"    cleaning: {{{', '.join(cleaning)}}}",
            f"    tree_split: {split.rule}",
            "benchmarks:",
            f"  {name}-{split.rule}:",
            *_section("train", train),
            *_section("evaluate", evaluate),
            "",
        ]
    )


def _section(name: str, lines: Sequence[str]) -> list[str]:
    return [f"    {name}:", *(f"      {line}" for line in lines)] if lines else [f"    {name}: {{}}"]


def describe(survey: Survey, split: Split) -> list[str]:
    """What was found, a line each."""
    shortest, middle, longest = survey.frames
    lines = [
        f"{len(survey.files)} files: {survey.format}; skeleton {survey.topology.name}"
        + (f" (or {', '.join(survey.fitting)})" if survey.fitting else "")
        + (", of two dimensions" if survey.dimensions == 2 else ""),
        f"{shortest} to {longest} frames, {middle} in the middle, at "
        + (f"{survey.fps:g} frames/s" if survey.fps else f"{ASSUMED_FPS:g} frames/s, which is a guess"),
    ]
    if survey.people > 1:
        lines.append(f"up to {survey.people} people")
    if survey.naming.pattern:
        lines.append(f"names: {survey.naming.pattern}")
    actions = _actions(survey)
    lines.append(f"actions ({len(actions)}): {name_some(list(actions)) if actions else 'none are said'}")
    subjects = _numbers_of(survey, "subject")
    if subjects:
        lines.append(f"subjects: {len(subjects)}")
    lines.append(f"split {split.rule}: {split.says}")
    return lines + [f"looks wrong: {one}" for one in (*survey.odd, *_find_uneven(survey, split))]


def _find_uneven(survey: Survey, split: Split) -> list[str]:
    """Actions that the training part of the split does not hold."""
    values, kinds = survey.naming.values, survey.naming.words
    if split.column not in values or "action" not in values:
        return []
    from hacm.recordings.names import plain

    words = kinds.get(split.column, ())
    train = set(split.train.split(", "))
    numbers = [str(words.index(plain(one)) + 1) if words else str(int(one)) for one in values[split.column]]
    seen = Counter(plain(action) for action, number in zip(values["action"], numbers, strict=True) if number in train)
    lacking = sorted({plain(action) for action in values["action"]} - seen.keys())
    return [f"actions that nobody does who trains: {name_some(lacking)}"] if lacking else []
