"""Makes bundles. A bundle is a folder or zip file made from a model for one target; its manifest lets it be checked."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from convert import targets
from convert.targets import Request
from convert.targets.names import identifier
from convert.tflite.artifact import CARD, MANIFEST, MODEL
from edgekws import __version__, files
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, scratch, sha256, writing
from edgekws.guard import archives, untrusted
from edgekws.listen import detector
from edgekws.workspace import write_json

LICENCE = "LICENSE"  # covers the engine and all that edgekws writes around it
GIT_ATTRIBUTES = b"* -text\n"  # git may convert line ends, on Windows by default, and then every file differs
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that zip has


def make(request: Request, target: str, destination: Path) -> Path:
    """Write the bundle to ``destination``, whole or not at all. An earlier bundle there is replaced.

    The bundle is a folder, or a zip file if the target is an archive; its name then ends in .zip. On one machine the
    same request gives the same bytes. Returns where the bundle is.

    Raises:
        UserError: something other than an unchanged bundle is in the way, or the request chooses kernels or a mode and
            the target does not run the engine.
    """
    chosen = targets.find(target)
    if not chosen.engine and (request.kernels or request.mode != "window"):
        raise UserError(
            f"the target {target} does not run the engine, so it has no kernels and no mode; leave out --kernels and "
            "--mode"
        )
    _make_place(destination.parent)
    if chosen.archive:
        destination = _place(chosen, destination)
        _refuse_strangers(destination)
        with scratch() as place:
            folder = place / identifier(request.artifact.name)
            folder.mkdir()
            fill(request, chosen, folder)
            atomic_write(destination, _zip(folder))
        return destination
    _refuse_strangers(destination)
    with files.replaced(destination), atomic_folder(destination) as folder:
        fill(request, chosen, folder)
    return destination


def set_aside(target: str, destination: Path) -> Path | None:
    """If the user changed the bundle that ``make`` would replace, move it aside. Returns its new place, else None.

    Nothing in it is lost, and ``make`` can then write.
    """
    place = _place(targets.find(target), destination)
    if not place.exists() or not _is_bundle(place) or not _foreign(place):
        return None
    numbers = (place.with_name(f"{place.stem}-before-{number}{place.suffix}") for number in itertools.count(1))
    aside = next(path for path in numbers if not path.exists())
    with writing(aside):
        place.rename(aside)
    return aside


def not_built(bundle: Path) -> str:
    """Why a board's bundle has no image; empty if it has one, or the board's framework makes it."""
    if not bundle.is_dir():
        return ""
    built = str(manifest_of(bundle, bundle).get("image_built", ""))
    return built.removeprefix("no: ") if built.startswith("no: ") else ""


def _place(target: targets.Target, destination: Path) -> Path:
    """Where the bundle is written: the names of archives end in .zip."""
    return destination.with_name(destination.name.removesuffix(".zip") + ".zip") if target.archive else destination


def fill(request: Request, target: targets.Target, folder: Path) -> None:
    """Write all files of a bundle into an empty folder."""
    artifact = request.artifact
    facts = target.write(request, folder)
    (folder / MODEL).write_bytes(artifact.content)
    (folder / ".gitattributes").write_bytes(GIT_ATTRIBUTES)
    (folder / LICENCE).write_bytes((resources.files("firmware_assets") / LICENCE).read_bytes())
    if artifact.card:
        (folder / CARD).write_text(artifact.card, encoding="utf-8")
    common = {
        "target": target.name,
        "model": artifact.name,
        "model_sha256": hashlib.sha256(artifact.content).hexdigest(),
        "labels": list(artifact.labels),
        "coding": artifact.coding,
        "level_control": artifact.level_control,
        "sample_rate": 16_000,
        "window_samples": artifact.graph.input.length,
        "versions": {"edgekws": __version__},
        "licences": {"engine": "Apache-2.0", "model": "see model_card.md" if artifact.card else "unknown"},
    }
    if artifact.logit_adjustment:
        common["logit_adjustment"] = artifact.logit_adjustment
    if artifact.detector:  # also if the target has no engine: its users write a detector
        common["detector"] = detector.to_json(artifact.settings(artifact.detector.settings.hop), artifact.labels)
    sums = {path: sha256(folder / path) for path in paths(folder)}
    write_json(folder / MANIFEST, common | facts | {"sha256": sums})


def paths(folder: Path) -> list[str]:
    """The paths of all files but the manifest, with / and sorted."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path != MANIFEST)


