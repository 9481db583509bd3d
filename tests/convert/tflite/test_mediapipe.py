"""The phone file: the same core, the very same codes, what its metadata says, and MediaPipe itself."""

import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import synthetic_tflite
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from synthetic_tflite import Options

from convert.tflite import artifact, conversion, mediapipe, reader
from edgekws import audio, zoo
from edgekws.errors import UserError
from edgekws.model import catalogue, coding

LABELS = ("yes", "no", '"ü', "a b")
WINDOW = 16_000
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)
CLIENT = Path(__file__).parents[2] / "mediapipe_client.py"


@pytest.fixture(scope="module")
def core() -> bytes:  # of this seed, the clips get different scores
    return synthetic_tflite.build(catalogue.find("nano").architecture, len(LABELS), Options(seed=2))


@pytest.fixture(scope="module", params=coding.CODINGS)
def made(request, core) -> tuple[str, bytes]:
    """Coding and phone file."""
    return request.param, mediapipe.build(core, LABELS, request.param)


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """int16 (8, window): noise from faint to clipped, and silence."""
    noise = np.random.default_rng(0).standard_normal((8, WINDOW))
    return np.clip(np.rint(noise * [[0], [3], [60], [500], [2000], [9000], [20000], [40000]]), -32_768, 32_767).astype(
        np.int16
    )


def codes(content: bytes, samples: np.ndarray, kind: OpResolverType) -> np.ndarray:
    """What a phone file makes of float samples (n,): the int8 its core would get, from the graph cut off there."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    subgraph = model.subgraphs[0]
    names = [opcode.builtinCode for opcode in model.operatorCodes]
    first = next(
        i for i, op in enumerate(subgraph.operators) if names[op.opcodeIndex] == schema.BuiltinOperator.QUANTIZE
    )
    subgraph.operators, subgraph.outputs = subgraph.operators[: first + 1], subgraph.operators[first].outputs
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    interpreter = Interpreter(model_content=bytes(builder.Output()), experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    padded = np.zeros(-(-len(samples) // WINDOW) * WINDOW, np.float32)
    padded[: len(samples)] = samples
    found = []
    for window in padded.reshape(-1, 1, WINDOW):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).reshape(-1))
    return np.concatenate(found)[: len(samples)]


@pytest.mark.parametrize("kind", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
def test_every_sample_gets_its_code(made, kind):
    name, content = made
    found = codes(content, EVERY_SAMPLE.astype(np.float32) / 32_768, kind)
    assert np.array_equal(found, coding.encode(EVERY_SAMPLE, name))


@pytest.mark.parametrize("kind", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
def test_samples_between_and_beyond_are_rounded_as_a_recording(made, kind):
    name, content = made
    ties = (np.arange(-33_000, 33_000) + 0.5).astype(np.float32) / 32_768
    between = np.random.default_rng(1).uniform(-1.2, 1.2, 50_000).astype(np.float32)
    samples = np.concatenate([ties, between, np.array([1, -1, 8, -8, 0, -0.0], np.float32)])
    recorded = np.clip(np.rint(samples * np.float32(32_768)), -32_768, 32_767).astype(np.int16)
    assert np.array_equal(codes(content, samples, kind), coding.encode(recorded, name))


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
def test_scores_are_those_of_the_int8_file(made, core, clips, kernels):
    name, content = made
    int8 = conversion.predict(core, coding.encode(clips, name), kernels=kernels, progress=False)
    assert len(np.unique(int8, axis=0)) > 4
    assert np.array_equal(mediapipe.scores(content, clips, kernels=kernels), (int8.astype(np.float32) + 128) / 256)


def test_the_core_is_unchanged(made, core):
    before, after = (schema.ModelT.InitFromPackedBuf(c, 0) for c in (core, made[1]))
    for old, new in zip(before.subgraphs[0].tensors, after.subgraphs[0].tensors, strict=False):
        assert (old.name, old.type, list(old.shape)) == (new.name, new.type, list(new.shape))
        if old.quantization:
            assert np.array_equal(old.quantization.scale, new.quantization.scale)
            assert np.array_equal(old.quantization.zeroPoint, new.quantization.zeroPoint)
        assert np.array_equal(before.buffers[old.buffer].data, after.buffers[new.buffer].data)
    kinds = [after.operatorCodes[op.opcodeIndex].builtinCode for op in after.subgraphs[0].operators]
    core_kinds = [before.operatorCodes[op.opcodeIndex].builtinCode for op in before.subgraphs[0].operators]
    first = kinds.index(schema.BuiltinOperator.QUANTIZE) + 1
    assert kinds[first:] == [*core_kinds, schema.BuiltinOperator.DEQUANTIZE]
    subgraph = after.subgraphs[0]
    ports = [subgraph.tensors[i] for i in (*subgraph.inputs, *subgraph.outputs)]
    assert [(list(p.shape), p.type) for p in ports] == [([1, WINDOW], 0), ([1, len(LABELS)], 0)]


def test_labels_stand_in_the_zip_and_the_same_arguments_give_the_same_bytes(made, core):
    name, content = made
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)
    assert mediapipe.build(core, LABELS, name) == content


def test_what_does_not_fit_is_named(core):
    with pytest.raises(UserError, match="3 labels for 4 classes"):
        mediapipe.build(core, LABELS[:3], "linear")
    with pytest.raises(UserError, match="no coding is called 'a-law'; choose one of linear, mu_law"):
        mediapipe.build(core, LABELS, "a-law")
    shifted = synthetic_tflite.build(catalogue.find("nano").architecture, 4, Options(input_zero_point=3))
    with pytest.raises(UserError, match="zero point 3"):
        mediapipe.build(shifted, LABELS, "linear")
    with pytest.raises(UserError, match="FLOAT32|QUANTIZE|RESHAPE|MUL|ADD|not int8"):
        reader.read(mediapipe.build(core, LABELS, "linear"))  # the engine is made from the int8 file


def test_every_shipped_model_has_its_phone_file():
    assert zoo.folders()
    for folder in zoo.folders().values():
        shipped = artifact.load(folder)
        assert (folder / "model_phone.tflite").read_bytes() == mediapipe.build(
            shipped.content, shipped.labels, shipped.coding
        )


def mediapipe_python() -> str | None:
    """A Python that has mediapipe, whose packages do not go together with the project's own."""
    if importlib.util.find_spec("mediapipe"):
        return sys.executable
    return os.environ.get("EDGEKWS_MEDIAPIPE_PYTHON")


