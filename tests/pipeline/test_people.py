"""The test on people against plain enumeration, and against worlds where the truth is known."""

from itertools import product
from math import inf

import numpy as np
import pytest

from pipeline.results import people
from pipeline.results.people import Paired, holm, people_needed, pool


def make(subjects: int, clips: int, lift: float, seed: int, *, seeds: int = 2, own: float = 0.2) -> Paired:
    """Clips of people who differ in how well both ways do; ours is better by `lift`."""
    random = np.random.default_rng(seed)
    subject_N = np.repeat(np.arange(subjects), clips)
    skill_N = random.normal(0.5, own, subjects)[subject_N]
    taste_N = random.normal(0, own / 2, subjects)[subject_N]
    return Paired(
        subject_N,
        random.random((seeds, len(subject_N))) < skill_N + taste_N + lift,
        random.random((seeds, len(subject_N))) < skill_N - taste_N,
    )


def plain_p(sets: list[Paired], shift: float = 0.0) -> tuple[float, float]:
    """The difference and its p, by loops."""
    contributions = []
    for paired in sets:
        for subject in sorted(set(paired.subject_N.tolist())):
            own = paired.subject_N == subject
            difference = paired.first_SN[:, own].mean() - paired.second_SN[:, own].mean() - shift
            contributions.append(difference * own.mean() / len(sets))
    seen = abs(sum(contributions))
    sums = [
        abs(sum(s * c for s, c in zip(signs, contributions, strict=True)))
        for signs in product((1, -1), repeat=len(contributions))
    ]
    return sum(contributions) + shift, float(np.mean([each >= seen - 1e-12 for each in sums]))


def test_the_p_value_is_the_share_of_sign_flips_that_reach_as_far() -> None:
    sets = [make(4, 30, 0.1, 0), make(5, 11, 0.05, 1, seeds=3), make(3, 40, 0.0, 2)]
    found = pool(sets)
    value, p = plain_p(sets)
    assert found.value == pytest.approx(value)
    assert found.p == pytest.approx(p)
    assert found.people == 12


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    sets = [make(6, 30, 0.1, 3), make(6, 20, 0.1, 4)]
    found = pool(sets)
    assert found.low < found.value < found.high
    for edge, inward in ((found.low, 1e-4), (found.high, -1e-4)):
        assert plain_p(sets, edge + inward)[1] >= 0.05
        assert plain_p(sets, edge - inward)[1] < 0.05


def test_four_people_settle_nothing() -> None:
    found = pool([make(4, 100, 0.5, 5)])
    assert found.p == pytest.approx(1 / 8)
    assert (found.low, found.high) == (-inf, inf)


def test_without_a_difference_one_in_twenty_is_rejected() -> None:
    """Also where people differ widely, which a test on clips takes for certainty."""
    rejected = np.mean([pool([make(10, 40, 0.0, seed, own=0.3)]).p <= 0.05 for seed in range(400)])
    assert 0.02 <= rejected <= 0.085


def test_many_people_are_drawn_and_agree_with_the_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [make(12, 20, 0.05, 6)]
    exact = pool(sets)
    monkeypatch.setattr(people, "EXACT", 3)
    drawn = pool(sets)
    assert drawn.p == pytest.approx(exact.p, abs=0.005)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.003)


def test_seeds_are_no_further_evidence() -> None:
    """The same seed ten times over says what it says once."""
    one = make(8, 30, 0.1, 7, seeds=1)
    ten = Paired(one.subject_N, np.repeat(one.first_SN, 10, axis=0), np.repeat(one.second_SN, 10, axis=0))
    assert pool([ten]).p == pool([one]).p


def test_holm_by_hand() -> None:
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == {
        "a": pytest.approx(0.06),
        "b": pytest.approx(0.03),
        "c": pytest.approx(0.06),
    }
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


def test_people_needed_by_the_normal_interval() -> None:
    assert people_needed(0.03, 0.015) == 16  # (1.96 · 0.03 / 0.015)² = 15.4
    assert people_needed(inf, 0.015) is None
