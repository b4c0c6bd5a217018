"""Count what a data set's version holds: splits, classes, subjects, what was excluded and why."""

from rich.table import Table

from pipeline.audit import audit, to_markdown
from pipeline.datasets import find_dataset
from pipeline.files import replace_directory, write_json
from pipeline.store import SkeletonStore
from stages import arguments, places
from stages.console import console, run, say

PARAMS: tuple[str, ...] = ()


def main() -> None:
    options = arguments.parser(__doc__, "dataset").parse_args()
    dataset = find_dataset(options.dataset)
    facts = audit(SkeletonStore.open(places.clips(dataset.name)), dataset)
    with replace_directory(places.dataset_results(dataset.name) / "audit") as folder:
        write_json(folder / "audit.json", facts)
        (folder / "audit.md").write_text(to_markdown(facts), encoding="utf-8")
    table = Table(title=f"{dataset.title}, version {facts['version']}")
    for heading in ("split", "train", "test", "training subjects", "test subjects"):
        table.add_column(heading)
    for rule, counts in facts["benchmarks"].items():
        subjects = (" ".join(map(str, counts[f"{part}_subjects"])) for part in ("train", "test"))
        table.add_row(rule, str(counts["train"]), str(counts["test"]), *subjects)
    console.print(table)
    say(f"{facts['clips']} clips, {facts['excluded']} excluded")
    for fault in facts["findings"]:
        say(f"{fault['severity']}: {fault['text']}")


if __name__ == "__main__":
    run(main)
