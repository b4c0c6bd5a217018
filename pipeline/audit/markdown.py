"""The audit as a Markdown page."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline.text_tables import escape_border, markdown_table

MOST_ROWS = 200


def audit_page(facts: dict[str, Any]) -> str:
    """What `audit.md` holds; long lists are cut, and say so: the tables beside it are whole."""
    mark = " (synthetic)" if facts["synthetic"] and "synthetic" not in facts["title"] else ""
    lines = [
        f"# Audit of {facts['title']}{mark}",
        "",
        f"version `{facts['version']}`, topology {facts['topology']}, "
        f"{facts['clips']} clips, {facts['excluded']} excluded",
        "",
        f"{facts['registered']['text']}.",
        "",
        "## Findings",
        "",
        *([f"- **{one['severity']}** ({one['kind']}): {one['text']}" for one in facts["findings"]] or ["none"]),
        "",
        "## Provenance",
        "",
        *_provenance(facts["provenance"]),
        "",
        "## Counts",
    ]
    lines += _table(
        ("split", "train", "expected", "test", "expected", "training subjects", "test subjects"),
        [
            (rule, counts["train"], counts["expected_train"], counts["test"], counts["expected_test"],
             _listed(counts["train_subjects"]), _listed(counts["test_subjects"]))
            for rule, counts in facts["benchmarks"].items()
        ],
    )  # fmt: skip
    classes = ((row["name"], row["clips"], row["train"], row["test"]) for row in facts["classes"])
    lines += _table(("class", "clips", "train", "test"), classes)
    for column in ("subject", "camera", "setup"):
        lines += _table((column, "clips"), (row.values() for row in facts[f"{column}s"]))
    lines += ["", "## What reading and cleaning did"]
    done = ((row["action"], row["rule"], row["clips"]) for row in facts["alterations"])
    lines += _table(("action", "rule", "clips"), done)
    lines += _table(("note", "clips"), (row.values() for row in facts["cleaning"]))
    missing = ((row["joint"], row["missing"], f"{row['share']:.1%}", row["filled"], row["clips"])
               for row in facts["missing_joints"])  # fmt: skip
    lines += _table(("joint not seen", "body-frames", "share", "filled", "clips"), missing)
    lines += _table(("excluded", "reason"), (row.values() for row in facts["exclusions"]))
    lines += ["", "## Values"]
    values = ((name.replace("_", " "), *row.values()) for name, row in facts["values"].items())
    lines += _table(("measurement", "median", "99th percentile", "maximum"), values)
    return "\n".join(lines).rstrip() + "\n"


def _provenance(facts: dict[str, Any]) -> Iterator[str]:
    for one in facts["archives"]:
        stated = {None: "no sum is stated", one["sha256"]: "the stated sum"}.get(one["stated"], "NOT the stated sum")
        yield f"- archive `{one['file']}`, SHA-256 `{one['sha256']}` ({stated})"
    yield f"- raw store of version `{facts['recordings_version']}`"
    yield f"- {facts['raw_files']} raw files, {facts['raw_files_of_known_content']} clips from files of known checksum"
    if facts.get("reading"):
        yield f"- read by `{facts['reading']}`"
    if "traced_to_recordings" in facts:
        yield f"- {facts['traced_to_recordings']} clips agree with their recordings"


def _table(headings: Sequence[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    body = [[_shown(cell) for cell in row] for row in rows]
    if not body:
        return []
    if len(body) > MOST_ROWS:
        body[MOST_ROWS:] = [[f"… and {len(body) - MOST_ROWS} more", *[""] * (len(headings) - 1)]]
    return ["", *markdown_table(headings, body)]


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else escape_border(str(value))


def _listed(numbers: list[int]) -> str:
    return " ".join(map(str, numbers)) or "–"
