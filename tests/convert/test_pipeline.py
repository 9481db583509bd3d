"""The whole pipeline on tones: every artifact, the parity ladder, damage that it must find, and kill -9."""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tone_corpus

from convert.tflite import mediapipe
from edgekws import cli, workspace
from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.model import front_end

pytestmark = pytest.mark.slow
ARTIFACTS = (
    "recipe.toml",
    "float.keras",
    "history.csv",
    "qat_history.csv",
    "fake_quant.npz",
    "model_int8.tflite",
    "model_phone.tflite",
    "labels.txt",
)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work place")
    tone_corpus.write(folder / "tones")
    return folder


def arguments(workplace: Path, name: str) -> list[str]:
    changes = tone_corpus.recipe(workplace / "tones", name=name, model__dropout=0.2, quantization__epochs=2)
    return [part for key, value in changes.items() for part in ("--set", f"{key}={json.dumps(value)}")]


@pytest.fixture(scope="module")
def run(workplace):
    """A finished run, made by the command as a user gives it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKWS_CACHE", str(workplace / "cache"))
        patch.chdir(workplace)
        assert cli.main(["run", *arguments(workplace, "tones")]) == 0
    return workspace.load_run(workplace / "runs" / "tones")


@pytest.fixture
def copy(run, workplace, tmp_path, monkeypatch):
    """The finished run in a folder of its own, to be damaged."""
    monkeypatch.setenv("EDGEKWS_CACHE", str(workplace / "cache"))
    shutil.copytree(run.folder, tmp_path / "copy")
    return workspace.load_run(tmp_path / "copy")


def test_a_run_leaves_everything_a_person_needs(run):
    names = {p.name for p in run.folder.iterdir()}
    assert names >= {*ARTIFACTS, "report.json", "report.html", "model_card.md", "manifest.json", "predictions.npz"}
    report = json.loads(run.report.read_text())
    assert report["accuracy"]["int8"] >= 0.95
    assert {"rung": "phone", "measured": 1.0, "holds": True}.items() <= report["parity"]["bounds"][-1].items()
    assert set(report["accuracy"]) == {"float", "fake_quant", "int8", "xnnpack"}
    assert run.labels.read_text().split() == list(tone_corpus.WORDS)
    assert workspace.damaged_files(run) == []
    assert not list((run.folder / "state").iterdir())


def test_accuracies_in_the_report_are_those_of_the_files(run, workplace, monkeypatch):
    """Scored anew, without the pipeline's own loop."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    monkeypatch.setenv("EDGEKWS_CACHE", str(workplace / "cache"))
    data = run.recipe.data
    split = load(data.source, data.words, Selection(run.recipe.seed, validation_percent=25, testing_percent=25)).split(
        "testing"
    )
    interpreter = Interpreter(str(run.int8_model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    right = 0
    for samples, label in zip(split.samples, split.labels, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"],
                               front_end.codes(np.asarray(samples), run.recipe.model).reshape(1, 1, -1, 1))  # fmt: skip
        interpreter.invoke()
        right += int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax() == label)
    assert right / len(split.labels) == json.loads(run.report.read_text())["accuracy"]["int8"]


def test_a_second_run_has_nothing_to_do_and_changes_nothing(run, workplace, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(workplace / "cache"))
    monkeypatch.chdir(workplace)
    before = {name: (run.folder / name).read_bytes() for name in (*ARTIFACTS, "report.json", "manifest.json")}
    assert cli.main(["run", *arguments(workplace, "tones")]) == 0
    assert {name: (run.folder / name).read_bytes() for name in before} == before


def test_robustness_is_measured_once_and_stays_with_the_model_it_was_measured_of(copy, capsys):
    assert cli.main(["check", str(copy.folder), "--robustness"]) == 0
    assert "200 ms later" in capsys.readouterr().out
    facts = json.loads(copy.report.read_text())
    recorded = facts["robustness"]["conditions"][0]
    assert recorded["int8"]["accuracy"] == facts["accuracy"]["xnnpack"]
    assert recorded["float"]["accuracy"] == facts["accuracy"]["float"]
    assert "## Robustness" in (copy.folder / "model_card.md").read_text()
    assert workspace.damaged_files(copy) == []
    before = copy.report.read_bytes()
    assert cli.main(["check", str(copy.folder)]) == 0
    assert copy.report.read_bytes() == before
    copy.robustness.write_text(json.dumps({"model": "of another", "found": facts["robustness"]}))
    workspace.write_manifest(copy, {})
    assert cli.main(["check", str(copy.folder)]) == 0
    assert "robustness" not in json.loads(copy.report.read_text())


def test_another_recipe_in_the_same_folder_is_refused(run, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert cli.main(["run", *arguments(workplace, "tones"), "--set", "seed=9"]) == 2
    assert "differs in seed" in capsys.readouterr().err


def test_a_flipped_byte_is_caught_by_the_manifest(copy, capsys):
    content = bytearray(copy.history.read_bytes())
    content[-2] ^= 1
    copy.history.write_bytes(content)
    assert cli.main(["check", str(copy.folder)]) == 1
    assert "history.csv" in capsys.readouterr().out


def damaged(content: bytes, how: str) -> bytes:
    """The model with one layer's weights shuffled, or its weights' scales wrong."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    if how == "weights":
        tensor = next(
            t for t in graph.tensors if len(t.shape) == 4 and t.shape[0] == 32 and t.quantization.scale.size == 32
        )
        buffer = model.buffers[tensor.buffer]
        buffer.data = np.random.default_rng(0).permutation(buffer.data)
    else:
        weights, bias = (graph.tensors[i] for i in graph.operators[1].inputs[1:])
        for tensor in (weights, bias):
            tensor.quantization.scale = tensor.quantization.scale * np.float32(4 if how == "scale" else np.nan)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("how", ["weights", "scale"])
def test_a_damaged_model_breaks_the_ladder(copy, capsys, how):
    copy.int8_model.write_bytes(damaged(copy.int8_model.read_bytes(), how))
    workspace.write_manifest(copy, {})  # so that only the ladder can find it
    report = copy.report.read_bytes()
    assert cli.main(["check", str(copy.folder)]) == 1
    assert "BROKEN at rung 'int8'" in capsys.readouterr().out
    assert copy.report.read_bytes() != report


@pytest.mark.parametrize(("name", "rung"), [("float.keras", "float"), ("fake_quant.npz", "fake_quant"),
                                           ("model_phone.tflite", "phone")])  # fmt: skip
def test_a_damaged_rung_is_named(copy, capsys, name, rung):
    (copy.folder / name).write_bytes((copy.folder / name).read_bytes()[:1000])
    assert cli.main(["check", str(copy.folder)]) == 1
    assert f"BROKEN at rung '{rung}'" in capsys.readouterr().out


def test_a_phone_file_of_another_model_breaks_the_ladder(copy, capsys):
    other = damaged(copy.int8_model.read_bytes(), "weights")
    copy.phone_model.write_bytes(mediapipe.build(other, tone_corpus.WORDS, "linear"))
    workspace.write_manifest(copy, {})
    assert cli.main(["check", str(copy.folder)]) == 1
    assert "BROKEN at rung 'phone'" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_model_that_cannot_be_read_breaks_the_ladder_too(copy, capsys, content):
    copy.int8_model.write_bytes(damaged(copy.int8_model.read_bytes(), "nan") if content is None else content)
    report = copy.report.read_bytes()
    assert cli.main(["check", str(copy.folder)]) == 1
    out = capsys.readouterr().out
    assert "BROKEN at rung 'int8'" in out
    assert "model_int8.tflite is missing or not the file" in out
    assert copy.report.read_bytes() == report


def test_killed_at_any_moment_it_ends_the_same(run, workplace, monkeypatch):
    """kill -9 at seven random moments of train, quantize and convert; the last call is a user's."""
    monkeypatch.setenv("EDGEKWS_CACHE", str(workplace / "cache"))
    monkeypatch.chdir(workplace)
    rng = random.Random(1)
    call = ["run", *arguments(workplace, "killed")]
    killed = workplace / "runs" / "killed"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"])  # once for all
    for _ in range(7):
        process = context.Process(target=cli.main, args=(call,))
        progress = _state(killed)
        process.start()
        while process.is_alive() and _state(killed) == progress:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 1.0))
        process.kill()
        process.join()
    command = [sys.executable, "-m", "edgekws.cli", *call]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert all(line.startswith(("float ", "quantization-aware ", "next: ")) for line in done.stderr.splitlines())
    for name in set(ARTIFACTS) - {"recipe.toml"}:
        assert (killed / name).read_bytes() == (run.folder / name).read_bytes(), name


def _state(folder: Path) -> list[tuple[str, int]]:
    """What changes whenever an epoch or a step ends."""
    files = [p for p in folder.rglob("*") if p.is_file()] if folder.exists() else []
    return sorted((p.name, p.stat().st_mtime_ns) for p in files if ".partial" not in p.name)
