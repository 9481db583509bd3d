"""Lists the shipped models as text: their words and their costs."""

from __future__ import annotations

from edgekws import recipe, zoo
from edgekws.guard import untrusted
from edgekws.report import summary


def text() -> str:
    """A line for each model."""
    lines = [
        f"{'model':16}{'architecture':16}{'words':>7}  {'heard right':32}{'tuned':8}{'.tflite':>10}{'C engine':>10}"
    ]
    for name, folder in zoo.folders().items():
        made_by = recipe.load(folder / "recipe.toml")
        figures = untrusted.json_object(folder / "report.json", "install edgekws again")
        right = summary.words_right(figures)
        low, high = (100 * end for end in right.interval)
        tuned = "yes" if (folder / "detector.json").exists() else "no"
        memory = summary.engine_bytes(figures)
        lines.append(
            f"{name:16}{made_by.model.architecture:16}{len(made_by.data.words):>7}  "
            f"{f'{100 * right.value:.2f} % [{low:.2f}, {high:.2f}]':32}{tuned:8}{figures['cost']['tflite_bytes']:>10,}"
            f"{f'{memory:,}' if memory else '-':>10}"
        )
    return "\n".join([*lines, "heard right: testing clips of the words by int8; tuned: for listening; sizes in bytes."])


def architecture_of(name: str) -> str:
    """The architecture of the shipped model with this name; any other name is returned unchanged."""
    folder = zoo.folders().get(name)
    return recipe.load(folder / "recipe.toml").model.architecture if folder else name
