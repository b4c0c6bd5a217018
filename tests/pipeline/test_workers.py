"""Work in order, few items ahead."""

import threading
import time

import pytest

from pipeline.ingest.workers import AHEAD, map_ahead


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_whoever_is_first(workers):
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(map_ahead(work, range(40), workers)) == [number * number for number in range(40)]


def test_few_items_are_taken_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    for result in map_ahead(lambda number: number, items(), 2):
        assert len(taken) <= result + 2 + AHEAD * 2


def test_two_workers_work_at_the_same_time():
    both = threading.Barrier(2, timeout=60)
    assert list(map_ahead(lambda _: both.wait() >= 0, range(2), 2)) == [True, True]


def test_an_error_comes_where_its_result_would_have_come():
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    found = []
    with pytest.raises(ValueError, match="three"):
        found.extend(map_ahead(work, [0, 1, 2], 2))
        for result in map_ahead(work, range(10), 2):
            found.append(result)  # noqa: PERF402
    assert found == [0, 1, 2, 0, 1, 2]


def test_an_unfinished_reading_leaves_no_thread():
    before = threading.active_count()
    results = map_ahead(lambda number: number, range(1000), 4)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before
