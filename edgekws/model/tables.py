"""The catalogue and its architectures as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from edgekws.model.catalogue import Entry

VARIANTS = {
    "none": "plain",
    "do25": "DO .25",
    "do50": "DO .5",
    "do75": "DO .75",
    "bn": "BN",
    "do25_bn": "DO .25+BN",
    "do50_bn": "DO .5+BN",
    "do75_bn": "DO .75+BN",
}


def variant_words(column: str) -> str:
    """A variant's name for people: do30_bn becomes DO .3+BN."""
    if column in VARIANTS:
        return VARIANTS[column]
    dropout, *rest = column.split("_")
    return "+".join([f"DO {float(dropout[2:]) / 100:g}".replace("0.", "."), *(part.upper() for part in rest)])


def summary(entry: Entry) -> dict[str, Any]:
    """An entry as in ``edgekws models --json``. Activations are bytes of int8, and costs are of one second."""
    architecture = entry.architecture
    return {
        "name": entry.name,
        "table": entry.table,
        "label": entry.label,
        "parameters": architecture.parameters(),
        "parameters_with_batch_norm": architecture.parameters_with_batch_norm(),
        "reported_parameters": entry.reported_parameters,
        "reported_count_has_batch_norm": entry.batch_norm_counted,
        "macs": architecture.macs(),
        "largest_activations": architecture.largest_activations(),
        "reported_accuracy": entry.reported_accuracy,
        "note": entry.note,
    }


def catalogue_json(entries: Sequence[Entry]) -> str:
    """A JSON list of every entry's summary."""
    return json.dumps([summary(entry) for entry in entries], indent=1)


def catalogue_text(entries: Sequence[Entry]) -> str:
    """A line for each entry under its table's heading, with the 2019 report's count beside ours in the same way."""
    head = (f"{'name':16}{'parameters':>12}{'with BN':>12}{'report':>12}  {'':8}{'M MAC':>9}{'activations':>13}"
            "  the 2019 report's accuracy")  # fmt: skip
    lines, table, notes = [], None, {}
    for entry in entries:
        facts = summary(entry)
        if entry.table != table:
            table = entry.table
            lines += ["", "edgekws's own" if table == "own" else f"the 2019 report, {table}", head]
        accuracies = "  ".join(f"{VARIANTS[k]} {v:.4f}" for k, v in entry.reported_accuracy.items())
        lines.append(
            f"{entry.name:16}{facts['parameters']:>12,}{facts['parameters_with_batch_norm']:>12,}"
            f"{entry.reported_parameters or '-':>12}  {_verdict(entry):8}{facts['macs'] / 1e6:>9.1f}"
            f"{facts['largest_activations']:>13,}  {accuracies}"
        )
        if entry.note:
            notes[entry.table] = entry.note
    lines += ["", "parameters: as in the .tflite, batch norm folded; with BN: gamma and beta counted too.",
              "report: the count it prints; '=' ours is the same to the unit, '=BN' the same with batch norm counted.",
              "activations: largest input and output of one layer, bytes in int8."]  # fmt: skip
    lines += [f"{name}: {note}." for name, note in notes.items()]
    return "\n".join(lines[1:])


def layers_json(entry: Entry) -> str:
    """The summary with a list of layers."""
    layers = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "input": list(layer.input_shape),
            "output": list(layer.output_shape),
            "parameters": layer.parameters,
            "batch_norm_parameters": layer.batch_norm_parameters,
            "macs": layer.macs,
        }
        for layer in entry.architecture.layers()
    ]
    return json.dumps(summary(entry) | {"layers": layers}, indent=1)


def layers_text(entry: Entry) -> str:
    """A line for each layer, and the totals."""
    architecture = entry.architecture
    total = max(architecture.macs(), 1)
    lines = [
        f"{entry.name} ({entry.label})",
        f"{'layer':14}{'input':>14}{'output':>14}{'parameters':>12}{'multiply-accumulates':>22}{'share':>8}",
    ]
    for layer in architecture.layers():
        shapes = ["x".join(map(str, shape)) for shape in (layer.input_shape, layer.output_shape)]
        lines.append(
            f"{layer.name:14}{shapes[0]:>14}{shapes[1]:>14}{layer.parameters:>12,}{layer.macs:>22,}"
            f"{layer.macs / total:>8.1%}"
        )
    lines.append(f"{'in all':42}{architecture.parameters():>12,}{architecture.macs():>22,}")
    lines.append(f"with batch norm's gamma and beta: {architecture.parameters_with_batch_norm():,} parameters")
    if entry.reported_parameters:
        lines.append(f"the 2019 report prints {entry.reported_parameters:,} {_terms(entry)}; {_verdict_words(entry)}")
    for variant, accuracy in entry.reported_accuracy.items():
        lines.append(f"the 2019 report's accuracy, {VARIANTS[variant]}: {accuracy:.4f}")
    if entry.note:
        lines.append(entry.note)
    return "\n".join(lines)


def _terms(entry: Entry) -> str:
    return "(batch norm counted)" if entry.batch_norm_counted else "(batch norm not counted)"


def _verdict(entry: Entry) -> str:
    if entry.reported_parameters is None:
        return ""
    if entry.counted_parameters() != entry.reported_parameters:
        return "differs"
    return "=BN" if entry.batch_norm_counted else "="


def _verdict_words(entry: Entry) -> str:
    ours = entry.counted_parameters()
    return "ours is the same" if ours == entry.reported_parameters else f"ours on the same terms is {ours:,}"
