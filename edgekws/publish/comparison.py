"""Makes the table and the charts of a folder of published models from its results.csv only.

results.csv has the columns of a sweep's table. Only the part of the README between two marks is written again. The
same rows give the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from edgekws import workspace
from edgekws.corpus import sources
from edgekws.corpus.clips import rejects
from edgekws.errors import UserError
from edgekws.files import atomic_write
from edgekws.guard import untrusted
from edgekws.model import catalogue
from edgekws.model.tables import VARIANTS, variant_words
from edgekws.report import against, scatter
from edgekws.sweep import results, work
from edgekws.sweep.results import Row

BEGIN, END = "<!-- results: made by 'edgekws tables' from results.csv -->", "<!-- results: end -->"
CHARTS = {"macs": "accuracy_macs.svg", "parameters": "accuracy_parameters.svg"}
AGAINST = "report_and_ours.svg"  # written if a cell of the report was run by the plain recipe
WHOLE = ("seed", "parameters", "macs", "testing_clips")
FRACTIONS = ("float", "float_low", "float_high", "int8", "int8_low", "int8_high")
KEY = ("architecture", "variant", "augmented", "coding", "seed")
HEAD = "| model | variant | parameters | M MAC | 2019 report | plain: float | plain: int8 | good: float | good: int8 |"
INPUTS = {"raw": "raw waveform", "features": "spectral features"}
OPENING = "# Models that ship\n\n"
NOTES = """\
Accuracy on the testing split ({clips} clips) with its 95 % Wilson interval: of several seeds the one in the middle by
int8, and all of them after it. Parameters are those of the .tflite. The plain recipe changes no clip in training, as
the 2019 report's; the good one shifts clips, changes their speed, level and colour, and adds noise.
{run} of the 2019 report's {whole} accuracies were run; an empty field was not, nor was any architecture that only
the table at the end lists. The 2019 report's split is not known, and may share speakers.
`results.csv` has every run with its counts, the paired difference of int8 and float, and the command that makes it
again; FOLDER is Speech Commands v0.01. Runs that a command starts from or learns from come first, by the recipes
of their names in `edgekws/recipes`. `edgekws sweep edgekws/recipes/sweeps/report.toml --data FOLDER` is the whole
report by the plain recipe.

![accuracy against multiply-accumulates]({macs})

![accuracy against parameters]({parameters})

A point of the 2019 report is the best of its network's variants; ours are single runs, seed 1 where no other is named.

