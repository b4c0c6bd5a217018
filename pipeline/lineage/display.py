"""Shows both directions of lineage at a terminal."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.graph.code import PACKAGES
from pipeline.text_tables import Table, show_tables

COLOURS = {"current": "green", "stale": "bold red", "never made": "yellow"}
SHOWN_DIGITS = 12
MOST_REASONS = 4
AS_RECORDED = 3
"""The rank of a parameter that nothing is to be said of."""


def show_behind(console: Console, facts: dict[str, Any], everything: bool) -> None:
    """A result's figures, then stages, data, checkpoints, parameters and code.

    everything: whole hashes, and also the parameters and code that are as recorded, with where they were set.
    """
    figures = ", ".join(f"{key} {value}" for key, value in facts["metrics"].items())
    _write(console, f"[bold]{escape(facts['result'])}[/]: {_state(facts['state'])}")
    if facts["result"] != facts["stage"]:
        _write(console, f"written by {escape(facts['stage'])}")
    _write(console, escape(figures) or "no figures")
    for one in facts["contradictions"]:
        _write(console, f"[bold red]{escape(one)}[/]")
    rows = [(one["stage"], one["state"], _reasons(one)) for one in facts["stages"]]
    tables = [_table("stages", ("stage", "state", "not as recorded"), rows), _data(facts["data"], everything)]
    tables += [*map(_checkpoint, facts["checkpoints"]), *map(_run, facts["run"])]
    tables += [_parameters(facts["parameters"], everything), _code(facts["code"], everything)]
    show_tables(console, tables)


def show_affected(console: Console, facts: dict[str, Any], everything: bool) -> None:
    """Where a recording ended up; every stage that depends on the cause, its state, and the results.

    everything: also why a stage is stale.
    """
    _write(console, f"[bold]{escape(facts['cause'])}[/] ({facts['kind']})")
    if "recording" in facts:
        show_recording(console, facts["recording"])
    for one in facts["made_by"]:
        _write(console, f"made by {escape(one['stage'])}: {_state(one['state'])}")
    if not facts["stages"]:
        _write(console, "no stage depends on it")
        return
    headings = ["stage", "state", "depends on it"]
    rows = [[one["stage"] + ("" if one["active"] else " (not active)"), one["state"], _how(one)]
            for one in facts["stages"]]  # fmt: skip
    if everything:
        headings.append("not as recorded")
        rows = [[*row, _reasons(one)] for row, one in zip(rows, facts["stages"], strict=True)]
    results = [f"result: {path}" for one in facts["stages"] for path in one["results"]]
    show_tables(console, [_table("what depends on it", headings, rows, *results)])
    counts = ", ".join(f"{count} {state}" for state, count in facts["counts"].items())
    why = "; --all says why" if facts["counts"]["stale"] and not everything else ""
    _write(console, f"{counts}{why}")


def show_clip(console: Console, facts: dict[str, Any]) -> None:
    """From the raw file to the prediction, one line per step."""
    archive, prediction = facts["archive"], facts["prediction"]
    lines = [f"clip {facts['clip']} of {facts['dataset']}"]
    lines += [f"raw file {facts['source']}, SHA-256 {facts['source_sha256']}"] if "source" in facts else []
    lines += [f"in {archive['path']}, SHA-256 {archive['sha256']}"] if archive else []
    if "identity" in facts:
        lines.append(", ".join(f"{key} {value}" for key, value in facts["identity"].items()))
    for step in facts["steps"]:
        lines += [f"{step['store']}: left out: {step['excluded']}"] if step["excluded"] else []
        lines += [f"{step['store']}: {one['text']} ({one['rule']})" for one in step["done"] if not step["excluded"]]
        lines += [] if step["done"] else [f"{step['store']}: as it was"]
    lines += [f"{split}: {part or 'in no part'}" for split, part in facts["parts"].items()]
    if prediction:
        lines.append(f"predicted {prediction['predicted']}, is {prediction['actual']}")
    for line in lines:
        _write(console, escape(line))


def show_published(console: Console, facts: dict[str, Any]) -> None:
    """A published result's figures, then where it and its pretraining come from."""
    _write(console, f"[bold]{escape(facts['published'])}[/]: published")
    if "clip" in facts:
        _write(console, escape(f"clip {facts['clip']} of subject {facts['subject']}"))
        _write(console, f"predicted {facts['predicted']}, is {facts['actual']}")
        return
    _write(console, ", ".join(f"{key} {value}" for key, value in facts["figures"].items()))
    parts = {"result": facts, "pretraining": facts["pretraining"]}
    if facts["pretraining"] is None:
        del parts["pretraining"]
    show_tables(console, [table for title, part in parts.items() for table in _published_tables(title, part)])


