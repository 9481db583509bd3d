"""A folder of C99 that compiles anywhere with ``cc *.c``, with an example that reads a WAV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convert.targets import Request, Target, engine


def _write(request: Request, folder: Path) -> dict[str, Any]:
    return engine.write(request, folder, example=True)


TARGETS = (Target("c99", "C99 sources that compile anywhere with cc *.c", _write),)