What others have published, on other words and splits, for orientation:
"""


def make(folder: Path, added: Sequence[Path] = ()) -> list[str]:
    """Write README.md and both charts of ``folder``, after adding ``added``: runs, published models or results.csv.

    A new row replaces an older one with the same architecture, variant, augmentation, coding and seed. Returns a line
    for each row that was replaced. A UserError if rows have different testing clips; nothing is written then.
    """
    rows = {tuple(row[k] for k in KEY): row for row in read(folder / "results.csv")}
    if unfinished := [row["run"] for row in rows.values() if not row["int8"]]:
        raise UserError(
            f"{folder / 'results.csv'} has runs without a result ({', '.join(unfinished)}), as a sweep's table may; "
            "give a folder of published results, and the sweep's table with --add"
        )
    replaced = []
    for path in added:
        for row in filter(lambda row: row["int8"], _rows_of(path)):
            if old := rows.get(key := tuple(row[k] for k in KEY)):
                replaced.append(f"{row['run']} ({row['int8']}) takes the place of {old['run']} ({old['int8']})")
            rows[key] = row
    if not rows:
        raise UserError(f"{folder} has no results; add a run: edgekws tables {folder} --add runs/NAME")
    ordered = sorted(rows.values(), key=_order)
    first = ordered[0]
    for row in ordered:
        if row["testing_clips"] != first["testing_clips"]:
            raise UserError(
                f"{row['run']} was measured on {row['testing_clips']} testing clips, {first['run']} on "
                f"{first['testing_clips']}: accuracies on different clips cannot be compared in one table"
            )
    readme = folder / "README.md"
    text = untrusted.read_text(readme) if readme.exists() else OPENING
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END) if begun else ("", END, "\n")
    if not ended:
        raise UserError(f"{readme}: the line '{END}' is missing after the table; put it back where the table ends")
    made = {"results.csv": results.to_csv(ordered)}
    for cost, name in CHARTS.items():
        title = scatter.MACS_TITLE if cost == "macs" else scatter.PARAMETERS_TITLE
        made[name] = scatter.svg(chart_points(ordered, cost), title)
    if cells := report_cells(ordered):
        made[AGAINST] = against.svg(cells)
    made[readme.name] = f"{before}{BEGIN}\n\n{markdown(ordered)}\n{END}{after}"
    for name, content in made.items():
        atomic_write(folder / name, content)
    return replaced


def markdown(rows: Sequence[Row]) -> str:
    """The table in Markdown: the 2019 report's accuracy, then float and int8 with the plain and the good recipe."""
    cells: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row["architecture"], row["variant"]][results.kind(row)].append(row)
    for name in {architecture for architecture, _ in cells}:
        for variant in catalogue.find(name).reported_accuracy:
            cells[name, variant]  # a cell of the 2019 report that was not run
    order, columns = list(catalogue.entries()), list(VARIANTS)
    listed = sorted(cells, key=lambda cell: (order.index(cell[0]), (*columns, cell[1]).index(cell[1]), cell[1]))
    lines = [HEAD, "|---|---|---:|---:|---:|---|---|---|---|"]
    for name, variant in listed:
        entry, found = catalogue.find(name), cells[name, variant]
        rows_there = found["plain"] + found["good"]
        parameters = int(rows_there[0]["parameters"]) if rows_there else entry.architecture.parameters()
        macs = int(rows_there[0]["macs"]) if rows_there else entry.architecture.macs()
        reported = entry.reported_accuracy.get(variant)
        texts = [text for kind in ("plain", "good") for text in _accuracies(found[kind])]
        lines.append(
            f"| {name} | {variant_words(variant)} | {parameters:,} | {macs / 1e6:.1f} "
            f"| {f'{reported:.4f}' if reported is not None else ''} | {' | '.join(texts)} |"
        )
    ran = {cell for cell, found in cells.items() if any(found.values())}
    run = sum(variant in catalogue.find(name).reported_accuracy for name, variant in ran)
    whole = sum(len(entry.reported_accuracy) for entry in catalogue.entries().values())
    peers = [
        f"- {peer['name']}, {INPUTS[peer['input']]}: {peer['accuracy']}, {peer['test']} ({peer['source']})"
        for peer in _peers()
    ]
    notes = NOTES.format(clips=rows[0]["testing_clips"], run=run, whole=whole, **CHARTS)
    return "\n".join([*lines, "", notes, *peers, "", *_whole_report(ran), ""])


def chart_points(rows: Iterable[Row], cost: str) -> list[scatter.Point]:
    """Int8 accuracy of every run, the 2019 report's best of each architecture, and other projects', over a column."""
    points = []
    for entry in catalogue.entries().values():
        if entry.reported_accuracy:
            architecture = entry.architecture
            count = architecture.macs() if cost == "macs" else architecture.parameters()
            points.append(scatter.Point(entry.name, count, max(entry.reported_accuracy.values()), "report"))
    for row in rows:
        interval = (float(row["int8_low"]), float(row["int8_high"]))
        parts = [row["architecture"]]
        parts += [variant_words(row["variant"])] if catalogue.find(row["architecture"]).reported_accuracy else []
        parts += [f"seed {row['seed']}"] if row["seed"] != "1" else []
        parts += ["(bound broken)"] if row["status"] == "broken" else []
        name = " ".join(parts)
        points.append(scatter.Point(name, int(row[cost]), float(row["int8"]), results.kind(row), interval))
    for peer in _peers():
        if peer[cost]:
            points.append(scatter.Point(peer["name"], int(peer[cost]), float(peer["accuracy"]), peer["input"]))
    return points


