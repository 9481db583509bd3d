"""Templates of ``firmware_assets/templates``: a folder a target, whose files become the bundle's."""

from __future__ import annotations

import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any


def identifier(name: str) -> str:
    """A model's name as an identifier of C, of CMake and of every library manager: letters, digits and _."""
    plain = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "model"
    return plain if plain[0].isalpha() else f"m_{plain}"


def render(template: str, folder: Path, **values: Any) -> None:
    """Write every file of a template's folder into ``folder``: those that end in .j2 rendered, the others copied.

    Names of files and folders may hold ``{{ value }}`` too. A value that a template asks for and is not given is an
    error.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    with as_file(files("firmware_assets") / "templates" / template) as root:
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            relative = environment.from_string(source.relative_to(root).as_posix()).render(values)
            destination = folder / relative.removesuffix(".j2")
            destination.parent.mkdir(parents=True, exist_ok=True)
            content = source.read_bytes()
            if source.suffix == ".j2":
                content = environment.from_string(content.decode("utf-8")).render(values).encode("utf-8")
            destination.write_bytes(content)
