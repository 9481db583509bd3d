"""The notebook in docs runs from its first cell to its last, and gives what it shows."""

import ast
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
VARIES = "varies"  # the tag of a cell whose result depends on the machine that trains


def printed(cell) -> str:
    """What a cell printed and gave, without what goes to standard error."""
    said = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    return "".join(output.get("text") or output["data"]["text/plain"] for output in said).strip()


@pytest.mark.slow
def test_the_notebook_gives_what_it_shows(tmp_path):
    shown = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(shown)
    shutil.copy(NOTEBOOK.with_name("demo.wav"), tmp_path)
    ran = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(ran, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [pair for pair in zip(shown.cells, ran.cells, strict=True) if pair[0].cell_type == "code"]
    steady = [pair for pair in cells if VARIES not in pair[0].metadata.get("tags", [])]
    assert [printed(after) for _, after in steady] == [printed(before) for before, _ in steady]
    assert sum(bool(printed(before)) for before, _ in steady) >= 4
    (accuracy,) = [printed(after) for _, after in cells if printed(after).startswith("{'float'")]
    assert set(ast.literal_eval(accuracy)) == {"float", "int8"}


def test_its_output_names_no_machine():
    shown = nbformat.read(NOTEBOOK, as_version=4)
    for cell in shown.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr"
            assert "/tmp" not in str(output)
