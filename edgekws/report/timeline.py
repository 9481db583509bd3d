"""Draws what a spotter heard in a recording as an SVG: waveform, score of the best word, detections."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.report import plots

WIDTH, HEIGHT, LEFT, RIGHT = 720, 304, 50, 22
_SOUND, _SCORE = (58, 110), (182, 90)  # top and height of both panels
_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2933}.wave{fill:#9aa5b1}.score{fill:none;stroke:#2563c9;"
    "stroke-width:1.5}.event{stroke:#d2400f;stroke-width:1.5}.word{fill:#d2400f;font-weight:600}.axis{stroke:#cbd2d9}"
)


def svg(
    title: str, samples: np.ndarray, scores: Sequence[tuple[float, float]], events: Sequence[tuple[float, str]]
) -> str:
    """The picture. The same input gives the same bytes.

    samples: int16 (n,) at 16 kHz. scores: (seconds, 0 to 1) of the best word. events: (seconds, word).
    """
    seconds = max(len(samples) / SAMPLE_RATE, 1e-3)
    sound = samples if len(samples) else np.zeros(1, np.int16)
    axis = plots.axis([0, seconds], within=(0, seconds), parts=8)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/><text x="{LEFT}" y="22">{escape(title)}</text>',
        f'<text x="4" y="{_SOUND[0] + _SOUND[1] / 2}">sound</text>',
        f'<text x="4" y="{_SCORE[0] + 12}">1.0</text><text x="4" y="{_SCORE[0] + _SCORE[1]}">0.0</text>',
        _panel(_SOUND, "wave", plots.waveform(sound, min(WIDTH, len(sound)))),
        _panel(_SCORE, "score", plots.over_time(*_columns(scores), seconds)),
    ]
    bottom = _SCORE[0] + _SCORE[1]
    for tick in axis.ticks:
        if tick <= seconds:
            parts.append(
                f'<path class="axis" d="M{_x(tick, seconds)} {bottom}v6"/>'
                f'<text x="{_x(tick, seconds)}" y="{bottom + 20}" text-anchor="middle">{tick:g} s</text>'
            )
    for time, word in events:
        x = _x(time, seconds)
        parts.append(f'<path class="event" d="M{x} {_SOUND[0]}V{bottom}"/>')
        parts.append(f'<text class="word" x="{x}" y="{_SOUND[0] - 5}" text-anchor="middle">{escape(word)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(time: float, seconds: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(time / seconds, 0), 1), 1)


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [time for time, _ in pairs], [value for _, value in pairs]


def _panel(place: tuple[int, int], kind: str, path: str) -> str:
    """A path from a box of 100 by 100, drawn at its place. Lines keep their width."""
    top, height = place
    return (
        f'<svg x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" viewBox="0 0 100 100" '
        f'preserveAspectRatio="none"><path class="{kind}" d="{path}" vector-effect="non-scaling-stroke"/></svg>'
    )
