"""The catalogue against the 2019 report's tables."""

import csv
from importlib.resources import files

import pytest

from edgekws.errors import UserError
from edgekws.model import catalogue

ENTRIES = catalogue.entries()
REPORTED = {name: entry for name, entry in ENTRIES.items() if entry.table != "own"}


def test_every_row_of_the_report_is_there_with_its_accuracies():
    rows = list(csv.DictReader((files("edgekws.model") / "report_2019.csv").open()))
    assert len(REPORTED) == len(rows) == 74
    cells = sum(bool(row[column]) for row in rows for column in catalogue.ACCURACY_COLUMNS)
    assert sum(len(entry.reported_accuracy) for entry in REPORTED.values()) == cells == 236


def test_57_of_63_printed_counts_are_met_to_the_unit():
    printed = [entry for entry in REPORTED.values() if entry.reported_parameters]
    met = [entry.name for entry in printed if entry.counted_parameters() == entry.reported_parameters]
    missed = {entry.name for entry in printed} - set(met)
    assert (len(printed), len(met)) == (63, 57)
    assert missed == {f"channel-64/{blocks}" for blocks in range(1, 7)}


def test_channel_64_exceeds_by_a_ninth_of_the_dense_layer():
    for blocks in range(1, 7):
        entry = ENTRIES[f"channel-64/{blocks}"]
        length, channels = entry.architecture.layers()[-2].output_shape
        assert entry.reported_parameters - entry.counted_parameters() == 16 * length * channels // 8
        assert entry.note


def test_reference_model_is_the_documented_one():
    architecture = ENTRIES["custom-32/8"].architecture
    assert architecture.parameters() == 94_768
    assert architecture.macs() == 132_748_288
    assert [layer.output_shape[0] for layer in architecture.layers() if layer.kind == "pool"] == [
        5333, 1777, 592, 197, 65, 21, 7,
    ]  # fmt: skip
    assert architecture.largest_activations() == 2 * 16_000 * 32


@pytest.mark.parametrize(
    ("name", "parameters", "macs"), [("nano", 30e3, 8e6), ("small", 100e3, 30e6), ("large", 500e3, 150e6)]
)
def test_own_models_keep_to_their_budgets(name, parameters, macs):
    architecture = ENTRIES[name].architecture
    assert architecture.parameters() <= parameters
    assert architecture.macs() <= macs


def test_unknown_name_names_the_nearest():
    with pytest.raises(UserError, match=r"'custm-32/8'.*custom-32/8"):
        catalogue.find("custm-32/8")


def test_a_name_in_capitals_is_near_to_the_same_without():
    with pytest.raises(UserError, match=r"'SMALL'.*did you mean small\?"):
        catalogue.find("SMALL")
