"""TOML as people write it: marks, UTF-16, Windows paths, values on the command line."""

import time

import pytest

from edgekws import recipe
from edgekws.errors import UserError
from edgekws.recipe import toml_text

PLAIN = '[data]\nwords = ["yes", "nö"]\n'


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
    ],
)
def test_a_recipe_is_read_in_every_unicode_that_editors_save(content, tmp_path):
    (tmp_path / "r.toml").write_bytes(content)
    assert recipe.load(tmp_path / "r.toml").data.words == ("yes", "nö")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (r'source = "C:\Users\me"', r"write 'C:\Users\me' in single quotes, or \"C:/Users/me\""),
        (r"source = C:\Users\me", r"write 'C:\Users\me' in single quotes"),
        (r'unknown_from = ["D:\talk\x"]', r"write 'D:\talk\x' in single quotes"),
        (r'source = "C:\temp\new"', "holds U+0009"),  # TOML reads a tab and a new line
        (r'source = "C:\temp\new"', r"write a path in single quotes"),
    ],
)
def test_a_windows_path_in_double_quotes_is_told_how_to_be_written(line, told, tmp_path):
    (tmp_path / "r.toml").write_text(f"[data]\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        recipe.load(tmp_path / "r.toml")
    assert told.replace('\\"', '"') in str(error.value)


def test_a_windows_path_in_single_quotes_is_taken(tmp_path):
    (tmp_path / "r.toml").write_text("[data]\nsource = 'C:\\Users\\me'\n", encoding="utf-8")
    assert recipe.load(tmp_path / "r.toml").data.source == r"C:\Users\me"


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("data.words", "[yes, no]", ["yes", "no"]),
        ("data.words", "yes,no", ["yes", "no"]),
        ("data.words", " yes , no ", ["yes", "no"]),
        ("data.words", '["yes", "no"]', ["yes", "no"]),
        ("data.words", "['yes', \"no\"]", ["yes", "no"]),
        ("data.words", '"yes, no"', ["yes", "no"]),
        ("data.words", "[1, 2]", ["1", "2"]),
        ("data.words", "on,off,true", ["on", "off", "true"]),
        ("data.unknown", "[]", []),
        ("data.unknown", "", []),
        ("data.unknown", "stop", ["stop"]),
        ("data.source", r"C:\Users\me", r"C:\Users\me"),
        ("data.source", r'"C:\Users\me"', r"C:\Users\me"),
        ("data.source", "'C:\\temp'", r"C:\temp"),
        ("name", "2024", "2024"),
        ("name", '"a b"', "a b"),
        ("training.epochs", "5", 5),
        ("training.learning_rate", "1e-3", 0.001),
        ("model.batch_norm", "false", False),
        ("training.epochs", "many", "many"),  # refused by its type
    ],
)
def test_values_on_the_command_line_are_read_by_the_type_of_their_key(key, written, value):
    assert toml_text.value(written, recipe.kind(key)) == value


def test_what_is_no_file_or_far_too_deep_is_told_at_once(tmp_path):
    (tmp_path / "r.toml").write_text(".".join(["a"] * 50_000) + " = 1\n")
    started = time.monotonic()
    with pytest.raises(UserError, match="more than eight parts"):
        toml_text.read(tmp_path / "r.toml")
    (tmp_path / "r.toml").write_text("a = " + "[" * 50_000)
    with pytest.raises(UserError, match="not valid TOML"):
        toml_text.read(tmp_path / "r.toml")
    assert time.monotonic() - started < 5
    with pytest.raises(UserError, match="is not a file; expected a recipe"):
        toml_text.read(tmp_path)
