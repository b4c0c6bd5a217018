"""A pretraining that was begun in one precision is not continued in another."""

from dataclasses import replace

import pytest

from hacm.settings import TrainSettings
from stages import pretrain
from stages.shared.places import Run


def test_a_state_belongs_to_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain.box, "resume_fingerprint", lambda kind, names: "the same code and parameters")
    settings = TrainSettings()
    found = {
        pretrain.state_fingerprint(
            Run("b", "hacm", 0),
            replace(settings, pretrain=replace(settings.pretrain, precision=precision, compile=compiled)),
            "version", ["clip"], "cpu",
        )
        for precision in ("float32", "bfloat16")
        for compiled in (False, True)
    }  # fmt: skip
    assert len(found) == 4