def report_cells(rows: Iterable[Row]) -> list[against.Cell]:
    """Every cell of the 2019 report that the plain recipe was run on; of several seeds, the median."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["report"] and results.kind(row) == "plain":
            found[row["architecture"], row["variant"]].append(row)
    cells = []
    for (name, variant), of_cell in found.items():
        row, entry = median(of_cell), catalogue.find(name)
        interval = (float(row["float_low"]), float(row["float_high"]))
        reported, ours = float(row["report"]), float(row["float"])
        cells.append(against.Cell(entry.table, name, variant, variant_words(variant), reported, ours, interval))
    return cells


def median(rows: Sequence[Row]) -> Row:
    """The median run by int8 accuracy: of two, the lower one; if equal, the lower seed."""
    middle = sorted(float(row["int8"]) for row in rows)[(len(rows) - 1) // 2]
    return min((row for row in rows if float(row["int8"]) == middle), key=lambda row: int(row["seed"]))


def _whole_report(ran: Collection[tuple[str, str]]) -> list[str]:
    """A folded list of all accuracies in the 2019 report. Those run here are bold."""
    lines = [f"| the 2019 report's | {' | '.join(VARIANTS.values())} |", f"|---|{'---|' * len(VARIANTS)}"]
    for name, entry in catalogue.entries().items():
        if entry.reported_accuracy:
            given = {column: f"{value:.4f}" for column, value in entry.reported_accuracy.items()}
            given |= {column: f"**{given[column]}**" for column in given if (name, column) in ran}
            lines.append(f"| {name} | {' | '.join(given.get(column, '') for column in VARIANTS)} |")
    head = "<details><summary>Every accuracy of the 2019 report; in bold those that were run here</summary>"
    return [head, "", *lines, "", "</details>"]


def _accuracies(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["", ""]
    middle, texts = median(rows), []
    for kind in ("float", "int8"):
        text = f"**{middle[kind]}** [{middle[f'{kind}_low']}, {middle[f'{kind}_high']}]"
        seeds = ", ".join(f"{row['seed']}: {row[kind]}" for row in sorted(rows, key=lambda row: int(row["seed"])))
        texts.append(f"{text} (seed {seeds})" if len(rows) == 1 else f"{text} (seeds {seeds})")
    return texts


def _rows_of(path: Path) -> list[Row]:
    if path.suffix == ".csv":
        if not path.exists():
            raise UserError(f"{path} does not exist; expected a run, a published model or a results.csv")
        return read(path)
    run = workspace.load_run(path)
    if not run.report.exists():
        raise UserError(f"{path} is not finished: it has no report; 'edgekws check' makes it")
    if others := [label for label in sources.labels_of(run.recipe) if rejects(label)]:
        raise UserError(
            f"{path} also has {', '.join(others)}; expected a model of words only: other accuracies cannot be compared"
        )
    ending = work.ended(run)
    return [results.row(run, ending)]


def read(path: Path) -> list[Row]:
    """The rows of a results.csv; empty if there is no file. A UserError says what is wrong, and where."""
    if not path.exists():
        return []
    rows = untrusted.table(path, results.COLUMNS, "put back the table of results that was there")
    for line, row in enumerate(rows, 2):
        try:
            catalogue.find(row["architecture"])
            for column in WHOLE if row["int8"] else ():
                int(row[column])
            for column in FRACTIONS if row["int8"] else ():
                float(row[column])
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except (TypeError, ValueError):
            raise UserError(f"{path}, line {line}: expected a number as {column}, got {row[column]!r}") from None
    return rows


def _order(row: Row) -> tuple[int, list[str], int]:
    return list(catalogue.entries()).index(row["architecture"]), [row[k] for k in KEY[1:4]], int(row["seed"])


def _peers() -> list[dict[str, str]]:
    text = (files("edgekws.publish") / "peers.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))
