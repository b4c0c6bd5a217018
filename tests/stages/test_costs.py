"""What a stage says it cost."""

import subprocess
import sys
import time

from stages.shared import costs
from stages.shared.costs import Meter, add_up, read_counters, used_between


def write_zone(folder, zone, name, microjoules):
    (folder / zone).mkdir(parents=True)
    for file, content in {"name": name, "energy_uj": microjoules, "max_energy_range_uj": 100_000_000}.items():
        (folder / zone / file).write_text(f"{content}\n")


def test_energy_is_that_of_the_packages_alone(tmp_path):
    write_zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    write_zone(tmp_path, "intel-rapl:0:0", "core", 4_000_000)
    write_zone(tmp_path, "intel-rapl:1", "psys", 9_000_000)
    before = read_counters(tmp_path)
    assert before == {"intel-rapl:0": (5.0, 100.0)}
    (tmp_path / "intel-rapl:0/energy_uj").write_text("12500000")
    assert used_between(before, read_counters(tmp_path)) == 7.5
    (tmp_path / "intel-rapl:0/energy_uj").write_text("1000000")  # it started again at zero
    assert used_between(before, read_counters(tmp_path)) == 96.0


def test_without_counters_there_is_no_energy(tmp_path):
    assert read_counters(tmp_path / "absent") == {}
    assert used_between({}, {}) is None
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0/name").write_text("package-0")  # and nobody may read the counter
    assert read_counters(tmp_path) == {}


def test_memory_is_the_most_that_was_held():
    code = """
import numpy as np
from stages.shared.costs import Meter, peak_memory
before, meter = peak_memory(), Meter("cpu")
held = np.ones(25_000_000)
del held
found = meter.read()
print(found["memory_mb"] - before, found["seconds"], sorted(found.keys() - {"energy_joules"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    more, seconds, keys = done.stdout.split(" ", 2)
    assert 180 < int(more) < 240  # 25 million numbers of 8 bytes
    assert float(seconds) < 60
    assert keys.strip() == "['memory_mb', 'seconds']"


def test_what_was_killed_and_gone_on_with_costs_all_of_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "SECONDS_BETWEEN_KEEPING", 0)
    kept = tmp_path / "state/costs.json"
    for part in (1, 2, 3):
        meter = Meter("cpu", kept, "this run")
        time.sleep(0.5)
        assert 0.5 * part <= meter.read()["seconds"] < 0.5 * part + 0.4
        meter.keep()
    assert Meter("cpu", kept, "another run").read()["seconds"] < 0.4
    kept.write_text(kept.read_text()[:-9])
    assert Meter("cpu", kept, "this run").read()["seconds"] < 0.4


def test_of_two_parts_the_most_memory_and_all_seconds():
    first, second = {"seconds": 2.5, "memory_mb": 900, "energy_joules": 7.0}, {"seconds": 1.0, "memory_mb": 800}
    assert add_up({}, first) == first
    assert add_up(first, second) == {"seconds": 3.5, "memory_mb": 900}
    assert add_up(second, first) == {"seconds": 3.5, "memory_mb": 900}  # nobody counted the energy of one
    assert add_up(first, first) == {"seconds": 5.0, "memory_mb": 900, "energy_joules": 14.0}
