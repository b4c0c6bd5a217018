"""The page of recordings: a player for each, and beside it what a model says of every person."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hacm.viewing.player import Scene, player_html, script, style

FOLDER = Path(__file__).parent
TITLE = "Recordings"
LEAST_SHOWN = 0.005
"""Probabilities that would be shown as 0 % are not."""


@dataclass(frozen=True)
class Said:
    """What a model says of one person. top: the likeliest classes with their probabilities. familiar: None: unknown."""

    person: str
    top: tuple[tuple[str, float], ...]
    familiar: bool | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Shown:
    """A recording to look at. unsaid: why nothing is said of it, where that is so."""

    name: str
    scene: Scene
    said: tuple[Said, ...] = ()
    unsaid: tuple[str, ...] = ()


def page_html(summary: str, shown: Sequence[Shown], unread: Sequence[tuple[str, str]]) -> str:
    """The page, which loads nothing. summary: a line on the model. unread: recordings that could not be, and why."""
    blocks = [_recording_html(one, plays=number == 0) for number, one in enumerate(shown)]
    if unread:
        items = "".join(f"<li><strong>{escape(name)}</strong>: {escape(reason)}</li>" for name, reason in unread)
        blocks.append(f"<section><h2>Not used</h2><ul>{items}</ul></section>")
    return document(TITLE, f"<p class=summary>{escape(summary)}</p>", *blocks, scripts=(script(),))


def document(title: str, *body: str, scripts: Sequence[str] = ()) -> str:
    """A page with this in it, in the style of the others."""
    looks = (FOLDER / "page.css").read_text(encoding="utf-8") + style()
    code = "".join(f"<script>{one}</script>\n" for one in scripts)
    content = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{looks}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"{content}\n</main>\n{code}</body>\n</html>\n"
    )


def hash_of(code: str) -> str:
    """A script as a content security policy names it."""
    return f"'sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode('ascii')}'"


def _recording_html(one: Shown, *, plays: bool) -> str:
    rows = "".join(_row_html(said) for said in one.said)
    table = f"<table><thead><tr><th>person<th>class<th>or<th></tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    remarks = list(dict.fromkeys([remark for said in one.said for remark in said.remarks] + list(one.unsaid)))
    listed = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    notes = f"<ul class=remarks>{listed}</ul>" if remarks else ""
    heading = escape(one.name)
    return f"<section><h2>{heading}</h2>\n{player_html(one.scene, plays=plays)}\n{table}{notes}</section>"


def _row_html(said: Said) -> str:
    (name, share), *others = said.top
    rest = ", ".join(f"{escape(other)} {100 * part:.0f} %" for other, part in others if part >= LEAST_SHOWN)
    strange = '<span class="strange">unlike anything in training</span>' if said.familiar is False else ""
    return (
        f"<tr><td>{escape(said.person)}<td><strong>{escape(name)}</strong> {100 * share:.0f} % "
        f'<meter value="{share:.4f}" aria-label="probability"></meter><td>{rest}<td>{strange}</tr>'
    )
