"""Text and numbers as the templates show them."""

import pytest

from edgekws.report import render


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain words, 1.5 % (two)", "plain words, 1.5 % (two)"),
        ("a_b*c", r"a\_b\*c"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("x\n# y", r"x \# y"),
        ("back\\slash", "back\\\\slash"),
        (", ", ", "),
    ],
)
def test_markdown_text(text, escaped):
    assert render.markdown_text(text) == escaped


def test_numbers_for_people():
    assert render.percent(0.92345) == "92.34\N{NO-BREAK SPACE}%"
    assert (render.points(0.0013), render.points(-0.0013), render.points(-0.000001)) == (
        "+0.13",
        "−0.13",
        "0.00",
    )
    assert (render.count(26524), render.count(None)) == ("26,524", "–")
    assert render.size(42096) == "41.1\N{NO-BREAK SPACE}KiB"
    assert (render.ratio(1 / 128), render.ratio(0.3)) == ("1/128", "0.3")
