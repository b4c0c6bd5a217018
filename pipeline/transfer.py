"""Bring one file here, from a mirror folder or over HTTP: resumable, retried, and never trusted without its length."""

import http.client
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import explain_disk_errors

BLOCK = 1 << 18
ATTEMPTS = 5
TIMEOUT_SECONDS = 30.0

Progress = Callable[[int, int | None], None]
"""Called with the bytes here so far and the total, where the server said it."""

TRANSIENT = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


class _Retry(Exception):
    """The transfer broke off; what is here can be built on."""


def fetch(address: str, target: Path, *, progress: Progress | None = None, pause_seconds: float = 1.0) -> None:
    """Bring `address` (a local path, file:// or http(s)://) to `target`, whole or not at all.

    A broken transfer is taken up where it stopped, five times at the most with growing pauses; what arrived stays in
    TARGET.part, so that a later call goes on from there. UserError names the address and the last reason.
    """
    scheme = urllib.parse.urlsplit(address).scheme
    part = target.with_name(target.name + ".part")
    with explain_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if scheme in ("http", "https"):
            _fetch_over_http(address, part, progress, pause_seconds)
        elif scheme == "file":
            shutil.copyfile(urllib.request.url2pathname(urllib.parse.urlsplit(address).path), part)
        else:
            shutil.copyfile(address, part)
        part.replace(target)


def _fetch_over_http(address: str, part: Path, progress: Progress | None, pause_seconds: float) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_seconds * 2 ** (attempt - 1))
        try:
            _continue(address, part, progress)
            return
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code == 416:  # what is here is not a beginning of what is there
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 429):
                break
        except (*TRANSIENT, _Retry) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    raise UserError(
        f"{address}: cannot be downloaded ({reason}); try later, or set HACM_MIRROR to a copy's folder or address"
    )


def _continue(address: str, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "hacm-pipeline"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        if have and response.status != 206:  # the server starts over, so do we
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        with open(part, "ab" if have else "wb") as stream:
            while block := response.read(BLOCK):
                stream.write(block)
                have += len(block)
                if progress:
                    progress(have, total)
    if total is not None and have != total:
        raise _Retry(f"{have} of {total} bytes came")
