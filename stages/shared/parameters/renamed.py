"""Keys of params.yaml that had other names: for an old file, the error gives the new name; nothing is guessed."""

from pipeline.graph.former_names import rename_key
from pipeline.yaml_tree import flatten
from stages.shared.parameters.validation import Source


def check_names(source: Source) -> None:
    """UserError for the first key with an old name, giving the new one."""
    for key, value in flatten(source.tree, "").items():
        old = key.removeprefix(".")
        new, now = rename_key(old, value)
        if new != old:
            source.fail(old, f"is called {new} now; write {new.rsplit('.', 1)[1]}: {now}")
