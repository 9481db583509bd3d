"""Templates in ``firmware_assets/templates``: each target has a folder, whose files become the bundle."""

from __future__ import annotations

import json
import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from convert.targets.names import renamed
from edgekws.errors import plain


def markdown(word: str) -> str:
    """A word or name as Markdown shows it, whatever signs it holds: none of them marks up, none begins a tag."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$-])", r"\\\1", plain(word))


def kotlin(word: str) -> str:
    """A word as a string of Kotlin, where $ begins a variable."""
    return json.dumps(word).replace("$", "\\$")


def swift(word: str) -> str:
    """A word as a string of Swift, whose escapes differ from JSON's beyond ASCII."""
    return json.dumps(word, ensure_ascii=False)


def render(template: str, folder: Path, *, prefix: str = "edgekws", **values: Any) -> None:
    """Write every file of a template's folder into ``folder``: those that end in .j2 rendered, the others copied.

    Names of the engine become those of a model, which begin with ``prefix``; templates have it as a value too.

    Names of files and folders may hold ``{{ value }}`` too. A value that a template asks for and is not given is an
    error.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters |= {"markdown": markdown, "kotlin": kotlin, "swift": swift}
    with as_file(files("firmware_assets") / "templates" / template) as root:
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            if source.parent.name == "__pycache__":  # pip compiles what is Python in an installed template
                continue
            name = renamed(source.relative_to(root).as_posix().removesuffix(".j2"), prefix)
            destination = folder / environment.from_string(name).render(values, prefix=prefix)
            destination.parent.mkdir(parents=True, exist_ok=True)
            text = renamed(source.read_text(encoding="utf-8"), prefix)
            if source.suffix == ".j2":
                text = environment.from_string(text).render(values, prefix=prefix)
            destination.write_text(text, encoding="utf-8")
