"""The members of a .7z archive, one at a time and in the archive's order, without unpacking it to disk.

A .7z packs many members into one block, so that a member can only be had by unpacking all before it. py7zr does that in
one go and hands each member to a writer; here it works in a thread of its own that waits until the member is taken. In
memory are a few members, the dictionary that the archive was packed with, and what was read ahead of the packed bytes.
"""

import io
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import py7zr  # type: ignore[import-untyped]
from py7zr.io import Py7zIO, WriterFactory  # type: ignore[import-untyped]

# Where py7zr would write to, if it wrote files. It checks that a member would lie below it, following links in between,
# so that any folder but this one might make it refuse names that are all right.
NOWHERE = Path("/")

SECONDS_BETWEEN_LOOKS = 0.1

# py7zr reads a megabyte ahead for each member, and what a small member does not use piles up in memory.
SIP_BYTES = 1 << 14


@dataclass(frozen=True)
class SevenZipMember:
    """What the archive's directory says of a member. plain: a file, not a link or device."""

    name: str
    size: int
    plain: bool


class SevenZip:
    """An open archive. ValueError where it is damaged, NotImplementedError where it is packed in a way unknown here."""

    def __init__(self, path: Path) -> None:
        self._stream = _Stream(path)
        try:
            self._open()
        except BaseException:
            self._stream.close()
            raise

    def _open(self) -> None:
        with _as_plain_errors():
            # As a stream and not by its name: by name, py7zr unpacks several blocks at once, in any order.
            self._archive = py7zr.SevenZipFile(self._stream)
            self._stream.sip = True
            self.encrypted = bool(self._archive.needs_password())
            self.members = [
                SevenZipMember(str(info.filename), int(info.uncompressed), bool(info.is_file))
                for info in self._archive.list()
                if not info.is_directory
            ]

    def __enter__(self) -> "SevenZip":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def read(self, names: frozenset[str]) -> Generator[tuple[SevenZipMember, bytes], None, None]:
        """The members of those names that are not empty, in the archive's order, with their content.

        Whoever stops before the end must close it, and do so before the archive.
        """
        handover = _Handover()
        thread = threading.Thread(target=self._unpack, args=(names, handover), daemon=True)
        thread.start()
        try:
            for member in self.members:
                if member.size and member.name in names:
                    data = handover.take()
                    if data is None or len(data) != member.size:
                        with _as_plain_errors():
                            handover.raise_failure()
                        raise ValueError(f"{member.name[:100]} is not what was announced")
                    yield member, data
        finally:
            handover.abandon()
            thread.join()

    def _unpack(self, names: frozenset[str], handover: "_Handover") -> None:
        try:
            self._archive.reset()
            self._archive.extract(NOWHERE, targets=sorted(names), factory=handover)
        except BaseException as error:
            handover.failure = error
        handover.finish()


class _Stream(io.FileIO):
    """The archive's bytes; once `sip` is set, a reader gets no more than SIP_BYTES at a time."""

    sip = False

    def read(self, size: int | None = -1) -> bytes:
        asked = -1 if size is None else size
        return super().read(min(asked, SIP_BYTES) if self.sip and asked >= 0 else asked)


class _Abandoned(Exception):
    """Nobody takes the members any more."""


class _Handover(WriterFactory):  # type: ignore[misc]
    """Takes members' contents from the unpacking thread and gives them to the reading one."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._items: queue.Queue[bytes | None] = queue.Queue(maxsize=1)
        self._abandoned = threading.Event()

    def create(self, filename: str) -> "_Writer":
        """Called by py7zr for each member in turn; it alters some names, so that only the order tells which."""
        return _Writer(self)

    def check(self) -> None:
        """Ends the unpacking if nobody waits for it."""
        if self._abandoned.is_set():
            raise _Abandoned

    def put(self, item: bytes | None) -> None:
        while True:
            self.check()
            try:
                self._items.put(item, timeout=SECONDS_BETWEEN_LOOKS)
                return
            except queue.Full:
                continue

    def take(self) -> bytes | None:
        return self._items.get()

    def finish(self) -> None:
        try:
            self.put(None)
        except _Abandoned:
            return

    def abandon(self) -> None:
        self._abandoned.set()

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure


class _Writer(Py7zIO):  # type: ignore[misc]
    """What py7zr writes a member to."""

    def __init__(self, handover: _Handover) -> None:
        self.handover = handover
        self._pieces: list[bytes] = []

    def write(self, data: bytes | bytearray) -> int:
        self.handover.check()
        self._pieces.append(bytes(data))
        return len(data)

    def close(self) -> None:
        """Called when the member is complete and its checksum right."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        if data:
            self.handover.put(data)

    def read(self, size: int | None = None) -> bytes:
        raise NotImplementedError

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return sum(map(len, self._pieces))


@contextmanager
def _as_plain_errors() -> Iterator[None]:
    """py7zr raises errors of many kinds on damaged archives, its own and those of whatever went wrong inside."""
    try:
        yield
    except py7zr.exceptions.PasswordRequired as error:
        raise NotImplementedError("encrypted") from error
    except py7zr.exceptions.UnsupportedCompressionMethodError as error:
        raise NotImplementedError("a method of packing that is not known here") from error
    except (MemoryError, _Abandoned):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(_first_words(error)) from error
    except Exception as error:
        raise ValueError(_first_words(error)) from error


def _first_words(error: Exception) -> str:
    words: Sequence[str] = [str(word) for word in error.args if isinstance(word, str)]
    return " ".join(words)[:100] or type(error).__name__
