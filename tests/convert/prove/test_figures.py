import itertools
import json
import platform

import finished_run
import numpy as np
import pytest
import synthetic_tflite

from convert.prove import figures
from convert.tflite import reader
from edgekws import __version__
from edgekws.errors import UserError
from edgekws.model import catalogue
from edgekws.report.metrics import Proportion

WORDS = ("yes", "no", "up")


@pytest.fixture
def clips():
    return finished_run.corpus(WORDS, per_split=100)


def collected(run, clips):
    return figures.collect(run, clips, finished_run.ladder(run))


@pytest.fixture
def found(tmp_path, clips):
    return collected(finished_run.build(tmp_path, clips, wrong=3, float_wrong=2), clips)


def test_figures_survive_json(found):
    text = json.dumps(found, allow_nan=False)
    assert json.dumps(json.loads(text)) == text


def test_accuracies_are_fractions_with_intervals_beside_them(found):
    assert found["accuracy"] == {"float": 298 / 300, "fake_quant": 0.99, "int8": 0.99, "xnnpack": 0.99}
    assert found["accuracy_interval"]["int8"] == list(Proportion(297, 300).interval)
    assert found["correct"]["float"] == 298
    assert found["testing_clips"] == 300


def test_int8_against_float_is_paired(found):
    paired = found["int8_minus_float"]
    assert paired["value"] == pytest.approx(-1 / 300)
    assert (paired["only_int8_right"], paired["only_float_right"]) == (0, 1)
    assert paired["interval"][0] < paired["value"] < paired["interval"][1]


def test_parity_tells_every_rung_and_bound(found):
    assert [rung["name"] for rung in found["parity"]["rungs"]] == ["float", "fake_quant", "int8", "xnnpack"]
    assert found["parity"]["rungs"][0]["agreement"] is None
    assert found["parity"]["rungs"][1]["agreement"] == pytest.approx(299 / 300)
    assert found["parity"]["holds"]
    assert [bound["holds"] for bound in found["parity"]["bounds"]] == [True, True, True]


def test_a_broken_bound_is_told(tmp_path, clips):
    found = collected(finished_run.build(tmp_path, clips, wrong=9, float_wrong=0), clips)
    assert not found["parity"]["holds"]
    assert [bound["rung"] for bound in found["parity"]["bounds"] if not bound["holds"]] == ["int8"]


def test_confusion_and_recall_are_of_the_same_clips(found):
    # the first clips of the testing split are of the first word, heard as the second
    assert found["confusion"]["int8"] == [[97, 3, 0], [0, 100, 0], [0, 0, 100]]
    assert found["confusion"]["float"][0] == [98, 2, 0]
    interval = list(Proportion(97, 100).interval)
    first = {"word": "yes", "correct": 97, "total": 100, "recall": 0.97, "interval": interval}
    assert found["recall"]["int8"][0] == first


def test_costs_are_those_of_the_architecture(found):
    architecture = catalogue.find("nano").architecture
    cost = found["cost"]
    assert cost["parameters"] == architecture.parameters(len(WORDS))
    assert cost["multiply_accumulates"] == sum(layer.macs for layer in architecture.layers(len(WORDS)))
    sizes = [16_000, *(layer.activations for layer in architecture.layers(len(WORDS))), len(WORDS)]
    assert [layer["activation_bytes"] for layer in cost["layers"]] == sizes[1:]
    assert [layer["arena_bytes"] for layer in cost["layers"]] == [a + b for a, b in itertools.pairwise(sizes)]
    assert cost["arena_bytes"] == max(layer["arena_bytes"] for layer in cost["layers"])
    assert sum(layer["multiply_accumulates"] for layer in cost["layers"]) == cost["multiply_accumulates"]


def test_costs_name_each_layers_kind_and_window():
    content = synthetic_tflite.build(catalogue.find("nano").architecture)
    cost = figures.cost(reader.read(content))
    assert cost["tflite_bytes"] == len(content)
    first, second, third = cost["layers"][:3]
    assert (first["kind"], first["kernel"], first["stride"]) == ("convolution", 40, 10)
    assert (second["input"], second["output"]) == ([1600, 16], [1600, 24])
    assert (third["kind"], third["kernel"], third["parameters"]) == ("max pool", 3, 0)
    assert [layer["kind"] for layer in cost["layers"][-2:]] == ["dense", "softmax"]


def test_input_and_output_contract(found):
    heard = {"coding": "linear", "level_control": False}
    assert found["input"] == {"shape": [16000, 1], "scale": 1 / 128, "zero_point": 0, **heard}
    assert found["output"] == {"shape": [1, 3], "scale": 1 / 256, "zero_point": -128}


def test_the_kept_quantization_and_its_lead(found):
    assert found["quantization"]["kept"] == "qat"
    assert found["quantization"]["ahead_by"] == pytest.approx(0.015)
    assert found["quantization"]["validation"]["ptq"]["interval"] == list(Proportion(180, 200).interval)


def test_without_quantization_aware_training_nothing_is_compared(tmp_path, clips):
    found = collected(finished_run.build(tmp_path, clips, qat_epochs=0), clips)
    assert found["quantization"]["kept"] == "ptq"
    assert found["quantization"]["ahead_by"] is None
    assert found["training"]["qat"] == {"epochs": 0}


def test_data_counts_and_preparation(found):
    data = found["data"]
    assert data["counts"]["validation"] == {"yes": 100, "no": 100, "up": 100}
    assert data["totals"] == {"training": 300, "validation": 300, "testing": 300}
    assert data["speakers"]["testing"] == 100
    assert data["preparation"]["padded"] == 3
    assert (data["source"], data["licence"]) == ("made for tests", "CC0")


def test_versions_seed_and_device(found):
    assert found["seed"] == 1
    assert list(found["versions"]) == ["edgekws", "python", *figures.PACKAGES]
    assert {"tensorflow", "keras", "tf_keras", "tfmot", "litert"} <= set(found["versions"])
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["edgekws"] == __version__
    assert found["training"]["float"]["device"] == "CPU (2 cores)"


def test_a_package_under_another_name_has_an_unknown_version(monkeypatch):
    monkeypatch.setitem(figures.PACKAGES, "tensorflow", "no-such-package-anywhere")
    assert figures.versions()["tensorflow"] == "unknown"


def test_a_step_that_did_not_run_is_named(tmp_path, clips):
    run = finished_run.build(tmp_path, clips)
    run.record("convert").unlink()
    with pytest.raises(UserError, match="edgekws convert"):
        collected(run, clips)
