"""What a bundle can be made for: each target fills a folder from a model, and says what its manifest should.

A module here holds one family of targets; its templates stand in ``firmware_assets/templates``. Adding one: write the
module with a ``TARGETS`` tuple and name it in ``MODULES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from convert.tflite.artifact import Artifact
from edgekws.errors import UserError, nearest

MEASURED = frozenset(("measured", "README.md"))
MODULES = ("boards", "bare_metal", "tflm", "phones", "ethos_u")


@dataclass(frozen=True, eq=False)
class Request:
    """What a bundle is made from. ``kernels``: a kernel set of the engine, or None for what the target likes best."""

    artifact: Artifact
    kernels: str | None = None
    mode: str = "window"


@dataclass(frozen=True)
class Target:
    """One kind of bundle.

    ``write(request, folder)`` fills an empty folder and returns what the manifest should say beside the common facts.
    ``archive``: the bundle is a zip file whose only entry at the top is a folder of the model's identifier.
    ``engine``: the model is run by the engine, so that a request may choose its kernels and mode.
    ``of_tools``: files and facts of the manifest that other tools, or none, make otherwise.
    """

    name: str
    help: str
    write: Callable[[Request, Path], dict[str, Any]]
    archive: bool = False
    engine: bool = True
    of_tools: frozenset[str] = MEASURED


@cache
def targets() -> dict[str, Target]:
    """Every target by name."""
    found = [target for module in MODULES for target in import_module(f"convert.targets.{module}").TARGETS]
    return {target.name: target for target in found}


def find(name: str) -> Target:
    """The target of this name; a UserError names the nearest one where there is none."""
    known = targets()
    if name not in known:
        hint = nearest(name, known, f"choose one of {', '.join(known)}, or all")
        raise UserError(f"no target is called '{name}'; {hint}")
    return known[name]
