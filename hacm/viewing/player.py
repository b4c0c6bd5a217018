"""The player: skeletons that move, as an element of an HTML page. player.js draws what is packed here.

A page holds `assets_html()` once, and a `player_html(scene)` wherever a player is to be. Nothing is loaded from
anywhere.

Shapes: M bodies, T frames, V joints, C coordinates (metres, y up).
"""

import json
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
ABSENT = -32768
"""In place of x, of a joint that is not there."""
STEPS = 32767
NO_VALUE, MOST_VALUE = 255, 254
PLAIN, SEEN, MASKED, NO_TOKEN = 0, 1, 2, 3
"""What a joint is at a moment, as the encoder has it."""
MOST_FPS = 30.0
"""More frames per second than this are thinned out: no screen shows them."""
SIDES = ("", "left ", "right ")
OUTLIERS = (0.5, 99.5)
"""Percentiles between which the picture is fitted, so that one wild frame does not make everybody small."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """A number for each joint and moment, shown as a colour: attention, say, or depth in the hierarchy.

    values_MTV: an axis of length 1 stands for all; NaN where there is none. low, high: what the ends of the scale are;
    None: the least and the greatest.
    """

    name: str
    values_MTV: NDArray[np.floating[Any]]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """One skeleton, or several people of one recording, in a player.

    bodies_MTVC: NaN, or a body all zero, where there is nothing. state_MTV: PLAIN, SEEN, MASKED or NO_TOKEN; an axis of
    length 1 stands for all. colourings: of the same names in every panel of a scene.
    """

    bodies_MTVC: NDArray[np.floating[Any]]
    title: str = ""
    state_MTV: NDArray[np.integer[Any]] | None = None
    colourings: tuple[Colouring, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """What is said of a stretch of time, in seconds. colour: a number, equal for equal labels; None: nothing known."""

    start: float
    stop: float
    label: str
    share: float | None = None
    colour: int | None = None


@dataclass(frozen=True)
class Timeline:
    """Stretches one after the other, below the picture."""

    name: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """What one player shows. panels: side by side, in step, of equal numbers of frames and joints.

    people: what bodies are called where there are several; numbered if not given. first_frame: the number of the first
    frame, where time is to be told in frames; None: in seconds.
    """

    title: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    fps: float
    panels: tuple[Panel, ...]
    timelines: tuple[Timeline, ...] = ()
    people: tuple[str, ...] = ()
    first_frame: int | None = None


@cache
def script() -> str:
    """The player's code."""
    return (FOLDER / "player.js").read_text(encoding="utf-8")


@cache
def style() -> str:
    """What the player looks like."""
    return (FOLDER / "player.css").read_text(encoding="utf-8")


def assets_html() -> str:
    """What a page with players holds once."""
    return f"<style>\n{style()}</style>\n<script>\n{script()}</script>\n"


def player_html(scene: Scene, *, plays: bool = False) -> str:
    """The player of a scene, as an element.

    plays: it starts by itself when it is seen first, unless the reader's system asks for less motion.
    """
    title = escape(scene.title, quote=True)
    return (
        f'<figure class="hacm-player" role="group" aria-label="{title}">'
        f'<script type="application/json">{as_json(pack(scene) | {"plays": plays})}</script>'
        f"<noscript>{title}: a moving picture, which needs JavaScript.</noscript></figure>"
    )


