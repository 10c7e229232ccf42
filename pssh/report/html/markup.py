"""HTML as text that cannot be got wrong: whatever is no markup of ours is made inert and escaped on its way in.

Elements come from `tag` alone. A plain `str` among their children or in an attribute is data: it passes `safe`, so that
no hidden or reordering character survives, and is then escaped.
"""

from collections.abc import Iterable
from html import escape

from pssh.report.safe import safe

_VOID = frozenset({"meta", "br", "wbr", "link"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(data: str) -> Markup:
    """Return data as one line of HTML."""
    return Markup(escape(safe(data)))


def lines(data: str) -> Markup:
    """Return data as HTML with its line ends kept, for a `pre`."""
    return Markup(escape(safe(data, newlines=True)))


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Return parts one after the other; those that are data are escaped."""
    return Markup(text(between).join(part if isinstance(part, Markup) else text(part) for part in parts))


def tag(name: str, /, *children: str, **attributes: str | int | float | bool | None) -> Markup:
    """Return an element; `class_` and `aria_label` are written `class` and `aria-label`, None and False not at all."""
    opening = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_value(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{opening}>" if name in _VOID else f"<{name}{opening}>{join(children)}</{name}>")


def heads(columns: Iterable[tuple[str, str]]) -> Markup:
    """Return the head of a table: the name and the class of each column."""
    return tag("thead", tag("tr", *(tag("th", name, scope="col", class_=kind or None) for name, kind in columns)))


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return value if isinstance(value, Markup) else text(value)
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