needs_mediapipe = pytest.mark.skipif(
    not mediapipe_python(),
    reason="mediapipe is not here: python3 -m venv mp && mp/bin/pip install mediapipe; "
    "EDGEKWS_MEDIAPIPE_PYTHON=mp/bin/python pytest …",
)


def by_mediapipe(content: bytes, samples: np.ndarray, folder: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels and scores that MediaPipe's AudioClassifier gives."""
    model = folder / "model phone.tflite"
    model.write_bytes(content)
    np.save(folder / "samples.npy", samples)
    command = [mediapipe_python(), CLIENT, model, folder / "samples.npy", folder / "scores.npz"]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    with np.load(folder / "scores.npz") as found:
        return tuple(found["names"]), found["scores"]


@needs_mediapipe
def test_mediapipe_gives_the_same_scores(made, clips, tmp_path):
    names, scores = by_mediapipe(made[1], clips, tmp_path)
    assert names == LABELS
    assert np.array_equal(scores, mediapipe.scores(made[1], clips))


@needs_mediapipe
@pytest.mark.skipif(
    "EDGEKWS_SPEECH_COMMANDS" not in os.environ,
    reason="set EDGEKWS_SPEECH_COMMANDS to an unpacked Speech Commands folder",
)
def test_mediapipe_gives_the_same_scores_on_recordings(tmp_path):
    folder = Path(os.environ["EDGEKWS_SPEECH_COMMANDS"])
    recordings = [folder / line for line in (folder / "testing_list.txt").read_text().split()]
    recordings = [path for path in recordings if path.exists()][::13][:100]
    samples = np.stack([audio.read_clip(path)[0] for path in recordings])
    assert len(samples) == 100
    model = zoo.default() / "model_phone.tflite"
    _, scores = by_mediapipe(model.read_bytes(), samples, tmp_path)
    assert np.array_equal(scores, mediapipe.scores(model, samples))
    assert len(np.unique(scores, axis=0)) > 10
