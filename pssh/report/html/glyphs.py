"""A shape for every status, and a pattern for its bars: what colour says is said twice.

The shapes are drawn once and referred to by id; both sets are hidden from a screen reader, because the word stands
beside each of them.
"""

from collections.abc import Iterable
from typing import get_args

from pssh.model.outcome import Status
from pssh.report.html.markup import Markup, tag

_STATUSES: tuple[Status, ...] = get_args(Status)
_DISC = "M8 1a7 7 0 1 0 0 14 7 7 0 0 0 0-14z"
# In a square of 16: what is filled, and the strokes upon it.
_SHAPES: dict[Status, tuple[str, str]] = {
    "ok": (_DISC, "M4.7 8.3l2.3 2.3 4.4-5"),
    "failed": ("M5 1h6l4 4v6l-4 4H5l-4-4V5z", "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4"),
    "error": ("M8 1l7.5 14H.5z", "M8 6v4.2M8 12.2v.6"),
    "lost": ("M1 1h14v14H1z", "M5.6 6c.1-3.2 5-3 4.9 0 0 1.6-2.5 1.9-2.5 3.6M8 12v.6"),
    "timed-out": (_DISC, "M8 4v4.3l2.8 1.9"),
    "unreachable": (_DISC, "M3.6 3.6l8.8 8.8"),
    "host-key": ("M8 1l6 2v5c0 4-3 6-6 7-3-1-6-3-6-7V3z", "M8 4.5v4M8 10.8v.6"),
    "auth": ("M2 7h12v8H2zM4.5 7V5a3.5 3.5 0 0 1 7 0v2H10V5a2 2 0 0 0-4 0v2z", "M8 10v2"),
    "cancelled": ("M2 2h12v12H2z", "M5.6 5.6h4.8v4.8H5.6z"),
    "not-run": (_DISC, "M4.5 8h7"),
    "skipped": ("M1 3l7 5-7 5zM8 3l7 5-7 5z", ""),
}
# Strokes in a tile of 8, repeated over a bar; none: the bar is plain.
_PATTERNS: dict[Status, str] = {
    "failed": "M-2 2L2-2M0 8L8 0M6 10L10 6",
    "error": "M0 0L8 8M0 8L8 0",
    "lost": "M2 0V8M6 0V8",
    "timed-out": "M2 2h2M6 6h2",
    "unreachable": "M-2 6L2 10M0 0L8 8M6-2L10 2",
    "host-key": "M0 4H8",
    "auth": "M0 4H8M4 0V8",
    "cancelled": "M1 1h3v3H1z",
    "not-run": "M0 6H8",
    "skipped": "M0 2H4",
}


def defined() -> Markup:
    """Return what the rest of the page refers to."""
    return tag(
        "svg",
        tag("defs", *(_shape(status) for status in _STATUSES), *(_pattern(status) for status in _PATTERNS)),
        width=0,
        height=0,
        aria_hidden="true",
        class_="defined",
    )


def _shape(status: Status) -> Markup:
    body, strokes = _SHAPES[status]
    drawn = [tag("path", d=body), *([tag("path", d=strokes, class_="stroke")] if strokes else [])]
    return tag("symbol", *drawn, id=f"g-{status}", viewBox="0 0 16 16")


def _pattern(status: Status) -> Markup:
    tile = [
        tag("rect", width=8, height=8, class_=f"c-{status}"),
        tag("path", d=_PATTERNS[status], class_="hatch"),
    ]
    return tag("pattern", *tile, id=f"p-{status}", width=8, height=8, patternUnits="userSpaceOnUse")


def badge(status: Status) -> Markup:
    """Return a status as shape and word."""
    shape = tag("svg", tag("use", href=f"#g-{status}"), class_=f"c-{status}", aria_hidden="true")
    return tag("span", shape, status, class_="badge")


def key(statuses: Iterable[Status]) -> Markup:
    """Return which colour and pattern is which status."""
    return tag("ul", *(tag("li", badge(status)) for status in statuses), class_="legend")


def legend(entries: Iterable[tuple[Status, str, str]]) -> Markup:
    """Return what the parts of a bar mean: status, how many, and which share."""
    return tag(
        "ul",
        *(tag("li", badge(status), " ", tag("b", number), " ", tag("span", part)) for status, number, part in entries),
        class_="legend",
    )


def rules() -> str:
    """Return the part of the style sheet that gives every status its colour and pattern."""
    plain = [f".c-{status}{{fill:var(--{status})}}" for status in _STATUSES]
    filled = [
        f".s-{status}{{fill:{f'url(#p-{status})' if status in _PATTERNS else f'var(--{status})'}}}"
        for status in _STATUSES
    ]
    edged = [f".k-{status}{{stroke:var(--{status})}}" for status in _STATUSES]
    return "\n".join([*plain, *filled, *edged])
