"""A page as a browser would read it, for tests of reports."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from edgekws.workspace import Run

VOID = {"meta", "path", "br", "line", "circle", "rect"}


class Page(HTMLParser):
    """Every element and attribute, the text, and whether the elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def page(run: Run) -> Page:
    """The run's report."""
    return read(run.folder / "report.html")


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def words_of(text: str) -> str:
    """The text on one line, every space a plain one."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())
