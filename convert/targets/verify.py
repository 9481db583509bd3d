"""Checks that a bundle is what edgekws makes from its model. Nothing in a bundle can exempt a file from the check."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from convert import targets
from convert.targets import Request
from convert.targets.bundle import fill, foreign_in, manifest_of, opened, paths
from convert.tflite.artifact import MANIFEST, of_bundle
from edgekws import __version__
from edgekws.errors import UserError
from edgekws.files import scratch
from edgekws.guard import untrusted
from edgekws.guard.untrusted import FILE_BYTES

_ANEW = "verify it with that version, or make the bundle again"
_OTHER_TOOLS = "the tools on this machine are not those that made it"


class NotCompared(str):
    """A line about something that this machine cannot compare. It may be right."""


def problems(bundle: Path) -> list[str]:
    """One line for each problem of a bundle, and a ``NotCompared`` line for each file or fact that was not compared.

    Without lines, every file is what the model gives. Every file is compared with the manifest; then files and manifest
    are compared with what this version of edgekws makes from the bundle's own model. Raises UserError if ``bundle`` is
    not a bundle.
    """
    with opened(bundle) as folder:
        manifest = manifest_of(folder, bundle)
        sums = manifest["sha256"]
        found = [f"{path} is missing" for path in sorted(sums) if untrusted.inside(folder, path) is None]
        found += [_difference(folder, path, sums) for path in foreign_in(folder, manifest)]
        return found or _compared(folder, manifest)


def kernels(bundle: Path) -> str:
    """The kernel sets of a bundle without problems as text, in the order of preference; empty: it has no engine."""
    with opened(bundle) as folder:
        sets = manifest_of(folder, bundle).get("kernel_sets", [])
    return ", else ".join(f"{made['kernels']} {made['chosen']}" for made in sets)


def _difference(folder: Path, path: str, sums: dict[str, Any]) -> str:
    """A line that says how a file differs from the manifest."""
    if path not in sums:
        return f"{path} does not belong to this bundle"
    if (file := untrusted.inside(folder, path)) is None or (folder / path).is_symlink():
        return f"{path} is a link, or no plain file"
    unix = untrusted.content(file, FILE_BYTES).replace(b"\r\n", b"\n")
    if hashlib.sha256(unix).hexdigest() == sums[path]:
        return f"{path} has the line ends of Windows: git or an editor changed them; .gitattributes keeps git from it"
    return f"{path} was changed (SHA-256 differs)"


def _compared(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Lines that say how files and manifest differ from a bundle made again from the same model."""
    try:
        target, request = targets.find(str(manifest["target"])), _request(folder, manifest)
    except UserError as error:
        return [f"{MANIFEST} was changed ({error})"]
    with scratch() as again:
        try:
            fill(request, target, again)
        except UserError as error:
            return [NotCompared(f"the files were not compared with what the model gives: {error}")]
        made = manifest_of(again, again)
        tools = {key for key in target.of_tools if made.get(key) != manifest.get(key)}
        names = sorted({*paths(again), *paths(folder)})
        files = [path for path in names if not _same(again / path, folder / path)]
    keys = sorted(key for key in made.keys() | manifest.keys() if made.get(key) != manifest.get(key))
    skipped = [path for path in files if tools and path in target.of_tools]
    lines = [f"{path} is not what the model gives" for path in files if path not in skipped]
    lines += [NotCompared(f"{path} was not compared: {_OTHER_TOOLS}") for path in skipped]
    for key in keys:
        if key == "versions":
            lines.append(f"{MANIFEST} says it is of edgekws {manifest[key]['edgekws']}, this is {__version__}; {_ANEW}")
        elif key in tools:
            lines.append(NotCompared(f"{MANIFEST}: {key} was not compared: {_OTHER_TOOLS}"))
        elif key != "sha256":
            lines.append(f"{MANIFEST} was changed ({key} is not what the model gives)")
    return lines


def _request(folder: Path, manifest: dict[str, Any]) -> Request:
    """The request that the bundle was made from. Raises UserError if its manifest cannot be right."""
    kernels, mode = manifest.get("kernels"), manifest.get("mode", "window")
    if not isinstance(kernels, str | None) or not isinstance(mode, str):
        raise UserError(f"kernels and mode are names, got {kernels!r} and {mode!r}; make the bundle again")
    return Request(of_bundle(folder, MANIFEST), kernels, mode)


def _same(a: Path, b: Path) -> bool:
    return a.is_file() and b.is_file() and a.read_bytes() == b.read_bytes()
