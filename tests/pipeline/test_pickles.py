"""Pickles as data: plain containers and arrays come out as Python has them, and nothing else is read, made or run."""

import collections
import io
import math
import os
import pickle
import random
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hacm.errors import BadRecording
from hacm.recordings.pickles import PickledArray, Span, read_pickle, read_stream

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
TYPES = ("f2", "f4", "f8", "i1", "i8", "u2", ">f4", ">i2", "?")


def read(data: bytes) -> Any:
    return read_stream(io.BytesIO(data))


def plain(value: Any, file: Path, content: bytes) -> Any:
    """What was read, with arrays and bytes taken out of the file."""
    if isinstance(value, PickledArray):
        return value.read(file).tolist()
    if isinstance(value, Span):
        return content[value.start : value.start + value.length]
    if isinstance(value, list | tuple):
        return type(value)(plain(one, file, content) for one in value)
    if isinstance(value, dict):
        return {key: plain(one, file, content) for key, one in value.items()}
    return value


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=values, protocol=st.sampled_from(PROTOCOLS))
def test_plain_containers_are_what_python_reads(value: Any, protocol: int) -> None:
    content = pickle.dumps(value, protocol)
    assert plain(read(content), Path(os.devnull), content) == pickle.loads(content) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", TYPES)
def test_arrays_are_what_numpy_reads(tmp_path: Path, kind: str, protocol: int) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    file = tmp_path / "x.pkl"
    file.write_bytes(pickle.dumps({"a": array, "f": np.asfortranarray(array), "again": [array, array]}, protocol))
    found = read_pickle(file)
    for read_back in (found["a"], found["f"], *found["again"]):
        values = read_back.read(file)
        assert values.dtype == array.dtype
        assert (values == array).all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_single_numbers_of_numpy_and_ordered_dicts(protocol: int) -> None:
    content = collections.OrderedDict(label=np.float64(3.0), count=np.int64(-7), yes=np.bool_(True))
    assert read(pickle.dumps(content, protocol)) == {"label": 3.0, "count": -7, "yes": True}


def test_names_of_both_numpys() -> None:
    """NumPy 1 calls the core `numpy.core`, NumPy 2 `numpy._core`; a file of either is read under the other."""
    content = pickle.dumps(np.arange(3, dtype="f4"), 2)
    names = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    other = content.replace(*names) if names[0] in content else content.replace(*reversed(names))
    assert other != content
    assert [read(one).shape for one in (content, other)] == [(3,), (3,)]


