"""Templates of bundles."""

import re
from pathlib import Path

import pytest

from convert.targets import templates
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


def test_what_pip_compiled_in_an_installed_template_is_passed_over(tmp_path, monkeypatch):
    """A template holds Python, and pip leaves its bytecode beside it."""
    place = tmp_path / "templates" / "made"
    (place / "__pycache__").mkdir(parents=True)
    (place / "__pycache__" / "setup.cpython-311.pyc").write_bytes(b"\xa7\r\r\n")
    (place / "setup.py").write_text("print()\n")
    monkeypatch.setattr(templates, "files", lambda _: tmp_path)
    templates.render("made", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["setup.py"]


def test_a_bundle_that_listens_names_no_class_as_a_word_that_is_never_detected(tmp_path, monkeypatch):
    (tmp_path / "templates" / "made").mkdir(parents=True)
    shown = '{{ words | detected | map("ascii") | join(", ") }}; {{ words | detected | length }}'
    (tmp_path / "templates" / "made" / "a.j2").write_text(shown)
    with monkeypatch.context() as patched:
        patched.setattr(templates, "files", lambda _: tmp_path)
        templates.render("made", tmp_path, words=("yes", "ünö", "_silence_"))
    assert (tmp_path / "a").read_text() == "yes, _n_; 2"
    for path in (Path(__file__).parents[3] / "firmware_assets" / "templates").rglob("*.j2"):
        if path.suffixes[0] in (".md", ".properties", ".yml", ".json", ".toml") or path.name == "Kconfig.j2":
            strange = re.findall(r"\bwords \| (?!detected).*", path.read_text(encoding="utf-8"))
            assert not strange or path.parent.name in ("tflm", "ethos-u", "esphome"), path


def test_the_readme_of_every_bundle_has_the_five_minutes_and_what_was_checked():
    readmes = list((Path(__file__).parents[3] / "firmware_assets" / "templates").glob("*/README.md.j2"))
    assert len(readmes) >= 15
    for readme in readmes:
        text = readme.read_text(encoding="utf-8")
        assert re.search(r"^## Five minutes", text, re.MULTILINE), readme
        assert "verify" in text or "What was checked" in text, readme
        inline = [line for line in text.splitlines() if re.match(r"[^{].*\{% endif %\}$", line)]
        assert inline == [], f"{readme}: end these lines with endif +%}}, or the next line is glued to them"