def _published_tables(title: str, part: dict[str, Any]) -> list[Table]:
    def shown(key: str, value: Any) -> str:
        return _describe_machine(value) if key == "machine" else str(value)

    origin = [(key, shown(key, value)) for key, value in part["origin"].items()]
    settings = [(key, json.dumps(value)) for key, value in part["settings"].items()]
    return [_table(f"{title}: origin", ("", ""), origin), _table(f"{title}: settings", ("setting", "value"), settings)]


def show_recording(console: Console, facts: dict[str, Any]) -> None:
    """Raw files, clips and parts, a line each."""
    lines = []
    for one in facts["recordings"]:
        sum_ = f", SHA-256 {one['source_sha256']}" if one["source_sha256"] else ""
        left_out = f", left out: {one['reason']}" if one["reason"] else ""
        lines.append(f"recording {one['name']}: {one['source']} in {', '.join(facts['raw'])}{sum_}{left_out}")
    for one in facts["clips"]:
        left_out = f": {one['excluded']}" if one["excluded"] else ""
        lines += [f"clip {one['name']} in {one['store']}{left_out}"]
    for split, parts in facts["parts"].items():
        lines += [f"{split}: {name} in {part}" for name, part in parts.items()] or [f"{split}: in no part"]
    for line in lines:
        _write(console, escape(line))


def _write(console: Console, text: str) -> None:
    """A line that the terminal breaks, so that paths in it can be copied whole."""
    console.print(text, highlight=False, soft_wrap=True)


def _state(state: str) -> str:
    return f"[{COLOURS[state]}]{state}[/]"


def _reasons(one: dict[str, Any]) -> str:
    """What differs, of a stage's facts in either direction."""
    changes = one.get("code_changes")
    texts = [text if isinstance(text, str) else text["text"] for text in one["differs"] if not _is_told(text, changes)]
    if changes is not None and len(texts) < len(one["differs"]):
        texts += [f"code: {change}" for change in changes] or ["code: in nothing that it uses"]
    texts += [f"after {name}" for name in one["after"]]
    more = [f"… and {len(texts) - MOST_REASONS} more"] if len(texts) > MOST_REASONS else []
    return "\n".join(texts[:MOST_REASONS] + more)


def _is_told(difference: Any, changes: list[str] | None) -> bool:
    """Whether it is a folder of code, and better known what in it has changed."""
    if changes is None or isinstance(difference, str):
        return False
    return difference["kind"] == "input" and difference["what"].split("/")[0] in PACKAGES


def _how(one: dict[str, Any]) -> str:
    read = ", ".join(one["reads"]) or "through those above"
    if one["overridden_by"]:
        return f"{read}; decided by {', '.join(one['overridden_by'])}"
    return read if one["decides"] else f"{read}; decides nothing here"


