"""Renders the templates in ``firmware_assets/templates``. Each has a folder, whose files go into the bundle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from convert.targets.names import plain_ascii, renamed
from edgekws.corpus.clips import rejects
from edgekws.errors import plain


def markdown(word: str) -> str:
    """A word or name escaped for Markdown, so that it shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$-])", r"\\\1", plain(word))


def kotlin(word: str) -> str:
    """A word as a Kotlin string literal, in which $ would begin a variable."""
    return json.dumps(word).replace("$", "\\$")


def swift(word: str) -> str:
    """A word as a Swift string literal. Beyond ASCII, Swift's escapes differ from JSON's."""
    return json.dumps(word, ensure_ascii=False)


def detected(labels: Iterable[str]) -> list[str]:
    """The labels without those of classes that stand for other sound, which are never detected."""
    return [label for label in labels if not rejects(label)]


def render(template: str, folder: Path, *, prefix: str = "edgekws", **values: Any) -> None:
    """Write every file of a template's folder into ``folder``: files that end in .j2 are rendered, others copied.

    The engine's names become one model's, which begin with ``prefix``. Templates can use ``prefix`` as a value too.

    Names of files and folders may contain ``{{ value }}``. It is an error if a template uses a value that is not given.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters |= {
        "ascii": plain_ascii,
        "detected": detected,
        "kotlin": kotlin,
        "markdown": markdown,
        "swift": swift,
    }
    with as_file(files("firmware_assets") / "templates" / template) as root:
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            if source.parent.name == "__pycache__":  # pip compiles Python files of installed templates
                continue
            name = renamed(source.relative_to(root).as_posix().removesuffix(".j2"), prefix)
            destination = folder / environment.from_string(name).render(values, prefix=prefix)
            destination.parent.mkdir(parents=True, exist_ok=True)
            text = renamed(source.read_text(encoding="utf-8"), prefix)
            if source.suffix == ".j2":
                text = environment.from_string(text).render(values, prefix=prefix)
            destination.write_text(text, encoding="utf-8")
