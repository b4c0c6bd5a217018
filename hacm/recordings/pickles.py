"""Reader of pickles that holds them to be data: nothing that one names is imported, made or called.

Of the pickle format (Python's Lib/pickletools.py) this takes what plain values, plain containers and NumPy's arrays of
numbers are written with, and refuses the rest by name. What stands for a call in a pickle is looked up in a table of
the few that NumPy's arrays need, and worked out here. The contents of arrays stay in the file until they are asked for,
so that memory grows with the number of values beside them, and never with a length that is only claimed.
"""

import io
import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, in_one_line
from hacm.recordings.impostors import LONGEST_BEGINNING, refuse_impostor

MOST_STEPS = 20_000_000
"""The annotations of NTU-120 take some 4 million; the lightest step leaves some 60 bytes in memory."""

LONGEST_TEXT = 2**26
LONGEST_LINE = 2**16
NEWEST_PROTOCOL = 5
MOST_AXES = 32
MARK = object()

DAMAGE = (ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError)

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES = {"SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8}
_NUMBER_TYPE = re.compile(r"([<>=|]?)([fiub])([1248])")


@dataclass(frozen=True)
class Span:
    """Bytes that were left in the file: where they begin, and how many they are."""

    start: int
    length: int


@dataclass(frozen=True)
class Name:
    """What a pickle names, as `numpy.ndarray`. It is never looked up."""

    text: str


@dataclass
class PickledType:
    """A NumPy type of numbers, as `<f4`."""

    kind: str
    order: str = "<"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The same as NumPy has it, with its byte order."""
        return np.dtype(self.order + self.kind)


@dataclass
class PickledArray:
    """An array whose values are in the file. It is empty until the pickle has said what it is."""

    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype("f4"))
    shape: tuple[int, ...] = (0,)
    fortran: bool = False
    content: Span | bytes = b""

    def read(self, file: Path) -> NDArray[Any]:
        """Its values. file: what it was found in."""
        content = self.content
        if isinstance(content, Span):
            with open(file, "rb") as stream:
                stream.seek(content.start)
                content = stream.read(content.length)
        return np.frombuffer(content, dtype=self.dtype).reshape(self.shape, order="F" if self.fortran else "C")


def read_pickle(file: Path) -> Any:
    """What a pickle holds; BadRecording if it is damaged, or holds anything that is not listed here.

    None, numbers, text, bytes (a Span of where they are in the file), lists (sets too), tuples, dicts with keys of
    text, and PickledArray.
    """
    with open(file, "rb") as stream:
        return read_stream(stream)


def read_stream(stream: io.BufferedIOBase) -> Any:
    """The same, of an open file."""
    refuse_impostor(stream.read(LONGEST_BEGINNING))
    stream.seek(0)
    try:
        return _Machine(_Source(stream)).run()
    except DAMAGE as error:
        raise BadRecording(f"not a pickle, or damaged ({in_one_line(error)})") from error


class _Source:
    """The bytes of a file; a length that it does not have is refused before memory is set aside for it."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)

    def read(self, count: int) -> bytes:
        if count > LONGEST_TEXT:
            raise ValueError(f"text of {count} bytes")
        data = self._stream.read(count)
        if len(data) != count:
            raise EOFError("it ends early")
        return data

    def readline(self) -> bytes:
        return self._stream.readline(LONGEST_LINE)

    def skip(self, count: int) -> Span:
        start = self._stream.tell()
        if count > self.size - start:
            raise EOFError(f"{count} bytes are announced and {self.size - start} follow")
        self._stream.seek(count, io.SEEK_CUR)
        return Span(start, count)

    def fetch(self, content: Any) -> bytes:
        """Bytes, from the file if they were left there."""
        if isinstance(content, Span):
            place = self._stream.tell()
            self._stream.seek(content.start)
            data = self.read(content.length)
            self._stream.seek(place)
            return data
        return _bytes_of(content)

    @property
    def left(self) -> int:
        return self.size - self._stream.tell()


class _Machine:
    """The stack and the memo that a pickle is written for."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            opcode = _OPCODES.get(self.source.read(1))
            if opcode is None:
                raise ValueError("a byte that is no step of a pickle")
            if opcode.name == "STOP":
                if self.source.left:
                    raise ValueError(f"{self.source.left} bytes follow its end")
                return self._one(self.stack.pop())
            if opcode.name in _LENGTH_BYTES:
                length = int.from_bytes(self.source.read(_LENGTH_BYTES[opcode.name]), "little")
                self.stack.append(self.source.skip(length))
            else:
                argument = None if opcode.arg is None else opcode.arg.reader(self.source)  # type: ignore[arg-type]
                self._step(opcode.name, argument)
        raise BadRecording(f"takes more than {MOST_STEPS} steps to read")

    def _step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(argument if _CONSTANTS[name] is None else _CONSTANTS[name]())  # type: ignore[misc]
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise BadRecording(f"holds more than plain containers and arrays of numbers ({name}), and is not read")

    def _one(self, value: Any) -> Any:
        if value is MARK:
            raise IndexError("a mark where a value is needed")
        return value

    def pop(self) -> Any:
        """The value on top."""
        return self._one(self.stack.pop())

    def pop_to_mark(self) -> list[Any]:
        """The values above the topmost mark, which goes too."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise IndexError("no mark")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def top(self, kind: type) -> Any:
        """The value on top, which stays there and must be of that kind."""
        value = self.stack[-1]
        if type(value) is not kind:
            raise TypeError(f"a step for a {kind.__name__} where there is none")
        return value

    def proto(self, version: int) -> None:
        if version > NEWEST_PROTOCOL:
            raise BadRecording(f"is a pickle of protocol {version}, newer than is known here")

    def mark(self, _: None) -> None:
        self.stack.append(MARK)

    def take_tuple(self, _: None) -> None:
        self.stack.append(tuple(self.pop_to_mark()))

    def take_list(self, _: None) -> None:
        self.stack.append(self.pop_to_mark())

    def take_dict(self, _: None) -> None:
        found: dict[str, Any] = {}
        _put_items(found, self.pop_to_mark())
        self.stack.append(found)

    def last(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def append(self, _: None) -> None:
        value = self.pop()
        self.top(list).append(value)

    def extend(self, _: None) -> None:
        values = self.pop_to_mark()
        self.top(list).extend(values)

    def set_item(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        _put_items(self.top(dict), [key, value])

    def set_items(self, _: None) -> None:
        values = self.pop_to_mark()
        _put_items(self.top(dict), values)

    def drop(self, _: None) -> None:
        self.stack.pop()

    def drop_to_mark(self, _: None) -> None:
        self.pop_to_mark()

    def duplicate(self, _: None) -> None:
        self.stack.append(self._one(self.stack[-1]))

    def memoize(self, _: None) -> None:
        self.memo[len(self.memo)] = self._one(self.stack[-1])

    def put(self, place: int) -> None:
        # Small places alone: a dict of numbers that were chosen to collide takes for ever.
        if not 0 <= place < MOST_STEPS:
            raise ValueError("a place that no pickle needs")
        self.memo[place] = self._one(self.stack[-1])

    def get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def global_name(self, argument: str) -> None:
        self.stack.append(_check_name(argument.replace(" ", ".", 1)))

    def stack_global(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        self.stack.append(_check_name(f"{_text_of(module)}.{_text_of(name)}"))

    def call(self, _: None) -> None:
        arguments, name = self.pop(), self.pop()
        if type(name) is not Name or type(arguments) is not tuple or name.text not in _CALLS:
            raise BadRecording("calls what is not one of NumPy's arrays, and is not read")
        self.stack.append(_CALLS[name.text](self.source, *arguments))

    def build(self, _: None) -> None:
        state, made = self.pop(), self.stack[-1]
        if type(state) is not tuple or type(made) not in (PickledArray, PickledType):
            raise BadRecording("fills what is not one of NumPy's arrays, and is not read")
        if isinstance(made, PickledType):
            _fill_type(made, state)
        else:
            _, shape, kind, fortran, content = state
            _fill_array(made, shape, kind, content, bool(fortran))


def _put_items(into: dict[str, Any], values: list[Any]) -> None:
    """Keys of text alone: others can be made so that to hash or compare them takes for ever."""
    if len(values) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        into[_text_of(key)] = value


def _text_of(value: Any) -> str:
    if type(value) is not str:
        raise BadRecording(f"has a {type(value).__name__} where text is expected, and is not read")
    return value


def _bytes_of(value: Any) -> bytes:
    """Python 2 wrote bytes as text of the same numbers."""
    return value if isinstance(value, bytes) else _text_of(value).encode("latin-1")


def _check_name(text: str) -> Name:
    if text not in _CALLS and text not in _TYPES:
        raise BadRecording(
            f"names {in_one_line(ValueError(text))}, which is neither a plain container nor an array of numbers; "
            "nothing of it was run, and it is not read"
        )
    return Name(text)


def _make_type(_: _Source, kind: Any, *flags: Any) -> PickledType:
    match = _NUMBER_TYPE.fullmatch(_text_of(kind))
    if match is None or len(flags) > 2:
        raise BadRecording(f"holds an array of {in_one_line(ValueError(kind))}, not of numbers")
    order, letter, size = match.groups()
    if (letter == "f" and size == "1") or (letter == "b" and size != "1"):
        raise BadRecording(f"holds an array of {letter}{size}, which is no type of numbers")
    return PickledType(letter + size, order.replace("|", "=") or "=")


def _fill_type(made: PickledType, state: tuple[Any, ...]) -> None:
    """What NumPy says of a type beside its name: the order of bytes, and fields, which a number has none of."""
    _, order, *parts = state
    if order not in ("<", ">", "=", "|") or any(part is not None for part in parts[:3]):
        raise BadRecording("holds an array of records, not of numbers")
    made.order = order.replace("|", "=")


def _fill_array(made: PickledArray, shape: Any, kind: Any, content: Any, fortran: bool) -> None:
    if type(kind) is not PickledType or type(shape) is not tuple or len(shape) > MOST_AXES:
        raise BadRecording("holds an array that does not say its shape and type")
    if any(type(axis) is not int or axis < 0 for axis in shape):
        raise BadRecording("holds an array of an impossible shape")
    if type(content) is not Span:
        content = _bytes_of(content)
    length = content.length if isinstance(content, Span) else len(content)
    dtype = kind.dtype
    if math.prod(shape) * dtype.itemsize != length:
        raise BadRecording(f"holds an array of {len(shape)} axes whose shape does not fit its {length} bytes")
    made.dtype, made.shape, made.fortran, made.content = dtype, shape, fortran, content


def _begin_array(_: _Source, kind: Any, *__: Any) -> PickledArray:
    if type(kind) is not Name or kind.text != "numpy.ndarray":
        raise BadRecording("holds another kind of array than NumPy's own")
    return PickledArray()


def _make_array(source: _Source, shape: Any, kind: Any, content: Any) -> PickledArray:
    made = PickledArray()
    _fill_array(made, shape, kind if type(kind) is PickledType else _make_type(source, kind), content, fortran=False)
    return made


def _make_array_of_buffer(source: _Source, content: Any, kind: Any, shape: Any, order: Any) -> PickledArray:
    made = PickledArray()
    _fill_array(made, shape, kind, content, fortran=order == "F")
    return made


def _make_number(source: _Source, kind: Any, content: Any) -> int | float | bool:
    made = PickledArray()
    _fill_array(made, (), kind, content, fortran=False)
    number: int | float | bool = np.frombuffer(source.fetch(content), dtype=made.dtype)[0].item()
    return number


def _encode(_: _Source, text: Any, encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise BadRecording("encodes text in a way that no array needs")
    return _text_of(text).encode("latin-1")


def _make_bytes(_: _Source, content: Any = b"", encoding: Any = "latin-1") -> Any:
    if encoding not in ("latin1", "latin-1"):
        raise BadRecording("encodes text in a way that no array needs")
    return content if type(content) is Span else _bytes_of(content)


def _make_list(_: _Source, values: Any = ()) -> list[Any]:
    if type(values) not in (list, tuple):
        raise BadRecording("makes a list of something else than values")
    return list(values)


def _make_dict(_: _Source) -> dict[str, Any]:
    return {}


_TYPES = frozenset({"numpy.ndarray"})
_CALLS: dict[str, Callable[..., Any]] = {
    "numpy.ndarray": _make_array,
    "numpy.dtype": _make_type,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _make_dict,
    **{f"{core}.multiarray._reconstruct": _begin_array for core in ("numpy.core", "numpy._core")},
    **{f"{core}.multiarray.scalar": _make_number for core in ("numpy.core", "numpy._core")},
    **{f"{core}.numeric._frombuffer": _make_array_of_buffer for core in ("numpy.core", "numpy._core")},
    **{f"{module}.{kind}": _make_bytes for module in ("builtins", "__builtin__") for kind in ("bytearray", "bytes")},
    **{f"{module}.{kind}": _make_list for module in ("builtins", "__builtin__") for kind in ("list", "set")},
    **{f"{module}.dict": _make_dict for module in ("builtins", "__builtin__")},
}
"""What stands for a call in pickles of plain containers and arrays: each worked out here, none looked up."""

_CONSTANTS: dict[str, Callable[[], Any] | None] = {
    **dict.fromkeys(
        (
            "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
            "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "NONE",
        )
    ),
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}  # fmt: skip
"""Steps that put a value on the stack: their argument, or what is made anew."""

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.proto,
    "FRAME": lambda machine, _: None,
    "MARK": _Machine.mark,
    "TUPLE": _Machine.take_tuple,
    "FROZENSET": _Machine.take_tuple,
    "LIST": _Machine.take_list,
    "DICT": _Machine.take_dict,
    "TUPLE1": lambda machine, _: machine.last(1),
    "TUPLE2": lambda machine, _: machine.last(2),
    "TUPLE3": lambda machine, _: machine.last(3),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "ADDITEMS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_to_mark,
    "DUP": _Machine.duplicate,
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "GLOBAL": _Machine.global_name,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}