def _data(data: Iterable[dict[str, Any]], everything: bool) -> Table:
    def shown(digest: str) -> str:
        return digest if everything else _short(digest)

    rows = []
    for one in data:
        counts = f"{one['raw_recordings']} recordings, md5 {shown(one['md5'])}"
        rows.append((one["raw"], counts, _here(one)))
        rows += [(f"  {archive['file']}", f"SHA-256 {shown(archive['sha256'])}", "") for archive in one["archives"]]
        for kind in ("recordings", "clips"):
            if kind in one:
                store = one[kind]
                counts = f"{store['clips']} {kind}, {store['excluded']} excluded, version {shown(store['version'])}"
                rows.append((store["path"], counts, _here(store)))
    return _table("data", ("path", "as recorded", "now"), rows)


def _checkpoint(one: dict[str, Any]) -> Table:
    shown = {key: value for key, value in one.items() if value is not None and key not in ("path", "here")}
    return _table(f"checkpoint {one['path']} ({_here(one)})", ("", ""), [(key, str(shown[key])) for key in shown])


def _run(one: dict[str, Any]) -> Table:
    shown = {key: value for key, value in one.items() if key not in ("path", "here")}
    rows = [
        (key, value if isinstance(value, str) else _describe_machine(value) if key == "machine" else json.dumps(value))
        for key, value in shown.items()
    ]
    return _table(f"run, by {one['path']} ({_here(one)})", ("", ""), rows)


def _describe_machine(machine: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_gb', ' (GB)')} {value}" for key, value in machine.items())


def _here(one: dict[str, Any]) -> str:
    return "the same" if one["here"] else "another, or gone"


def _parameters(parameters: Sequence[dict[str, Any]], everything: bool) -> Table:
    """Those whose recorded value is contradicted or is another now first; without `everything` these, and those that a
    section of its own sets."""

    def rank(one: dict[str, Any]) -> int:
        if one["made_with"]:
            return 0
        if one["now"] != one["value"]:
            return 1
        return AS_RECORDED if one["key"].startswith(one["set_in"]) else 2

    chosen = [one for one in sorted(parameters, key=rank) if everything or rank(one) < AS_RECORDED]
    changed = any(one["now"] != one["value"] for one in chosen)
    headings = ["parameter", "value", *(["now"] if changed else []), "set in"]
    rows = []
    for one in chosen:
        now = "" if one["now"] == one["value"] else json.dumps(one["now"])
        rows.append((one["key"], _value(one), *([now] if changed else []), one["set_in"]))
    left = len(parameters) - len(chosen)
    notes = [f"… and {left} more, as recorded; --all lists them"] if left else []
    return _table("parameters", headings, rows, *notes)


def _value(one: dict[str, Any]) -> str:
    """A parameter's value as dvc.lock records it, and those that its stage's artefacts say they were made with."""
    recorded, said = json.dumps(one["value"]), " or ".join(map(json.dumps, one["made_with"]))
    return f"{recorded} recorded, but made with {said}" if said else recorded


def _code(code: dict[str, Any], everything: bool) -> Table:
    files = [one for one in code["files"] if everything or one["now"] != one["md5"]]
    rows = []
    for one in files:
        now = "the same" if one["now"] == one["md5"] else "gone" if one["now"] is None else "another"
        commit = _short(one["commit"]) if one["commit"] else "none"
        rows.append((one["path"], _short(one["md5"]), now, commit))
    commits = code["commits"]
    more = len(commits) - 1
    note = f"all of it is in commit {_short(commits[0])}" if commits else "no one commit has all of it"
    note += f" and {more} other{'s' * (more > 1)}" if more > 0 else ""
    left = len(code["files"]) - len(files)
    notes = [f"… and {left} more, as recorded; --all lists them"] if left else []
    return _table("code", ("path", "md5", "now", "brought by commit"), rows, *notes, note)


def _short(digest: str) -> str:
    return digest[:SHOWN_DIGITS]


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> Table:
    """Of texts alone, the first column whole for copying; states are coloured."""
    return Table(title, headings, rows, notes, numbers=len(headings), whole=1, styles=COLOURS)
