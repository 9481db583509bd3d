"""The rooms of the house: which may import which, that nothing imports in a circle, and that no room is crowded."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# from the ground up: a room imports from its own modules and from floors below, never sideways and never upwards
FLOORS = (
    ("edgekws", "edgekws.errors"),
    ("edgekws.text",),
    ("edgekws.guard",),
    ("edgekws.audio", "edgekws.files", "edgekws.model", "edgekws.progress"),
    ("edgekws.words",),
    ("edgekws.recipe",),
    ("edgekws.corpus", "edgekws.zoo"),
    ("edgekws.listen", "edgekws.wake_phrase"),
    ("edgekws.workspace",),
    ("edgekws.report", "edgekws.train"),
    ("edgekws.sweep",),
    ("edgekws.publish",),
    ("convert.tflite",),
    ("convert.quantize",),  # sets its weights from an int8 file, too
    ("convert.engine",),
    ("convert.prove", "convert.targets"),
    ("convert.pipeline",),
    ("convert.aligning", "convert.mining"),
    ("edgekws.spotter",),
    ("edgekws.cli",),
    ("edgekws.start",),
)
DOORS = ("edgekws.cli", "edgekws.spotter")  # by which people come in: the shell's and Python's
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms} | {"convert": 0}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("edgekws", "convert")
    for path in (ROOT / package).rglob("*.py")
}


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports(path: Path) -> set[str]:
    """The modules of this project that a file imports, anywhere in it: at its top, in functions, for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are written in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found & set(MODULES)


GRAPH = {module: imports(path) for module, path in MODULES.items()}
GRAPH["edgekws"] -= {"edgekws.spotter"}  # its names stand in the package, which imports it when one is asked for


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_imports_in_a_circle():
    assert circle(GRAPH) == []


def test_no_two_rooms_import_each_other():
    rooms: dict[str, set[str]] = {room(module): set() for module in GRAPH}
    for module, needed in GRAPH.items():
        rooms[room(module)] |= {room(name) for name in needed} - {room(module)}
    assert circle(rooms) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_room_and_from_floors_below(module):
    here = FLOOR[room(module)]  # a new room needs a floor
    above = {name for name in GRAPH[module] if room(name) != room(module) and FLOOR[room(name)] >= here}
    assert not above, f"{module} may not import {sorted(above)}"


def test_only_the_doors_import_convert():
    outside = {module for module in MODULES if room(module).startswith("edgekws") and room(module) not in DOORS}
    assert [module for module in outside if any(name.startswith("convert") for name in GRAPH[module])] == []


def test_no_room_is_crowded_and_no_name_is_used_twice():
    names = [path for path in MODULES.values() if path.stem not in ("__init__", "__main__")]
    assert max(Counter(path.parent for path in names).values()) <= 12
    assert [name for name, uses in Counter(path.stem for path in names).items() if uses > 1] == []
    assets = [path for path in (ROOT / "firmware_assets").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert max(Counter(path.parent for path in assets).values()) <= 12


def test_every_room_says_what_it_is_for():
    for path in chain((ROOT / "edgekws").glob("*/__init__.py"), (ROOT / "convert").glob("*/__init__.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, path
        assert len(docstring.splitlines()) >= 3, path
