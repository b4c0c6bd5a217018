"""Fetches one file from a mirror folder or over HTTP: resumes, retries, and checks the length."""

import http.client
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from hacm.errors import UserError
from hacm.files import explain_disk_errors

BLOCK = 1 << 18
ATTEMPTS = 5
TIMEOUT_SECONDS = 30.0

Progress = Callable[[int, int | None], None]
"""Called with the bytes here so far and the total, where the server said it."""

TRANSIENT = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
HOPELESS = (http.client.InvalidURL, ValueError)

_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)")


class _Retry(Exception):
    """The transfer broke off; what is here can be built on."""


def fetch(
    address: str,
    target: Path,
    *,
    progress: Progress | None = None,
    pause_seconds: float = 1.0,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Bring `address` (a local path, file:// or http(s)://) to `target`, whole or not at all.

    A transfer that breaks, or that brings nothing for timeout_seconds, is resumed where it stopped, at most five times
    with growing pauses. What arrived stays in TARGET.part, so that a later call resumes there. The transfer starts
    again if the server says that the rest belongs to another file. UserError names the address and the last reason.
    """
    scheme, separator, _ = address.partition("://")
    part = target.with_name(target.name + ".part")
    with explain_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if scheme in ("http", "https") and separator:
            _Download(address, part, progress, timeout_seconds).run(pause_seconds)
        elif scheme == "file" and separator:
            _copy(urllib.request.url2pathname(urllib.parse.urlsplit(address).path), part)
        else:
            _copy(address, part)
        part.replace(target)


def _copy(source: str, part: Path) -> None:
    try:
        shutil.copyfile(source, part)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UserError(f"{source}: cannot be copied ({error.strerror}); correct the path") from error


class _Download:
    """The attempts to bring one file over HTTP."""

    def __init__(self, address: str, part: Path, progress: Progress | None, timeout_seconds: float) -> None:
        self.address, self.part, self.progress, self.timeout_seconds = address, part, progress, timeout_seconds
        self.total: int | None = None  # as the first answer said; all others must agree

    def run(self, pause_seconds: float) -> None:
        """Try until the file is whole; UserError when that is in vain."""
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(pause_seconds * 2 ** (attempt - 1))
            try:
                self._continue()
                return
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code} {error.reason}"
                if error.code == 416:
                    if self._is_whole(error.headers.get("Content-Range", "")):
                        return
                    self._begin_anew()
                elif error.code < 500 and error.code not in (408, 429):
                    break
            except HOPELESS as error:
                reason = str(error)
                break
            except (*TRANSIENT, _Retry) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise UserError(
            f"{self.address}: cannot be downloaded ({reason}); try later, or set HACM_MIRROR to a copy's folder or "
            "address"
        )

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _begin_anew(self) -> None:
        """What is here is not a beginning of what is there."""
        self.part.unlink(missing_ok=True)
        self.total = None

    def _is_whole(self, content_range: str) -> bool:
        """Whether the server, asked for more, says that it has no more than what is here."""
        match = _CONTENT_RANGE.fullmatch(content_range)
        return match is not None and match[1] is None and match[2] == str(self._have())

    def _continue(self) -> None:
        have = self._have()
        request = urllib.request.Request(self.address, headers={"User-Agent": "hacm-pipeline"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        with urllib.request.urlopen(request, timeout=self.timeout_seconds) as response:
            if response.status != 206:  # the server starts over, so do we
                have = 0
            total = self._read_total(response, have)
            with open(self.part, "ab" if have else "wb") as stream:
                while block := _read(response):
                    stream.write(block)
                    have += len(block)
                    if self.progress:
                        self.progress(have, total)
        if total is not None and have != total:
            raise _Retry(f"{have} of {total} bytes came")

    def _read_total(self, response: http.client.HTTPResponse, have: int) -> int | None:
        """How long the file is; _Retry, after throwing away what is here, if the answer does not continue it."""
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isascii() and length.isdecimal() else None
        if response.status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match is None or match[1] != str(have):
                self._begin_anew()
                raise _Retry("the server sent another part than it was asked for")
            total = int(match[2]) if match[2] != "*" else total
        if self.total is not None and total is not None and total != self.total:
            stated = self.total
            self._begin_anew()
            raise _Retry(f"the file had {stated} bytes and now has {total}")
        self.total = total if total is not None else self.total
        return total


def _read(response: http.client.HTTPResponse) -> bytes:
    """What has come by now, at least a byte, at most BLOCK; empty at the end."""
    try:
        return response.read1(BLOCK)
    except OSError as error:  # not to be mistaken for trouble with the disk
        raise _Retry(str(error) or type(error).__name__) from error