def as_json(facts: Any) -> str:
    """JSON that may stand in an HTML script element: no text in it can end that."""
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def pack(scene: Scene) -> dict[str, Any]:
    """A scene as player.js takes it: coordinates as int16 about the middle, everything else as bytes.

    A coordinate is off by at most half of `step`: 1/32767 of the farthest coordinate's distance from the middle.
    """
    bodies = [without_absent(panel.bodies_MTVC) for panel in scene.panels]
    frames, joints = bodies[0].shape[1], len(scene.joints)
    every = max(1, math.ceil(scene.fps / MOST_FPS - 1e-6))
    middle_C, half_C = fit_box(bodies)
    farthest = max((float(np.abs(one - middle_C)[~np.isnan(one)].max(initial=0)) for one in bodies), default=0)
    step = max(farthest, 1e-6) / STEPS
    for one in bodies:
        if one.shape[1:] != (frames, joints, 3):
            raise ValueError(f"a panel of shape {one.shape} beside {frames} frames of {joints} joints")
    names = [colouring.name for colouring in scene.panels[0].colourings]
    scales = [_scale(scene, number) for number in range(len(names))]
    masking = any(panel.state_MTV is not None for panel in scene.panels)
    return {
        "title": scene.title,
        "fps": scene.fps / every,
        "frames": -(-frames // every),
        "joints": list(scene.joints),
        "parents": list(scene.parents),
        "sides": [next((n for n in (1, 2) if name.startswith(SIDES[n])), 0) for name in scene.joints],
        "people": list(scene.people),
        "firstFrame": scene.first_frame,
        "front": round(find_front(bodies, scene.joints), 4),
        "half": [round(float(x), 4) for x in half_C],
        "step": step,
        "masking": masking,
        "mode": "states" if masking else "sides",
        "colourings": [
            {"name": name, "low": f"{low:.3g}", "high": f"{high:.3g}"}
            for name, (low, high) in zip(names, scales, strict=True)
        ],
        "panels": [
            {
                "title": panel.title,
                "bodies": len(one),
                "points": _pack_points(one[:, ::every], middle_C, step),
                "states": None if panel.state_MTV is None else _pack_field(panel.state_MTV, every),
                "colourings": [
                    _pack_field(_as_bytes(colouring.values_MTV, *scale), every)
                    for colouring, scale in zip(panel.colourings, scales, strict=True)
                ],
            }
            for panel, one in zip(scene.panels, bodies, strict=True)
        ],
        "timelines": [
            {"name": line.name, "stretches": [vars(stretch) for stretch in line.stretches]} for line in scene.timelines
        ],
    }


def without_absent(bodies_MTVC: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The same with NaN for joints that are not seen and for bodies that are absent, which clips have all zero."""
    result_MTVC = np.array(bodies_MTVC, dtype=np.float64)
    result_MTVC[~np.isfinite(result_MTVC).all(axis=3)] = np.nan
    result_MTVC[~result_MTVC.any(axis=(2, 3))] = np.nan
    return result_MTVC


def fit_box(bodies: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle (C,) and half the size (C,) of the box that all but outliers are in; a metre where nobody is."""
    points_PC = np.concatenate([one.reshape(-1, 3) for one in bodies])
    points_PC = points_PC[~np.isnan(points_PC).any(axis=1)]
    if len(points_PC) == 0:
        return np.zeros(3), np.ones(3)
    low_C, high_C = np.percentile(points_PC, OUTLIERS, axis=0)
    return (low_C + high_C) / 2, (high_C - low_C) / 2


def find_front(bodies: Sequence[NDArray[np.float64]], joints: Sequence[str]) -> float:
    """The angle about the vertical at which the people are seen from the front, radians, from z towards x.

    From the mean of right to left joints: who faces z has the left side towards x. 0 where joints have no side.
    """
    place = {name: number for number, name in enumerate(joints)}
    pairs = [(place[name], place[f"right {name[5:]}"]) for name in joints
             if name.startswith("left ") and f"right {name[5:]}" in place]  # fmt: skip
    if not pairs:
        return 0.0
    left, right = np.array(pairs).T
    across_PC = np.concatenate([(one[:, :, left] - one[:, :, right]).reshape(-1, 3) for one in bodies])
    across_PC = across_PC[~np.isnan(across_PC).any(axis=1)]
    if len(across_PC) == 0:
        return 0.0
    x, _, z = across_PC.mean(axis=0)
    return math.atan2(-z, x)  # left × up = (x, 0, z) × (0, 1, 0) = (−z, 0, x)


def _pack_points(bodies_MTVC: NDArray[np.float64], middle_C: NDArray[np.float64], step: float) -> str:
    steps_MTVC = np.rint((bodies_MTVC - middle_C) / step)
    whole_MTVC = np.clip(np.nan_to_num(steps_MTVC, nan=ABSENT), ABSENT, STEPS).astype("<i2")
    return b64encode(whole_MTVC.tobytes()).decode("ascii")


def _pack_field(values_MTV: NDArray[Any], every: int) -> dict[str, Any]:
    thinned_MTV = values_MTV[:, ::every].astype(np.uint8)
    return {"shape": list(thinned_MTV.shape), "bytes": b64encode(thinned_MTV.tobytes()).decode("ascii")}


def _scale(scene: Scene, number: int) -> tuple[float, float]:
    """The ends of a colouring's scale, the same in all panels."""
    every = [panel.colourings[number] for panel in scene.panels if panel.colourings]
    known = np.concatenate([one.values_MTV[np.isfinite(one.values_MTV)].ravel() for one in every])
    low = every[0].low if every[0].low is not None else float(known.min(initial=np.inf)) if known.size else 0.0
    high = every[0].high if every[0].high is not None else float(known.max(initial=-np.inf)) if known.size else 1.0
    return low, high


def _as_bytes(values_MTV: NDArray[np.floating[Any]], low: float, high: float) -> NDArray[np.uint8]:
    share_MTV = np.clip((values_MTV - low) / max(high - low, 1e-12), 0, 1)
    return np.where(np.isnan(values_MTV), NO_VALUE, np.rint(np.nan_to_num(share_MTV) * MOST_VALUE)).astype(np.uint8)
