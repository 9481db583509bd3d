"""Writes the results of a sweep: results.csv with a row a run, and results.html with the 2019 report's numbers."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edgekws.corpus import sources
from edgekws.files import atomic_write
from edgekws.model import catalogue
from edgekws.recipe import Recipe
from edgekws.report import metrics, render, reproduce, scatter
from edgekws.sweep.work import Ending
from edgekws.workspace import Run

COLUMNS = (
    *("run", "architecture", "variant", "augmented", "coding", "seed", "parameters", "macs", "status"),
    *("validation_float", "validation_int8", "testing_clips", "float_correct", "int8_correct"),
    *("float", "float_low", "float_high", "int8", "int8_low", "int8_high"),
    *("int8_minus_float", "int8_minus_float_low", "int8_minus_float_high", "report", "command"),
)

REPORT_CLASSES = 16  # the 2019 report's accuracy can be compared only with so many words

Row = dict[str, str]


def variant(recipe: Recipe) -> str:
    """The column of the 2019 report for a recipe, such as none, do50 or do50_bn; other dropouts give do30 and so on."""
    dropout = f"do{100 * recipe.model.dropout:g}" if recipe.model.dropout else ""
    return "_".join(filter(None, [dropout, "bn" if recipe.model.batch_norm else ""])) or "none"


def augmented(recipe: Recipe) -> bool:
    """Whether training changes the clips. The 2019 report's training did not."""
    changes = dataclasses.asdict(recipe.augment)
    return any(size for name, size in changes.items() if not name.startswith("snr_db"))


def row(run: Run, ending: Ending | None) -> Row:
    """A run's row, from its records and its report. Unknown columns are empty."""
    recipe = run.recipe
    entry = catalogue.find(recipe.model.architecture)
    architecture = catalogue.architecture(recipe.model.architecture, recipe.model.window)
    classes = len(sources.labels_of(recipe))
    column = variant(recipe)
    reported = entry.reported_accuracy.get(column)
    found: dict[str, object] = {
        "run": recipe.name,
        "architecture": recipe.model.architecture,
        "variant": column,
        "augmented": "yes" if augmented(recipe) else "no",
        "coding": recipe.model.coding,
        "seed": recipe.seed,
        "parameters": architecture.parameters(classes),
        "macs": architecture.macs(classes),
        "status": ending.status if ending else "unfinished",
        "report": f"{reported:.4f}" if reported is not None and classes == REPORT_CLASSES else "",
        "command": reproduce.command(recipe),
    }
    if run.record("train").exists():
        found["validation_float"] = _fraction(run.read_record("train")["validation_accuracy"])
    if run.record("convert").exists():
        record = run.read_record("convert")
        found["validation_int8"] = _fraction(record["validation"][record["kept"]]["accuracy"])
    if ending and ending.status != "failed" and run.report.exists():
        figures = run.read_report()
        total, paired = figures["testing_clips"], figures["int8_minus_float"]
        found["testing_clips"] = total
        if "quantization" in figures:  # in a published model, which has no records
            kept = figures["quantization"]["validation"][figures["quantization"]["kept"]]
            found["validation_float"] = _fraction(figures["training"]["float"]["validation_accuracy"])
            found["validation_int8"] = _fraction(kept["accuracy"])
        for kind in ("float", "int8"):
            found |= counted(kind, figures["correct"][kind], total)
        values = (paired["value"], *paired["interval"])
        names = ("int8_minus_float", "int8_minus_float_low", "int8_minus_float_high")
        found |= {name: _fraction(value) for name, value in zip(names, values, strict=True)}
    return {name: str(found.get(name, "")) for name in COLUMNS}


def write(folder: Path, name: str, runs: Iterable[Run], endings: Mapping[str, Ending]) -> None:
    """Write results.csv and results.html of a sweep, each atomically."""
    rows = [row(run, endings.get(run.recipe.name)) for run in runs]
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "results.csv", to_csv(rows))
    atomic_write(folder / "results.html", html(name, rows, endings))


def to_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV text with the columns ``COLUMNS``."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def html(name: str, rows: Sequence[Row], endings: Mapping[str, Ending]) -> str:
    """The table and the chart as one self-contained page."""
    points = chart_points(rows)
    chart = scatter.svg(points, scatter.MACS_TITLE) if points else ""
    reasons = [ending for ending in endings.values() if ending.reason]
    return render.page("sweep.html.j2", {"name": name, "rows": rows, "chart": chart, "reasons": reasons})


def chart_points(rows: Sequence[Row]) -> list[scatter.Point]:
    """Every measured row's int8 accuracy over multiply-accumulates, and the 2019 report's, once for each cell."""
    points = {}
    for found in rows:
        macs = int(found["macs"])
        if found["report"]:
            cell = f"{found['architecture']} {found['variant']}"
            points[cell, "report"] = scatter.Point(cell, macs, float(found["report"]), "report")
        if found["int8"]:
            interval = (float(found["int8_low"]), float(found["int8_high"]))
            points[found["run"], ""] = scatter.Point(found["run"], macs, float(found["int8"]), kind(found), interval)
    return list(points.values())


def kind(found: Row) -> str:
    """The recipe's kind: "plain" if training changes no clip, as in the 2019 report, else "good"."""
    return "good" if found["augmented"] == "yes" else "plain"


def counted(kind: str, correct: int, total: int) -> Row:
    """The columns of one kind of model, float or int8: clips heard right, their share, and its interval."""
    proportion = metrics.Proportion(correct, total)
    low, high = proportion.interval
    return {
        f"{kind}_correct": str(correct),
        kind: _fraction(proportion.value),
        f"{kind}_low": _fraction(low),
        f"{kind}_high": _fraction(high),
    }


def _fraction(value: float) -> str:
    return f"{value:.4f}"
