"""Drawing: scales, ticks, bars and axes as plain SVG text.

Across, everything is in percent of the width there is, and down in pixels: so a chart fits a phone and a wide screen
without a script, and its letters keep their size. Colours and patterns come from classes in the style sheet.
"""

from collections.abc import Sequence
from math import ceil, floor, log10

from pssh.report.html.markup import Markup, join, tag

TOP = 18  # pixels above a plot, for its highest label
FOOT = 22  # pixels below it, for the ticks
_NICE = (1, 2, 5, 10)
_CLOCK = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)


def share(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others, 0 to 1; 0 if they are one."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def nice(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in _NICE if factor * power >= least * (1 - 1e-9))


def ticks(high: float, most: int = 5) -> list[float]:
    """Return round values from 0 up to `high`, at most so many above 0."""
    step = nice(high / most)
    return [step * number for number in range(floor(high / step * (1 + 1e-9)) + 1)]


def moments(high: float, most: int = 6) -> list[float]:
    """Return round times in seconds from 0 up to `high`, at most so many above 0."""
    if high <= 120:
        return ticks(high, most)
    step: float = next((step for step in _CLOCK if step * most >= high), nice(high / most / 86400) * 86400)
    return [step * number for number in range(floor(high / step * (1 + 1e-9)) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten from `low` to `high`; powers alone where that would be many."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def took(value: float) -> str:
    """Return seconds as short as a tick wants them."""
    if value == 0:
        return "0"
    if value < 1:
        return f"{value * 1000:,.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min" + (f" {seconds:02} s" if seconds else "")


def percent(value: float) -> str:
    """Return a share of 1 as SVG wants it."""
    return f"{value * 100:.2f}".rstrip("0").rstrip(".") + "%"


def rect(x: float, wide: float, y: float, high: float, class_: str, title: str = "") -> Markup:
    """Return a box: `x` and `wide` as shares of the width, `y` and `high` in pixels."""
    children = [tag("title", title)] if title else []
    return tag(
        "rect", *children, class_=class_, x=percent(x), width=percent(wide), y=round(y, 1), height=round(high, 1)
    )


def label(x: float, y: float, words: str, class_: str = "", anchor: str | None = None) -> Markup:
    """Return words at a point; at the edges they are kept inside."""
    anchor = anchor or ("start" if x < 0.06 else "end" if x > 0.94 else "middle")
    return tag("text", words, class_=class_ or None, x=percent(x), y=round(y, 1), text_anchor=anchor)


def apart(places: Sequence[tuple[float, str]], least: float = 0.17) -> list[tuple[float, str]]:
    """Return the places that leave each other room for their words."""
    kept: list[tuple[float, str]] = []
    for x, said in places:
        if not kept or x - kept[-1][0] >= least:
            kept.append((x, said))
    return kept


def line(x1: float, x2: float, y1: float, y2: float, class_: str) -> Markup:
    return tag("line", class_=class_, x1=percent(x1), x2=percent(x2), y1=round(y1, 1), y2=round(y2, 1))


def across(places: Sequence[tuple[float, str]], high: float) -> Markup:
    """Return the axis below a plot that is so many pixels high, with words at shares of the width."""
    foot = TOP + high
    marks = [
        line(x, x, foot, foot + 4, "axis") + label(x, foot + 17, words)  # a tick, and what it means
        for x, words in places
    ]
    return join([line(0, 1, foot, foot, "axis"), *map(Markup, marks)])


def upward(highest: float, high: float, unit: str = "") -> Markup:
    """Return lines across a plot at round values, with their labels in the margin at the left."""
    parts = []
    most = 4 if highest > 4 or unit else max(int(highest), 1)  # there are no halves of hosts
    for value in ticks(highest, most)[1:]:
        y = TOP + high * (1 - value / highest)
        parts.append(line(0, 1, y, y, "grid"))
        parts.append(tag("text", f"{value:,.6g}{unit}", x=-6, y=round(y + 4, 1), text_anchor="end"))
    return join(parts)


def chart(name: str, title: str, description: str, high: float, *parts: str, margin: bool = False) -> Markup:
    """Return a drawing of so many pixels in height, with words for those who do not see it; `name` is its id.

    `margin`: there are labels at its left.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *parts,
        class_="scaled" if margin else None,
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        width="100%",
        height=round(high),
    )
