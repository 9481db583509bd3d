"""The models that ship in ``firmware_assets/pretrained``: which there are, and how a finished run becomes one."""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from edgekws import recipe, workspace
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, folder_name
from edgekws.recipe import Recipe
from edgekws.workspace import Run

PREFERRED = ("small", "nano")  # the default model is the first of these that ships
LISTENING = ("small-listen", *PREFERRED)  # the same for sound that goes on: one that knows other speech comes first
KEPT = ("float.keras", "history.csv", "qat_history.csv", "model_int8.tflite", "model_phone.tflite", "labels.txt",
        "detector.json")  # fmt: skip


def folders() -> dict[str, Path]:
    """Every shipped model's folder by name."""
    root = Path(str(files("firmware_assets") / "pretrained"))
    found = sorted(root.glob("*/model_int8.tflite"))
    return {path.parent.name: path.parent for path in found}


def find(name: str) -> Path:
    """The folder of a shipped model; a UserError names those that ship."""
    known = folders()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"no model called '{name}' ships{hint} (there are: {', '.join(known) or 'none'})")
    return known[name]


def resolve(text: str | Path) -> Path:
    """A path as it is where it exists; else the folder of the shipped model of this name, if there is one."""
    path = Path(text)
    return path if path.exists() else folders().get(str(text), path)


def default(preferred: Sequence[str] = PREFERRED) -> Path:
    """The folder of the model that is used where none is named."""
    known = folders()
    for name in preferred:
        if name in known:
            return known[name]
    raise UserError("no pretrained model ships with this copy of edgekws; name a run folder")


def publish(run: Run, destination: Path, *, source: str) -> Path:
    """Copy a finished run to ``destination`` as a model that ships; an earlier one there is replaced.

    ``source`` says in one line what the recordings of words were: it takes the place of the path of this machine in
    report.json and model card. The recipe keeps the last part of its paths. Raises UserError for a run without a
    report, with changed files or with a broken bound.
    """
    from edgekws.corpus import other_sound
    from edgekws.report import run_report

    if not run.report.exists() or not run.manifest.exists():
        raise UserError(f"{run.folder} is not finished: it has no report; 'edgekws run' or 'edgekws check' makes it")
    if damaged := workspace.damaged_files(run):
        raise UserError(f"{run.folder}: {', '.join(damaged)} changed since the check; run 'edgekws check' again")
    figures = json.loads(run.report.read_text())
    if not figures["parity"]["holds"]:
        raise UserError(f"{run.folder}: a bound of its parity ladder is broken ('edgekws check' says which)")
    if destination.exists() and not (destination / "model_int8.tflite").exists():
        raise UserError(f"{destination} exists and is not a published model; choose another place")
    figures["data"]["source"] = other_sound.source(source, run.recipe.data.unknown_from)
    named = public(run.recipe)
    figures["recipe"] = recipe.to_tables(named)
    shutil.rmtree(destination, ignore_errors=True)
    with atomic_folder(destination) as folder:
        for name in KEPT:
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, folder / name)
        atomic_write(folder / "recipe.toml", recipe.to_toml(named))
        workspace.write_json(folder / "report.json", figures)
        atomic_write(folder / "model_card.md", run_report.model_card(figures))
        facts = {"versions": figures["versions"], "seed": run.recipe.seed, "data": figures["data"]}
        workspace.write_manifest(Run(folder, named), facts)
    return destination


def public(private: Recipe) -> Recipe:
    """The recipe without paths of this machine: of recordings and of other runs the name stays, or runs/NAME."""
    others = {key: _public_name(getattr(private.training, key)) for key in ("start_from", "teacher")}
    changes = {f"training.{key}": name for key, name in others.items()}
    folders = [folder_name(folder) for folder in private.data.unknown_from]
    named = {"data.source": folder_name(private.data.source), "data.unknown_from": folders}
    return recipe.replace(private, named | changes)


def _public_name(model: str) -> str:
    """Another run as runs/NAME, wherever it is; a model that ships, and a mere name that none has, as they are."""
    name = Path(model).name
    shipped = folders().get(name)
    return name if resolve(model) == shipped or (name == model and not shipped) else f"runs/{name}"
