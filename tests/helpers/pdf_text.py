"""The text of a PDF that Chromium printed, in the order in which it was drawn. Reads what its library (Skia) writes."""

import re
import unicodedata
import zlib


def read_pdf(data: bytes) -> str:
    """All text; glyphs without a meaning are left out."""
    objects = {int(number): body for number, body in re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", data, re.DOTALL)}
    fonts = {
        number: _meanings(_stream(objects[int(found[1])]))
        for number, body in objects.items()
        if (found := re.search(rb"/ToUnicode (\d+) 0 R", body))
    }
    return "".join(_drawn(_stream(body), fonts) for body in objects.values() if b" Tf" in _stream(body))


def _stream(body: bytes) -> bytes:
    found = re.search(rb"stream\r?\n(.*?)\r?\nendstream", body, re.DOTALL)
    if not found:
        return b""
    try:
        return zlib.decompress(found[1])
    except zlib.error:
        return found[1]


def _meanings(table: bytes) -> dict[int, str]:
    """Characters by glyph number, of a ToUnicode table."""
    known: dict[int, str] = {}
    for part in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for glyph, text in re.findall(rb"<([0-9A-F]+)>\s*<([0-9A-F]+)>", part):
            known[int(glyph, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for part in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(rb"<([0-9A-F]+)>\s*<([0-9A-F]+)>\s*<([0-9A-F]+)>", part):
            for glyph in range(int(first, 16), int(last, 16) + 1):
                known[glyph] = chr(int(text, 16) + glyph - int(first, 16))
    return known


def _drawn(content: bytes, fonts: dict[int, dict[int, str]]) -> str:
    font: dict[int, str] = {}
    letters = []
    for name, text in re.findall(rb"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)>", content):
        if name:
            font = fonts.get(int(name), {})
        else:
            glyphs = (int(text[at : at + 4], 16) for at in range(0, len(text), 4))
            letters += [font.get(glyph, "") for glyph in glyphs]
    return unicodedata.normalize("NFKC", "".join(letters))  # ligatures are letters again
