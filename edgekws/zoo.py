"""Finds shipped models, in ``firmware_assets/pretrained``, and everything else that RUN can name in a command."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from edgekws import recipe
from edgekws.errors import UserError, nearest
from edgekws.files import folder_name
from edgekws.recipe import Recipe

PREFERRED = ("small", "nano")  # the default model is the first of these that exists
RUNS = Path("runs")  # the place of run folders in the working directory
LISTENING = ("small-listen", *PREFERRED)  # the same for continuous sound: first a model that knows other speech


def folders() -> dict[str, Path]:
    """The folder of every shipped model by name."""
    root = Path(str(files("firmware_assets") / "pretrained"))
    found = sorted(root.glob("*/model_int8.tflite"))
    return {path.parent.name: path.parent for path in found}


def place(named: str | Path, *, runs: Path = RUNS) -> Path:
    """The path that RUN names. In this order: the path of a run, a bundle or a .tflite file; a run's name in ``runs``;
    a shipped model's name. If there is none, a UserError says where it was looked for."""
    path, known = Path(named).expanduser(), folders()
    shipped = known.get(str(named))
    places = [path, *([] if path.is_absolute() else [runs / path]), *([shipped] if shipped else [])]
    for found in places:
        if found.is_file() or (found / "recipe.toml").exists() or (found / "manifest.json").exists():
            return found
    for found in places:
        if found.exists():
            raise UserError(f"{found} is not a run folder: it has no recipe.toml; 'edgekws run' makes one")
    there = (path.parent.name for path in runs.glob("*/recipe.toml"))
    hint = nearest(str(named), [*known, *there], f"these ship: {', '.join(known) or 'none'}")
    raise UserError(
        f"{named}: no such run folder, .tflite file or shipped model; looked for {', '.join(map(str, places))} and "
        f"among the models that ship; {hint}"
    )


def default(preferred: Sequence[str] = PREFERRED) -> Path:
    """The folder of the model that is used if none is named."""
    known = folders()
    for name in preferred:
        if name in known:
            return known[name]
    raise UserError("no pretrained model ships with this copy of edgekws; name a run folder")


def public(private: Recipe) -> Recipe:
    """The recipe without paths of this machine: recordings keep only their name, and other runs become runs/NAME."""
    others = {key: _public_name(getattr(private.training, key)) for key in recipe.EARLIER}
    changes: dict[str, str | list[str]] = {f"training.{key}": name for key, name in others.items()}
    changes["training.averaged_with"] = [_public_name(name) for name in private.training.averaged_with]
    folders = [folder_name(folder) for folder in private.data.unknown_from]
    further = [folder_name(source) for source in private.data.sources]
    named = {"data.source": folder_name(private.data.source), "data.unknown_from": folders, "data.sources": further}
    named["data.rooms"] = [folder_name(folder) for folder in private.data.rooms]
    return recipe.replace(private, named | changes)


def _public_name(model: str) -> str:
    """Another run as runs/NAME. The names of shipped models, and names that are no path, stay unchanged."""
    name = Path(model).name
    shipped = folders().get(name)
    own = Path(model).expanduser()
    taken = shipped and (own == shipped or (name == model and not own.exists() and not (RUNS / own).exists()))
    return name if taken or (name == model and not shipped) else f"runs/{name}"
