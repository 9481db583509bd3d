"""README and docs: every command parses, every line of Python works, and every link leads somewhere.

``test_commands`` runs the commands.
"""

import argparse
import importlib.util
import json
import re
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgekws import cli, recipe
from edgekws.cli import arguments

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHIPPED = [page for page in PAGES if not page.name.startswith("adding-a-")]  # those pages add what does not ship
FIRST = "python3 -m venv .venv && . .venv/bin/activate && pip install . && edgekws run"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def calls(page: Path) -> list[list[str]]:
    """Every call of edgekws in the page's shell blocks, as arguments, in their order."""
    lines = [line.replace("\\\n", " ") for block in blocks(page, "sh") for line in re.split(r"(?<!\\)\n", block)]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|\||;", line)]
    return [shlex.split(part, comments=True)[1:] for part in parts if part.startswith("edgekws ")]


def inline_calls(page: Path) -> list[list[str]]:
    """Calls within sentences and tables that name a recipe of edgekws."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [shlex.split(call)[1:] for call in re.findall(r"`(edgekws run edgekws/recipes/[^`]*)`", text)]


def parsed(words: list[str]) -> argparse.Namespace:
    try:
        return cli._parser().parse_args(words)
    except SystemExit as stopped:
        raise AssertionError(f"edgekws {shlex.join(words)} is refused") from stopped


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_edgekws_takes(page):
    for words in calls(page) + inline_calls(page):
        args = parsed(words)
        assert callable(args.command)
        added = "model.architecture=" if page.name == "adding-a-network.md" else None  # the network that the page adds
        changes = [change for change in getattr(args, "changes", []) if not (added and change.startswith(added))]
        recipe.replace(recipe.Recipe(), arguments.changes_of(changes))
        for path in (part for part in words if part.startswith("edgekws/recipes/")):
            assert (ROOT / path).is_file()


def test_listening_to_the_demo_gives_the_lines_of_the_readme(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (call,) = (call for call in calls(ROOT / "README.md") if call[:2] == ["listen", "docs/demo.wav"])
    assert cli.main(call) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 8
    assert [line.split()[:4] for line in printed.splitlines()] == [
        line.split()[:4]
        for block in blocks(ROOT / "README.md", "")
        for line in block.splitlines()
        if "demo.wav:" in line
    ]


@pytest.mark.parametrize("page", SHIPPED, ids=lambda page: page.name)
def test_python_runs_as_it_stands(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("edgekws.microphone", lambda: iter([np.zeros(16_000, np.int16)]))
    shown = {"samples": np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), shown)


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "firmware_assets/engine/README.md"],
    ids=lambda page: page.name,
)  # fmt: skip
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if heading:
            assert heading in _anchors(target), f"{page.name}: {link}"


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_in_order():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 180
    assert lines.count(FIRST) == 1
    assert sum(bool(re.fullmatch(r"pip install .*pytest", line)) for line in lines) == 1
    assert lines.index(FIRST) < lines.index("pip install '.[test]' && pytest")
    order = [
        *("60 seconds", "Train and prove a model", "Your own words", "Onto a board", "Phones", "Which model"),
        *("From Python", "What to expect of listening", "Beside others", "When something is wrong"),
        *("What was never tried", "Licence and more"),
    ]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == order


def test_the_readme_gives_the_figures_of_the_models_that_ship():
    """Accuracy and parameters of the table are those of the models' own reports."""
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \[([\d.]+), ([\d.]+)\] \| ([\d,]+) \|",
                      (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    assert {row[0] for row in rows} == {
        path.parent.name for path in (ROOT / "firmware_assets" / "pretrained").glob("*/model_int8.tflite")
    }
    for name, right, low, high, parameters in rows:
        told = json.loads((ROOT / "firmware_assets" / "pretrained" / name / "report.json").read_text())
        assert int(parameters.replace(",", "")) == told["cost"]["parameters"]
        words = words_right(told)
        assert (right, low, high) == tuple(f"{value:.4f}" for value in words), name


def words_right(told: dict) -> tuple[float, float, float]:
    """The share of the words' clips that are heard right, with its interval."""
    for rule in (told.get("rejection") or {}).get("rules", []):
        if rule["title"].startswith("classes "):
            return (rule["words"]["accuracy"], *rule["words"]["interval"])
    return (told["accuracy"]["int8"], *told["accuracy_interval"]["int8"])


def test_music_made_by_chance_is_the_same_each_time_and_ends_each_note():
    spec = importlib.util.spec_from_file_location("make_music", ROOT / "docs" / "make_music.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for seed in range(8):
        tempo, found = made.events(seed)
        assert (tempo, found) == made.events(seed)
        beats = [beat for beat, _ in found]
        assert beats == sorted(beats)
        notes = [(one.type, one.channel, one.note) for _, one in found if one.type.startswith("note")]
        started, ended = (Counter(note[1:] for note in notes if note[0] == kind) for kind in ("note_on", "note_off"))
        assert started == ended
        assert started.total() > 20
    assert made.events(1) != made.events(2)
