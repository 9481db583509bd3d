"""The models that ship in ``firmware_assets/pretrained``, and what RUN stands for in every command."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from edgekws import recipe
from edgekws.errors import UserError, nearest
from edgekws.files import folder_name
from edgekws.recipe import Recipe

PREFERRED = ("small", "nano")  # the default model is the first of these that ships
RUNS = Path("runs")  # where run folders are, from the folder one stands in
LISTENING = ("small-listen", *PREFERRED)  # the same for sound that goes on: one that knows other speech comes first


def folders() -> dict[str, Path]:
    """Every shipped model's folder by name."""
    root = Path(str(files("firmware_assets") / "pretrained"))
    found = sorted(root.glob("*/model_int8.tflite"))
    return {path.parent.name: path.parent for path in found}


def place(named: str | Path, *, runs: Path = RUNS) -> Path:
    """What RUN stands for in every command, in this order: a path of a run, a bundle or a .tflite file, a run's name
    under ``runs``, the name of a model that ships. Raises UserError that says where it was looked for."""
    path, known = Path(named).expanduser(), folders()
    shipped = known.get(str(named))
    places = [path, *([] if path.is_absolute() else [runs / path]), *([shipped] if shipped else [])]
    for found in places:
        if found.is_file() or (found / "recipe.toml").exists() or (found / "manifest.json").exists():
            return found
    for found in places:
        if found.exists():
            raise UserError(f"{found} is not a run folder: it has no recipe.toml")
    there = (path.parent.name for path in runs.glob("*/recipe.toml"))
    hint = nearest(str(named), [*known, *there], f"these ship: {', '.join(known) or 'none'}")
    raise UserError(
        f"{named}: no such run folder, .tflite file or shipped model; looked for {', '.join(map(str, places))} and "
        f"among the models that ship; {hint}"
    )


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
    further = [folder_name(source) for source in private.data.sources]
    named = {"data.source": folder_name(private.data.source), "data.unknown_from": folders, "data.sources": further}
    return recipe.replace(private, named | changes)


def _public_name(model: str) -> str:
    """Another run as runs/NAME, wherever it is; a model that ships, and a mere name that none has, as they are."""
    name = Path(model).name
    shipped = folders().get(name)
    own = Path(model).expanduser()
    taken = shipped and (own == shipped or (name == model and not own.exists() and not (RUNS / own).exists()))
    return name if taken or (name == model and not shipped) else f"runs/{name}"
