"""Draws accuracy over cost as a self-contained SVG, with a logarithmic x axis, whiskers for intervals, and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from edgekws.report import plots

MACS_TITLE = "multiply-accumulates for one second of sound"
PARAMETERS_TITLE = "parameters"
WIDTH, HEIGHT = 860, 560
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 18, 48

# kind → (legend, colour, shape)
KINDS = {
    "report": ("the 2019 report, float, its own split", "#8a8f98", "diamond"),
    "plain": ("ours, plain recipe, int8", "#d2691e", "square"),
    "good": ("ours, good recipe, int8", "#2563c9", "circle"),
    "raw": ("published by others, raw waveform, other words or split", "#177a45", "triangle"),
    "features": (
        "published by others, spectral features (their cost not counted), other words or split",
        "#8b3fb8",
        "triangle",
    ),
}


@dataclass(frozen=True)
class Point:
    """A model: its cost, its accuracy as a fraction, and its 95 % interval if it has one."""

    label: str
    cost: float
    accuracy: float
    kind: str  # one of KINDS
    interval: tuple[float, float] | None = None


def svg(points: Sequence[Point], across: str, *, floor: float = 0.8) -> str:
    """The chart. The same points give the same bytes. Points below ``floor`` are left out, unless all are below it."""
    shown = [p for p in points if p.accuracy >= floor] or list(points)
    values = [v for p in shown for v in (p.accuracy, *(p.interval or ()))]
    y_axis = plots.axis(values, within=(0, 1))
    low, high = math.floor(math.log10(min(p.cost for p in shown))), math.ceil(math.log10(max(p.cost for p in shown)))
    high = max(high, low + 1)

    def x(cost: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(cost) - low) / (high - low), 1)

    def y(accuracy: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y_axis.at(accuracy) / 100, 1)

    kinds = [kind for kind in KINDS if any(p.kind == kind for p in shown)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 20 * len(kinds)}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>accuracy against {escape(across)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT + 20 * len(kinds)}" fill="#ffffff"/>',
    ]
    for tick in y_axis.ticks:
        text = f"{100 * tick:.{max(y_axis.decimals - 2, 0)}f} %"
        parts.append(f'<path d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}" stroke="#e1e5ea"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4}" text-anchor="end" fill="#5a6775">{text}</text>')
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<path d="M{at} {TOP}V{HEIGHT - BOTTOM}" stroke="#e1e5ea"/>')
        text_at = f'x="{at}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text {text_at} text-anchor="middle" fill="#5a6775">{_power(power)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle" fill="#16202c">{escape(across)}</text>')
    order = {kind: i for i, kind in enumerate(KINDS)}
    taken = [_box(x(p.cost), y(p.accuracy)) for p in shown]
    for point in sorted(shown, key=lambda p: (order[p.kind], p.cost, p.label)):
        parts += _mark(point, x(point.cost), y)
    for point in sorted(shown, key=lambda p: (-order[p.kind], p.cost, p.label)):
        parts += _label(point, x(point.cost), y(point.accuracy), taken)
    for i, kind in enumerate(kinds):
        legend, colour, shape = KINDS[kind]
        parts.append(symbol(shape, LEFT + 6, HEIGHT + 4 + 20 * i, colour))
        parts.append(f'<text x="{LEFT + 20}" y="{HEIGHT + 8 + 20 * i}" fill="#16202c">{escape(legend)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _mark(point: Point, x: float, y: Callable[[float], float]) -> list[str]:
    colour, shape = KINDS[point.kind][1:]
    marks = []
    interval = ""
    if point.interval:
        low, high = point.interval
        marks.append(f'<path d="M{x} {y(low)}V{y(high)}" stroke="{colour}" stroke-width="1.5" opacity="0.55"/>')
        interval = f", 95 % interval {low:.4f} to {high:.4f}"
    told = f"{point.label}: {point.accuracy:.4f}{interval}; {point.cost:,.0f}"
    return [*marks, f"<g>{symbol(shape, x, y(point.accuracy), colour)}<title>{escape(told)}</title></g>"]


def symbol(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "circle":
        return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>'
    corners = {
        "square": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
        "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0)),
        "triangle": ((0, -6), (5.5, 4), (-5.5, 4)),
    }[shape]
    path = "L".join(f"{x + dx:.1f} {y + dy:.1f}" for dx, dy in corners)
    return f'<path d="M{path}Z" fill="{colour}"/>'


def _label(point: Point, x: float, y: float, taken: list[tuple[float, float, float, float]]) -> list[str]:
    """The label right, left, above or below, where it covers nothing; none if there is no room. The title remains."""
    width = 6.6 * len(point.label)
    for left, base in ((x + 8, y + 4), (x - 8 - width, y + 4), (x - width / 2, y - 9), (x - width / 2, y + 18)):
        box = (left, base - 10, left + width, base + 3)
        inside = left >= LEFT and left + width <= WIDTH and base - 10 >= 0
        if inside and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            taken.append(box)
            return [f'<text x="{left:.1f}" y="{base:.1f}" fill="{KINDS[point.kind][1]}">{escape(point.label)}</text>']
    return []


def _box(x: float, y: float) -> tuple[float, float, float, float]:
    return x - 5, y - 5, x + 5, y + 5


def _power(power: int) -> str:
    names = {3: "1 k", 4: "10 k", 5: "100 k", 6: "1 M", 7: "10 M", 8: "100 M", 9: "1 G", 10: "10 G"}
    return names.get(power, f"1e{power}")
