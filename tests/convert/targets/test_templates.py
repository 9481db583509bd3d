"""Templates of bundles."""

import pytest

from convert.targets.templates import markdown


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("yes", "yes"),
        ("müller", "müller"),
        ("*a_b*", r"\*a\_b\*"),
        ("<script>", r"\<script\>"),
        ("`x`|[y](z)", r"\`x\`\|\[y\]\(z\)"),
        ("a\\", r"a\\"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_a_word_is_shown_as_it_is_and_marks_nothing_up(word, shown):
    assert markdown(word) == shown
