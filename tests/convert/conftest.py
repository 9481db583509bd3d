"""A small model in a folder like one that ships, and targets that are made at once."""

from __future__ import annotations

import pytest
import synthetic_tflite

from convert import targets
from convert.targets import Target
from edgekws import recipe
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool


@pytest.fixture(scope="session")
def content() -> bytes:
    blocks = (Block((Convolution(8, 40, 10),), MaxPool(3)), Block((Convolution(8, 5),), MaxPool(3)))
    return synthetic_tflite.build(Architecture("small", blocks), 3)


@pytest.fixture
def pretrained(tmp_path, content):
    folder = tmp_path / "pre trained"
    folder.mkdir()
    (folder / "model_int8.tflite").write_bytes(content)
    (folder / "labels.txt").write_text('yes\nno\n"ü\n', encoding="utf-8")
    changed = recipe.replace(recipe.Recipe(), {"name": "mine", "model.coding": "mu_law"})
    (folder / "recipe.toml").write_text(recipe.to_toml(changed), encoding="utf-8")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Targets that write two small files in place of the engine: what is tested here is the same for every target."""

    def write(request, folder):
        (folder / "main.c").write_text(f"/* {request.artifact.labels} {request.kernels} */\n", encoding="utf-8")
        (folder / "image.bin").write_bytes(b"built")
        return {"state_bytes": 1000, "flash_bytes": 2000}

    of_tools = frozenset(("flash_bytes", "image.bin"))
    for name in ("c99", "arduino"):
        quick = Target(name, "", write, archive=name == "arduino", of_tools=of_tools)
        monkeypatch.setitem(targets.targets(), name, quick)
