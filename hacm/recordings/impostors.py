"""Files that are named like recordings and are something else: failed downloads and sparse checkouts leave such."""

from hacm.errors import BadRecording

BEGINNINGS = (
    (b"version https://git-lfs.github.com/spec/", "a git-LFS pointer, not the file itself; run git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer, not the file itself; run git annex get"),
    (b"<!doctype html", "an HTML page, not the file itself; download it again"),
    (b"<html", "an HTML page, not the file itself; download it again"),
    (b"<?xml", "an XML page, maybe a server's error; download it again"),
)
LONGEST_BEGINNING = 64


def refuse_impostor(data: bytes) -> None:
    """BadRecording that says what the file is, if it is a page, a pointer, or NUL bytes alone."""
    beginning = data[:LONGEST_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, words in BEGINNINGS:
        if beginning.startswith(start):
            raise BadRecording(f"this is {words}")
    if data[:1] == b"\0" and not data.strip(b"\0"):
        raise BadRecording(f"this is {len(data)} NUL bytes, as an interrupted download leaves them; download it again")
