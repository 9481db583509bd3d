"""The targets of bundles. A target fills a folder from a model, and returns facts for the bundle's manifest.

Each module here holds one family of targets, as its tuple ``TARGETS``. Its templates are in
``firmware_assets/templates``. To add a module, name it in ``MODULES``; docs/adding-a-target.md shows how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from convert.tflite.artifact import Artifact
from edgekws import zoo
from edgekws.errors import UserError, nearest
from edgekws.guard import untrusted

MEASURED = frozenset(("measured", "README.md"))
MODULES = (
    "boards", "bare_metal", "tflm", "phones", "ethos_u", "home.python_package", "home.esphome", "browser.web_bundle",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Request:
    """What a bundle is made from. ``kernels``: a kernel set of the engine; None: the sets that the target prefers."""

    artifact: Artifact
    kernels: str | None = None
    mode: str = "window"


@dataclass(frozen=True)
class Target:
    """One kind of bundle.

    ``write(request, folder)`` fills an empty folder and returns the manifest's facts in addition to the common ones.
    ``archive``: the bundle is a zip file, whose only top entry is a folder with the model's identifier as its name.
    ``engine``: the engine runs the model, so a request may choose kernels and mode.
    ``of_tools``: files, and facts of the manifest, that differ with the tools that this machine has.
    ``board``, ``microphone``, ``checked``: for ``edgekws bundle --list``: the board, the microphone that the example
    listens to, and what has checked the target. ``kernels``: its kernel sets, whose memory the list shows.
    """

    name: str
    help: str
    write: Callable[[Request, Path], dict[str, Any]]
    archive: bool = False
    engine: bool = True
    of_tools: frozenset[str] = MEASURED
    board: str = ""
    microphone: str = "none"
    checked: str = ""
    kernels: tuple[str, ...] = ()


def request(artifact: Artifact, target: Target, kernels: str | None = None, mode: str | None = None) -> Request:
    """The request for this target. Without ``mode``: sliding (a result every hop) for a tuned model, else window."""
    tuned = target.engine and artifact.detector
    return Request(artifact, kernels, mode or ("sliding" if tuned else "window"))


@cache
def targets() -> dict[str, Target]:
    """Every target by name."""
    found = [target for module in MODULES for target in import_module(f"convert.targets.{module}").TARGETS]
    return {target.name: target for target in found}


def find(name: str) -> Target:
    """The target of this name. If there is none, a UserError suggests the nearest name."""
    known = targets()
    if name not in known:
        hint = nearest(name, known, f"choose one of {', '.join(known)}, or all")
        raise UserError(f"no target is called '{name}'; {hint}")
    return known[name]


def listing() -> str:
    """Every target as text: what it is, board, microphone, RAM and flash of the model ``small``, what checked it."""
    figures = untrusted.json_object(zoo.default() / "report.json", "install edgekws again")
    builds = [build for build in figures["engine"]["builds"] if build["mode"] == "window"]
    lines = []
    for target in targets().values():
        costs = [cost for kernels in target.kernels for cost in _cost(kernels, builds)]
        lines += [
            f"{target.name}: {target.help}",
            f"    for {target.board}; microphone: {target.microphone}",
            f"    RAM {_range([ram for ram, _ in costs])}, flash {_range([flash for _, flash in costs])}; "
            f"checked: {target.checked}",
        ]
    name = zoo.default().name
    return "\n".join([*lines, f"RAM (state and stack) and flash of the engine and {name}, a result a second, in QEMU."])


def _cost(kernels: str, builds: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """RAM and flash, in bytes, of the first build with these kernels; empty if no emulated core runs them."""
    found = (build for build in builds if build["kernels"] == kernels and build["stack_bytes"] is not None)
    return [(build["state_bytes"] + build["stack_bytes"], build["flash_bytes"]) for build in found][:1]


def _range(sizes: list[int]) -> str:
    if not sizes:
        return "not measured"
    low, high = (f"{size / 1000:.{1 if size < 100_000 else 0}f}" for size in (min(sizes), max(sizes)))
    return f"{low} kB" if low == high else f"{low} to {high} kB"
