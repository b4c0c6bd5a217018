"""The parts of the docs that are made of records or of code.

They stand between <!-- records: NAME --> and <!-- end of records -->, or <!-- code: NAME --> and <!-- end of code -->.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from hacm.errors import UserError
from hacm.files import replace_file
from pipeline.datasets.page_tables import joint_table, split_table, token_table
from pipeline.records.records import BenchmarkRecords, read_all
from pipeline.records.tables import RANDOM_WEIGHTS, RIDGE, Way, accuracy_table, pooled_table

PAGES = (Path("README.md"), Path("docs/results.md"), Path("docs/hacm.md"), Path("docs/data.md"))
BLOCK = re.compile(r"(<!-- (records|code): (.+?) -->\n)(?:.*?)(<!-- end of \2 -->)", re.DOTALL)
TITLES = {
    "utd-mhad-xsub": "UTD-MHAD",
    "ui-prmd-xsub": "UI-PRMD",
    "msr-action3d-xsub": "MSR Action3D",
    "kard-xsub": "KARD",
}
RECIPE = Way("PoMo", "pomo")
WAYS = (
    RIDGE,
    RANDOM_WEIGHTS,
    Way("random weights, joints kept apart as in PoMo", "pomo", untrained=True),
    Way("motion-guided masks (MAMP's), same encoder", "motion"),
    Way("random masks, same encoder", "random"),
    Way("HA-CM", "hacm"),
    Way("PoMo with random masks", "pomo-random"),
    RECIPE,
)
TABLES: Mapping[str, Callable[[Mapping[str, BenchmarkRecords]], list[str]]] = {
    "accuracy": lambda every: accuracy_table(every, TITLES, WAYS),
    "people": lambda every: pooled_table(every, TITLES, RECIPE, WAYS[:-1]),
}
CODE_TABLES: Mapping[str, Callable[[], list[str]]] = {
    "joints": joint_table,
    "splits": split_table,
    "tokens": token_table,
}


def fill_pages() -> list[Path]:
    """Write the tables into the pages anew; those pages that were not as the records say."""
    every = read_all()
    changed = []
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = fill(before, every, page)
        if after != before:
            changed.append(page)
            with replace_file(page) as path:
                path.write_text(after, encoding="utf-8")
    return changed


def fill(text: str, every: Mapping[str, BenchmarkRecords], page: Path) -> str:
    """A page with every marked part made anew; UserError for a mark that names no table."""

    def make(found: re.Match[str]) -> str:
        begin, source, name, end = found.groups()
        known = TABLES if source == "records" else CODE_TABLES
        if name not in known:
            raise UserError(f"{page}: <!-- {source}: {name} --> names no table; there are {', '.join(known)}")
        table = TABLES[name](every) if source == "records" else CODE_TABLES[name]()
        return begin + "\n".join(table) + "\n" + end

    return BLOCK.sub(make, text)
