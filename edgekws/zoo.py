"""The models that ship in ``firmware_assets/pretrained``: which there are, and what a recipe may say of others."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from edgekws import recipe
from edgekws.errors import UserError, nearest
from edgekws.files import folder_name
from edgekws.recipe import Recipe

PREFERRED = ("small", "nano")  # the default model is the first of these that ships
LISTENING = ("small-listen", *PREFERRED)  # the same for sound that goes on: one that knows other speech comes first


def folders() -> dict[str, Path]:
    """Every shipped model's folder by name."""
    root = Path(str(files("firmware_assets") / "pretrained"))
    found = sorted(root.glob("*/model_int8.tflite"))
    return {path.parent.name: path.parent for path in found}


def find(name: str) -> Path:
    """The folder of a shipped model; a UserError names those that ship."""
    known = folders()
    if name not in known:
        hint = nearest(name, known, f"there are: {', '.join(known) or 'none'}")
        raise UserError(f"no model called '{name}' ships; {hint}")
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
