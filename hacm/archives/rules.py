"""What is taken from a folder or archive that comes from elsewhere, and what is refused, whatever its kind.

A member whose name would lead out of the archive, that is no plain file, or that is far larger than a recording can be
is refused with a reason, and the others are still read. An archive that is damaged anywhere ends the reading, because
what is missing from it cannot be known.
"""

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

from hacm.archives.raw_file import leave_packed
from hacm.errors import UserError, in_one_line

# The longest recording of any supported data set is some 15 MB of text.
LIMIT_BYTES = 64 * 2**20

# Text of coordinates packs 3 to 6 times. What unpacks to far more than that is an attack or an accident; the floor
# spares small members, which can be repetitive for good reasons.
MOST_EXPANSION = 200
EXPANSION_FLOOR_BYTES = 2**20

DAMAGE: tuple[type[Exception], ...] = (  # type: ignore[assignment]
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    isal_zlib.error,  # type: ignore[misc]
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class DamagedFile(UserError):
    """A raw file that is not what it should be, and that another copy would mend. reason: the message's middle."""

    def __init__(self, path: Path, reason: str, remedy: str = "download or copy it again") -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path, self.reason, self.remedy = path, reason, remedy

    def __reduce__(self) -> tuple[type["DamagedFile"], tuple[Path, str, str]]:
        """An error is copied from its message, which is not what this one is made of."""
        return type(self), (self.path, self.reason, self.remedy)


@dataclass(frozen=True)
class Refused:
    """A file that is not read: its path inside, and why. last: what follows it in the archive was not read either."""

    path: str
    reason: str
    last: bool = False


@dataclass(frozen=True)
class Entry:
    """A file before it is read. `read` is called at most once and before the next entry is asked for.

    unpack: turns what was read into the file's content, at any time and on any thread. last: as in Refused.
    """

    name: str
    refusal: str | None
    read: Callable[[], bytes]
    unpack: Callable[[bytes], bytes] = leave_packed
    last: bool = False


EXPANDS_TOO_MUCH = f"archive unpacks to more than {MOST_EXPANSION} times its size; rest not read"
"""Why the reading of an archive ends that would unpack to far more than recordings do."""


def as_user_error(path: Path, error: BaseException) -> UserError:
    """What went wrong with a file, for the person who put it there."""
    reason = in_one_line(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or path
        remedy = "check the disk" if error.errno == errno.EIO else "check the path and its permissions"
        return UserError(f"{where}: cannot be read ({error.strerror}); {remedy}")
    if isinstance(error, NotImplementedError):
        return UserError(f"{path}: packed in a way that cannot be read here ({reason}); unpack it and give the folder")
    return DamagedFile(path, f"damaged or cut short ({reason})")


def is_junk(name: str) -> bool:
    """Whether a file is what macOS leaves behind."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def tidy(name: str) -> str:
    """The name with forward slashes and without `./`; what leads upwards or starts at the root stays visible."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def refusal_of(name: str, *, plain: bool, size: int, limit_bytes: int) -> str | None:
    """Why a file of that (tidied) name, kind and size is not read; None if it is."""
    if name.startswith("/") or name[1:2] == ":":
        return "absolute path"
    if ".." in name.split("/"):
        return "path leads out of the archive"
    if not plain:
        return "link or device, not a plain file"
    if size > limit_bytes:
        return f"{size} bytes, over the limit of {limit_bytes}"
    return None