def test_arrays_stay_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "large.pkl"
    with open(file, "wb") as stream:
        pickle.dump([np.zeros(2**20, dtype="f4") for _ in range(40)], stream, 4)
    tracemalloc.start()
    found = read_pickle(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 40
    assert peak < 2**20 < file.stat().st_size / 100


class Calls:
    """Pickles as a call of what is given."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.call = (what, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


class Fills(Calls):
    """Pickles as a call whose outcome is then given a state."""

    def __reduce__(self) -> Any:
        return *self.call, {"x": 1}


def attacks(witness: Path) -> dict[str, Any]:
    touch = f"touch {witness}"
    code = f"open({str(witness)!r}, 'w').close()"
    objects = np.array([Calls(os.system, touch), None], dtype=object)
    return {
        "a shell": Calls(os.system, touch),
        "eval": Calls(eval, code),
        "exec": Calls(exec, code),
        "a file": Calls(open, str(witness), "w"),
        "in a list": [1, {"split": Calls(os.system, touch)}],
        "objects in an array": objects,
        "a builtin of a name like an allowed one": Calls(getattr, "x", "y"),
        "a method of an allowed kind": Calls(np.ndarray.tofile, np.zeros(3), str(witness)),
        "NumPy's own door to files": Calls(np.fromfile, os.devnull),
        "memory-mapping": Calls(np.memmap, str(witness), "f4", "w+", 0, (3,)),
        "a state for a class": Fills(collections.Counter),
        "records": np.zeros(3, dtype=[("x", "f4")]),
        "text": np.array(["a", "b"]),
        "dates": np.zeros(3, dtype="M8[s]"),
        "an exception": ValueError("x"),
        "a function": os.system,
        "a path": witness,
        "complex numbers": 1j,
        "a range": range(10**9),
        "numbers as keys": {1: 2},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attack", attacks(Path("x")))
def test_nothing_else_is_read_and_nothing_is_run(tmp_path: Path, attack: str, protocol: int) -> None:
    witness = tmp_path / "witness"
    content = pickle.dumps(attacks(witness)[attack], protocol)
    with pytest.raises(BadRecording) as caught:
        read(content)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert not witness.exists()


def test_the_attack_is_named() -> None:
    with pytest.raises(BadRecording, match=r"names (posix|nt)\.system, .* nothing of it was run"):
        read(pickle.dumps(Calls(os.system, "true")))


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01bt"
RAW = {
    "a class made without a call": b"\x80\x02cos\nsystem\n)\x81.",
    "an old instance": b"(S'true'\nios\nsystem\n.",
    "an object": b"(cos\nsystem\nS'true'\no.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent name": b"Px\n.",
    "a dotted name": b"\x80\x04" + short("numpy") + short("ndarray.__reduce__") + b"\x93.",
    "a name in two pieces": b"\x80\x04" + short("numpy.core") + short("multiarray._reconstruct") + b"\x93)R.",
    "an allowed name called with nothing": b"cnumpy\nndarray\n)R.",
    "a call of what is no name": b"\x80\x02K\x01)R.",
    "an allowed name given a state": b"cnumpy\nndarray\n(K\x01tb.",
    "another kind than an array begun": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\ndtype\nK\x00\x85C\x01btR.",
    "an array of a billion claimed": RECONSTRUCT
    + b"R(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\n(\x8c\x02f4\x89\x88tR\x89C\x04abcdtb.",
    "a negative shape": RECONSTRUCT
    + b"R(K\x01J\xff\xff\xff\xff\x85cnumpy\ndtype\n(\x8c\x02f4\x89\x88tR\x89C\x04abcdtb.",
    "an array of a list": RECONSTRUCT + b"R(K\x01K\x01\x85cnumpy\ndtype\n(\x8c\x02O8\x89\x88tR\x89]K\x01atb.",
    "bytes that do not follow": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "text that does not follow": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc.",
    "a length over every limit": b"\x80\x04\x8e" + b"\xff" * 8 + b".",
    "a huge number": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
    "a negative length": b"\x80\x02\x8b" + struct.pack("<i", -1) + b"\x01.",
    "decimal digits without end": b"L" + b"9" * 100_000 + b"L\n.",
    "a memo that is not there": b"\x80\x02h\x07.",
    "a memo far away": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a negative memo": b"Np-1\n0g-1\n.",
    "a mark as a value": b"(.",
    "a mark remembered": b"(q\x00.",
    "a mark in a tuple": b"(\x85.",
    "no mark": b"K\x01t.",
    "an empty stack": b"\x80\x02.",
    "two values set in none": b"NK\x01K\x02s.",
    "a key without a value": b"}(K\x01u.",
    "appended to text": b"X\x01\x00\x00\x00xK\x01a.",
    "no end": b"\x80\x02]",
    "more after the end": b"\x80\x02].]",
    "a protocol of the future": b"\x80\x09].",
    "an unknown step": b"\xff.",
    "buffers outside": b"\x80\x05\x97.",
    "nothing": b"",
    "broken text": b"X\x02\x00\x00\x00\xff\xfe.",
}


@pytest.mark.parametrize("name", RAW)
def test_what_no_pickler_writes_is_refused(name: str) -> None:
    tracemalloc.start()
    with pytest.raises(BadRecording) as caught:
        read(RAW[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert peak < 2**21


def test_a_tuple_of_itself_sixty_times_over_takes_no_time() -> None:
    """To hash or print it would take 2⁶⁰ steps; as a key it is refused before."""
    content = b"\x80\x04)" + b"2\x86" * 60 + b"."
    began = time.perf_counter()
    found = read(content)
    with pytest.raises(BadRecording, match="a tuple where text is expected"):
        read(b"\x80\x04})" + b"2\x86" * 60 + b"K\x01s.")
    assert time.perf_counter() - began < 1
    for _ in range(60):
        assert found[0] is found[1]
        found = found[0]


def test_a_list_that_holds_itself_is_read() -> None:
    found = read(b"\x80\x02]q\x00h\x00a.")
    assert found[0] is found


def seeds() -> list[bytes]:
    content = {
        "split": {"xsub_train": ["a", "b"], "xsub_val": ["c"]},
        "annotations": [
            {"frame_dir": "a", "label": 1, "keypoint": np.ones((1, 2, 3, 3), dtype="f2"), "x": np.float64(math.pi)}
        ],
    }
    return [pickle.dumps(content, protocol) for protocol in PROTOCOLS]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes) -> None:
    read_or_refuse(data)


@settings(max_examples=600, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_change_of_a_pickle_is_read_or_refused_in_one_line(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(chance.choice(seeds()))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + chance.randint(1, 8)]
            case 2:
                data[place:place] = chance.randbytes(chance.randint(1, 8))
            case _:
                other = chance.choice(seeds())
                begin = chance.randrange(len(other))
                data[place:place] = other[begin : begin + chance.randint(1, 40)]
        if not data:
            break
    read_or_refuse(bytes(data))


def read_or_refuse(data: bytes) -> None:
    reason = "none"
    tracemalloc.start()
    try:
        read(data)
    except BadRecording as refusal:
        reason = str(refusal)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert reason.isprintable()
    assert 0 < len(reason) < 300
    assert peak < 2**21
