"""Draws the 2019 report's accuracies (x) and ours (y) as a self-contained SVG. Axes are logarithmic in the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edgekws.report import scatter

SIZE, LEFT, TOP, BOTTOM = 560, 62, 18, 48
TICKS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98)
SHAPES = {"none": "circle", "do50": "square", "bn": "triangle", "do50_bn": "diamond"}  # by column of the 2019 report
COLOURS = ("#2563c9", "#d2691e", "#177a45", "#8b3fb8", "#b3261e", "#8a6d00", "#00798c", "#5a6775")  # by family


@dataclass(frozen=True)
class Cell:
    """One accuracy of the 2019 report and ours of the same network, as fractions; ours has its 95 % interval."""

    family: str
    label: str
    variant: str  # a column of the 2019 report
    words: str  # the variant's name for people
    report: float
    ours: float
    interval: tuple[float, float]


def svg(cells: Sequence[Cell]) -> str:
    """The chart; the same cells give the same bytes."""
    low = math.log(1 - min(min(c.report, c.ours, c.interval[0]) for c in cells)) + 0.05
    high = math.log(1 - max(max(c.report, c.ours, c.interval[1]) for c in cells)) - 0.1

    def across(accuracy: float) -> float:
        return round(LEFT + SIZE * (math.log(1 - accuracy) - low) / (high - low), 1)

    def up(accuracy: float) -> float:
        return round(TOP + SIZE - SIZE * (math.log(1 - accuracy) - low) / (high - low), 1)

    families = list(dict.fromkeys(c.family for c in cells))
    colours = {family: _colour(number) for number, family in enumerate(families)}
    variants = {c.variant: c.words for c in sorted(cells, key=lambda c: [*SHAPES, c.variant].index(c.variant))}
    width, height = LEFT + SIZE + 150, TOP + SIZE + BOTTOM
    right, bottom = LEFT + SIZE, TOP + SIZE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12"><title>our accuracy against the report\'s</title>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for tick in (tick for tick in TICKS if high < math.log(1 - tick) < low):
        x, y, text = across(tick), up(tick), f"{100 * tick:g} %"
        parts.append(f'<path d="M{LEFT} {y}H{right}M{x} {TOP}V{bottom}" stroke="#e1e5ea"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#5a6775">{text}</text>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle" fill="#5a6775">{text}</text>')
    parts.append(f'<path d="M{LEFT} {bottom}L{right} {TOP}" stroke="#8a8f98" stroke-dasharray="5 4"/>')
    parts.append(f'<text x="{right - 54}" y="{TOP + 40}" text-anchor="end" fill="#5a6775">the same</text>')
    middle = LEFT + SIZE / 2
    titles = ("the report, float, its own split", "ours, plain recipe, float, speakers never heard")
    parts.append(f'<text x="{middle}" y="{height - 10}" text-anchor="middle" fill="#16202c">{titles[0]}</text>')
    parts.append(f'<text x="{LEFT + 10}" y="{TOP + 16}" fill="#16202c">{titles[1]}</text>')
    for cell in sorted(cells, key=lambda c: (c.report, c.label, c.variant)):
        x, colour = across(cell.report), colours[cell.family]
        told = f"{cell.label}, {cell.words}: ours {cell.ours:.4f}, the report {cell.report:.4f}"
        least, most = map(up, cell.interval)
        parts.append(f'<path d="M{x} {least}V{most}" stroke="{colour}" stroke-width="1.5" opacity="0.5"/>')
        mark = scatter.symbol(SHAPES.get(cell.variant, "circle"), x, up(cell.ours), colour)
        parts.append(f"<g>{mark}<title>{escape(told)}</title></g>")
    rows = [("circle", colours[family], family) for family in families]
    rows += [(SHAPES.get(variant, "circle"), "#16202c", words) for variant, words in variants.items()]
    for i, (shape_name, colour, text) in enumerate(rows):
        y = TOP + 20 + 20 * i + (12 if i >= len(families) else 0)
        parts.append(scatter.symbol(shape_name, right + 20, y, colour))
        parts.append(f'<text x="{right + 34}" y="{y + 4}" fill="#16202c">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _colour(number: int) -> str:
    """A colour for each number; after the eight chosen ones, hues that lie far from each other (the golden angle)."""
    return COLOURS[number] if number < len(COLOURS) else f"hsl({137 * number % 360},60%,38%)"
