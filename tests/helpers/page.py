"""The report's page as a reader sees it."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

NUMBER = re.compile(r"(Table|Figure) (\d+)\. ")


@dataclass
class ParsedTable:
    """A table as a reader sees it."""

    published: bool
    number: int = 0
    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """Collects tables, captions of drawings, open tags, and everything that could make a browser load something.

    followed: where a reader is led who clicks; nothing is loaded before that.
    """

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})
    LOADING = frozenset({"src", "href", "xlink:href", "srcset", "data", "poster", "action", "background"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[ParsedTable] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.followed: list[str] = []
        self.numbers: list[int] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self._figure = ""
        self._sink: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        classes = (dict(attrs).get("class") or "").split()
        if tag == "figure":
            self._figure = "table" if "table" in classes else "drawing"
            if self._figure == "table":
                self.tables.append(ParsedTable("published" in classes))
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th", "figcaption"):
            self._sink = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for key, value in attrs if key in self.LOADING]
        (self.followed if tag == "a" else self.links).extend(links)
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        text = " ".join("".join(self._sink or []).split())
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].append(text)
        elif tag == "figcaption":
            number = NUMBER.match(text)
            assert number, f"no number: {text}"
            text = text[number.end() :]
            if self._figure == "table":
                self.tables[-1].number, self.tables[-1].caption = int(number[2]), text
            else:
                self.captions.append(text)
                self.numbers.append(int(number[2]))

    def handle_data(self, data: str) -> None:
        if self._sink is not None:
            self._sink.append(data)
