"""Names and text of others."""

import os

import pytest

from edgekws import text


def test_composed_decomposed_and_latin_1_names_meet():
    assert text.normal("cafe\u0301") == text.normal("café") == text.normal(os.fsdecode(b"caf\xe9")) == "café"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("yes", ""),
        ("a b", ""),
        ("می\N{ZERO WIDTH NON-JOINER}خواهم", ""),
        ("a\u2028", "U+2028"),
        ("\udce9", "U+DCE9"),
        ("\0", "U+0000"),
    ],
)
def test_what_cannot_be_read_back_is_named(name, found):
    assert text.unprintable(name) == found


def test_a_name_that_is_no_unicode_is_shown_by_its_bytes():
    assert text.shown(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert text.shown("café") == "café"