def _zip(folder: Path) -> bytes:
    """The bytes of a zip with the folder as its only top entry. The same files give the same bytes."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (*paths(folder), MANIFEST):
            entry = zipfile.ZipInfo(f"{folder.name}/{path}", _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, (folder / path).read_bytes())
    return buffer.getvalue()


def manifest_of(folder: Path, bundle: Path) -> dict[str, Any]:
    """The manifest in a bundle's folder. Errors name it as ``bundle``."""
    if not (folder / MANIFEST).exists():
        raise UserError(f"{bundle} is not a bundle: it has no {MANIFEST}; 'edgekws bundle' makes one")
    found = untrusted.json_object(folder / MANIFEST, "make the bundle again")
    with untrusted.reading(f"{bundle}: {MANIFEST}", "manifest, or not a bundle's", "make the bundle again"):
        whole = found["target"] and found["model_sha256"] and found["versions"]["edgekws"]
        if not whole or not isinstance(found["sha256"], dict):
            raise ValueError("it names no target, model or files")
    return found


@contextlib.contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The bundle as a folder. A zip is unpacked into a temporary folder, within limits of size and number."""
    if bundle.is_dir():
        yield bundle
        return
    if not bundle.exists():
        raise UserError(f"{bundle} does not exist; expected a bundle's folder or zip file")
    remedy = "make the bundle again"
    try:
        packed = archives.members(bundle, "zip file", remedy)
    except UserError as error:
        raise UserError(f"{bundle} is neither a bundle's folder nor its zip file ({error})") from None
    with scratch() as place:
        for path, data in archives.placed(packed, place, bundle, remedy).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        top = list(place.iterdir())
        if len(top) != 1 or not top[0].is_dir():
            raise UserError(
                f"{bundle} is not a bundle: its zip holds {len(top)} entries at the top, expected one folder; {remedy}"
            )
        yield top[0]


def foreign_in(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Paths in a bundle's folder that edgekws did not write, or that changed since."""
    return files.foreign(folder, manifest["sha256"] | {MANIFEST: sha256(folder / MANIFEST)})


def _make_place(parent: Path) -> None:
    """Make the folder that will contain the bundle; a UserError if that is a bundle itself, which this would spoil."""
    if parent.is_dir() and _is_bundle(parent):
        raise UserError(f"{parent} is a bundle itself; choose another place with --out")
    try:
        with writing(parent):
            parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{parent} is a file; choose another place with --out") from None


def _refuse_strangers(destination: Path) -> None:
    """A UserError if a new bundle at ``destination`` would destroy anything of the user's."""
    if not destination.exists() or (destination.is_dir() and not any(destination.iterdir())):
        return
    if not _is_bundle(destination):
        raise UserError(f"{destination} exists and is not a bundle; choose another place with --out")
    if changed := _foreign(destination):
        named = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise UserError(
            f"{destination} has files that edgekws did not write, or that changed since: {named}; nothing was "
            "replaced: move them away, choose another place with --out, or let --force set the old bundle aside"
        )


def _foreign(bundle: Path) -> list[str]:
    with opened(bundle) as folder:
        return foreign_in(folder, manifest_of(folder, bundle))


def _is_bundle(path: Path) -> bool:
    """Whether a folder or zip file has a bundle's manifest; a run's manifest does not count."""
    try:
        with opened(path) as folder:
            manifest_of(folder, path)
    except UserError:
        return False
    return True
