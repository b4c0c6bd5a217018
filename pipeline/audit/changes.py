"""What differs between two revisions, as facts for JSON and as text for a person."""

from collections.abc import Iterator, Sequence
from typing import Any

from hacm.errors import name_some
from pipeline.audit.dataset_revisions import DataSetRevision
from pipeline.audit.version_differences import Differences
from pipeline.text_tables import markdown_table

TABLES = {
    "added": "clips added",
    "removed": "clips removed",
    "relabelled": "clips relabelled",
    "described": "clips with another subject, camera, setup, frame rate or part",
    "moved": "clips moved between the parts of a split",
    "values": "clips of other values",
    "recleaned": "clips cleaned otherwise",
}


def collect_changes(
    before: DataSetRevision,
    after: DataSetRevision,
    differences: Differences,
    causes: Sequence[dict[str, Any]],
    dataset: str,
) -> dict[str, Any]:
    """All of it; clips in name order."""
    tables = {name: getattr(differences, name).to_dicts() for name in TABLES}
    return {
        "dataset": dataset,
        "from": {"revision": before.name, "version": before.version, "clips": len(before.tables.manifest)},
        "to": {"revision": after.name, "version": after.version, "clips": len(after.tables.manifest)},
        "same": differences.empty,
        **tables,
        "benchmarks": differences.benchmarks,
        "causes": list(causes),
    }


def changes_page(facts: dict[str, Any]) -> str:
    """Markdown that reads well in a terminal, too; long lists of clips are cut."""
    sides = [f"{facts[side]['revision']} (`{facts[side]['version'][:12]}`, {facts[side]['clips']:,} clips)"
             for side in ("from", "to")]  # fmt: skip
    lines = [f"# {facts['dataset']}: {sides[0]} → {sides[1]}", ""]
    lines += list(describe_changes(facts)) or ["The same clips, labels, values and parts."]
    if facts["causes"]:
        lines += ["", "## What brought it", "", *map(_cause, facts["causes"])]
    rows = [
        [rule, part, *map(str, row.values())]
        for rule, parts in facts["benchmarks"].items()
        for part, row in parts.items()
    ]
    headings = ("split", "part", "before", "after", "came", "went", "changed")
    lines += ["", "## What it does to each benchmark", "", *markdown_table(headings, rows)]
    return "\n".join(lines) + "\n"


def describe_changes(facts: dict[str, Any]) -> Iterator[str]:
    """One line per kind of difference between the clips; none where there is none."""
    for table, words in TABLES.items():
        rows = facts[table]
        if rows:
            yield f"- **{len(rows):,} {words}**: {name_some([_shown(table, row) for row in rows])}"
    measured = [row for row in facts["values"] if row.get("most") is not None]
    if measured:
        most = max(measured, key=lambda row: row["most"])
        mean = 1000 * sum(row["mean"] for row in measured) / len(measured)
        mostly = f"{mean:.3g} mm in the mean, at most {1000 * most['most']:.4g} mm ({most['name']})"
        yield f"- in the frames that both versions of a clip have, joints differ by {mostly}"


def _shown(table: str, row: dict[str, Any]) -> str:
    match table:
        case "added" | "removed":
            return row["name"] + (f" ({row['reason']})" if row["reason"] else "")
        case "relabelled":
            return f"{row['name']} ({row['before']} → {row['after']})"
        case "described":
            return f"{row['name']} ({row['column']} {row['before']} → {row['after']})"
        case "moved":
            return f"{row['name']} ({row['rule']}: {row['before']} → {row['after']})"
        case "values":
            frames = (
                ""
                if row["frames_before"] == row["frames_after"]
                else f" ({row['frames_before']} → {row['frames_after']} frames)"
            )
            return row["name"] + frames + (" (raw file changed)" if row["raw"] else "")
        case _:
            gone = [f"no longer {note}" for note in row["before"] if note not in row["after"]]
            new = [f"now {note}" for note in row["after"] if note not in row["before"]]
            return f"{row['name']} ({'; '.join(gone + new) or 'in another order'})"


def _cause(cause: dict[str, Any]) -> str:
    if cause["kind"] == "parameter":
        return f"- {cause['stage']}: {cause['what']} {cause['before']} → {cause['after']}"
    commits = f": {name_some(cause['commits'])}" if cause.get("commits") else ""
    return f"- {cause['stage']}: {cause['kind']} {cause['what']} changed{commits}"
