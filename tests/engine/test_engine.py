"""The generated engine, compiled for this machine, equals TensorFlow Lite Micro to the bit."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache, lru_cache

import numpy as np
import pytest
import synthetic_tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from engine import host
from synthetic_tflite import Options

from convert.engine import codegen
from convert.tflite import reader, tflm_reference
from convert.tflite.graph import Convolution, Graph, MaxPool
from edgekws.model import catalogue, coding
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

# Every parameter that changes the engine's course: paddings, ceil and floor pools whose first or last group is clipped,
# strides below and above the kernel, kernels wider than the group, odd and single channels, windows of awkward length.
SHAPES = {
    "same, pool 3": Architecture("", (Block((Conv(4, 5),)), Block((Conv(6, 5),), Pool(3))), (), 331),
    "valid, ceil pool 4": Architecture("", (Block((Conv(3, 25, 1, "valid"),), Pool(4, "same")),) * 2, (), 500),
    "ceil pool 3, one over": Architecture("", (Block((Conv(2, 3),), Pool(3, "same")),) * 3, (), 301),
    "ceil pool 3, two over": Architecture("", (Block((Conv(2, 3),), Pool(3, "same")),) * 3, (), 302),
    "ceil pool 5, both ends clipped": Architecture("", (Block((Conv(2, 3),), Pool(5, "same")),) * 2, (), 202),
    "two convolutions a block": Architecture("", (Block((Conv(5, 3), Conv(7, 3)), Pool(3)),) * 3, (), 400),
    "stride 4": Architecture("", (Block((Conv(8, 25, 4),)), Block((Conv(8, 5),), Pool(3))), (), 640),
    "stride 10 of 40": Architecture("", (Block((Conv(8, 40, 10),), Pool(3)), Block((Conv(3, 5),))), (), 1001),
    "stride 16 of 96, pool first": Architecture(
        "", (Block((Conv(12, 96, 16),), Pool(3)), Block((Conv(8, 5),), Pool(3))), (), 2003
    ),
    "stride 8 of 128, valid": Architecture("", (Block((Conv(12, 128, 8, "valid"),), Pool(4, "same")),), (), 1500),
    "stride above kernel": Architecture("", (Block((Conv(3, 2, 5),), Pool(2)), Block((Conv(3, 3, 4),))), (), 403),
    "stride above kernel, valid": Architecture("", (Block((Conv(3, 2, 5, "valid"),)), Block((Conv(3, 3),))), (), 403),
    "kernel as long as the window": Architecture("", (Block((Conv(3, 50, 1, "valid"),)),), (), 50),
    "kernel longer than the window": Architecture("", (Block((Conv(3, 31),), Pool(2)),), (), 20),
    "even kernels": Architecture("", (Block((Conv(3, 4),), Pool(2)), Block((Conv(3, 6),), Pool(2, "same"))), (), 123),
    "one output": Architecture("", (Block((Conv(3, 5),), Pool(64, "same")),), (), 50),
    "one channel, kernel 1": Architecture("", (Block((Conv(1, 1),)), Block((Conv(1, 1),), Pool(4))), (), 64),
    "last samples not looked at": Architecture("", (Block((Conv(3, 3, 1, "valid"),), Pool(8)),), (), 101),
    "hidden layers": Architecture("", (Block((Conv(4, 5),), Pool(3)),), (9, 5), 200),
}
QUICK = ("custom-32/8", "kernel-5/6", "only-conv/5", "vgg-64/6", "nano", "small")
OPTIONS = {
    "as trained": Options(),
    "any zero points": Options(random_zero_points=True, input_zero_point=17),
    "no ReLU": Options(relu=False, input_zero_point=-128),
    "no ReLU, any zero points": Options(relu=False, random_zero_points=True),
    "dense per channel": Options(dense_per_channel=True),
    "convolutions per tensor": Options(conv_per_tensor=True),
    "no bias": Options(bias=False),
    "no softmax": Options(softmax=False),
    "small weights": Options(weight_limit=3),  # multipliers above one: shifts to the left
}


def clips(length: int, seed: int = 0) -> dict[str, np.ndarray]:
    """int16 windows that find the edges of the arithmetic."""
    random = np.random.default_rng(seed)
    impulse = np.zeros(length, np.int16)
    impulse[length // 3] = -32768
    time = np.arange(length)
    return {
        "noise": random.integers(-32768, 32768, length).astype(np.int16),
        "quiet noise": random.normal(0, 300, length).astype(np.int16),
        "full-scale square": np.where(time // 7 % 2, 32767, -32768).astype(np.int16),
        "tone": (20000 * np.sin(time * 0.21)).astype(np.int16),
        "constant": np.full(length, 32767, np.int16),
        "negative constant": np.full(length, -32768, np.int16),
        "impulse": impulse,
        "silence": np.zeros(length, np.int16),
    }


def assert_equal_to_tflm(read: Graph, engine: host.Engine, inputs: dict[str, np.ndarray], code: str = "linear") -> None:
    """The scores, and every stage's output."""
    for name, samples in inputs.items():
        outputs = tflm_outputs(read, samples.tobytes(), code)
        stages, scores = engine.traced(samples)
        for mine, golden in zip(stages, stage_outputs(read, outputs), strict=True):
            np.testing.assert_array_equal(mine, golden, err_msg=name)
        np.testing.assert_array_equal(scores, outputs[-1][0], err_msg=name)


@lru_cache(maxsize=256)  # several kernel sets are held against the same
def tflm_outputs(read: Graph, samples: bytes, code: str) -> list[np.ndarray]:
    """The output of every layer for int16 samples."""
    return tflm_reference.run(read, coding.encode(np.frombuffer(samples, np.int16), code))


def stage_outputs(read: Graph, outputs: list[np.ndarray]) -> list[np.ndarray]:
    """Those of the layers' outputs that leave a stage: of a convolution, or of the pool behind it."""
    followers = (*read.layers[1:], None)
    return [
        output
        for layer, follower, output in zip(read.layers, followers, outputs, strict=True)
        if isinstance(layer, MaxPool) or (isinstance(layer, Convolution) and not isinstance(follower, MaxPool))
    ]


@cache
def synthetic(name: str, options: str = "as trained") -> bytes:
    return synthetic_tflite.build(catalogue.find(name).architecture, options=OPTIONS[options])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("positions", [None, 12])
def test_shapes(shape, positions, tmp_path):
    read = synthetic_tflite.graph(SHAPES[shape], classes=5)
    engine = host.build(read, tmp_path, positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    read = synthetic_tflite.graph(SHAPES["hidden layers"], classes=7, options=OPTIONS[options])
    assert_equal_to_tflm(read, host.build(read, tmp_path), clips(read.input.length))


def test_small_weights_do_shift_to_the_left(tmp_path):
    data = synthetic_tflite.build(SHAPES["one channel, kernel 1"], options=OPTIONS["small weights"])
    plan = host.build(reader.read(data), tmp_path).plan
    assert max(planned.scaling.shift.max() for planned in plan.stages) > 0


@pytest.mark.parametrize("classes", [1, 2, 16, 35, 500])
def test_class_counts(classes, tmp_path):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=classes)
    assert_equal_to_tflm(read, host.build(read, tmp_path), clips(read.input.length))


@pytest.mark.parametrize("code", coding.CODINGS)
def test_every_sample_is_coded_as_in_training(code, tmp_path):
    """Through a network that passes its input on: kernel 1, weight 1, same scale."""
    read = synthetic_tflite.graph(Architecture("", (Block((Conv(1, 1),)),), (), 1 << 16))
    engine = host.build(read, tmp_path, coding=code)
    assert_equal_to_tflm(read, engine, {"every sample": np.arange(-32768, 32768).astype(np.int16)}, code)


@pytest.mark.parametrize("name", QUICK)
def test_catalogue(name, tmp_path):
    read = reader.read(synthetic(name))
    some = {key: value for key, value in clips(16_000).items() if key in ("noise", "tone", "impulse")}
    assert_equal_to_tflm(read, host.build(read, tmp_path, host.FAST), some)


LARGEST = int(os.environ.get("EDGEKWS_LARGEST", "600000"))  # parameters
SEEDS = int(os.environ.get("EDGEKWS_SEEDS", "20"))  # seven inputs each


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in catalogue.entries() if name not in QUICK])
def test_whole_catalogue(name, tmp_path):
    parameters = catalogue.find(name).architecture.parameters()
    if parameters > LARGEST:
        pytest.skip(f"{parameters:,} constants take minutes to compile: EDGEKWS_LARGEST={parameters} runs this one too")
    read = synthetic_tflite.graph(catalogue.find(name).architecture)
    assert_equal_to_tflm(read, host.build(read, tmp_path, host.FAST), {"tone": clips(16_000)["tone"]})


@pytest.mark.slow
@pytest.mark.timeout(3600)  # with the sanitizers
def test_many_inputs_on_the_reference_model(tmp_path):
    """A hundred inputs, or with EDGEKWS_SEEDS=125 hundreds.

    LiteRT's reference kernels judge the convolutions. Our own reference judges the rest, which LiteRT rounds
    differently. The DSP kernels, which are slow in plain C, get a fifth of the inputs. None comes twice.
    """
    data = synthetic("custom-32/8")
    read = reader.read(data)
    kernels = ("portable", "dsp", "dsp_fast", *host.native_kernels())
    engines = {name: host.build(read, tmp_path / name, host.FAST, kernels=name) for name in kernels}
    interpreter = reference_interpreter(data)
    dense, softmax = read.layers[-2:]
    seen = set()
    for seed in range(SEEDS):
        for name, samples in clips(16_000, seed).items():
            rolled = np.roll(samples, seed) if seed % 2 else np.roll(samples, -seed) // (1 + seed // 8)
            if (content := rolled.tobytes()) in seen:  # silence, and a constant however it is rolled
                continue
            seen.add(content)
            interpreter.set_tensor(read.input.tensor, coding.encode(rolled, "linear").reshape(1, 1, -1, 1))
            interpreter.invoke()
            features = interpreter.get_tensor(read.layers[-3].output.tensor).reshape(1, -1)
            golden = tflm_reference.softmax(softmax, tflm_reference.dense(dense, features))[0]
            for kernel_set, engine in engines.items():
                if kernel_set.startswith("dsp") and seed % 5:
                    continue
                where = f"{kernel_set}: {name} {seed}"
                stages, scores = engine.traced(rolled)
                np.testing.assert_array_equal(stages[-1].reshape(1, -1), features, err_msg=where)
                np.testing.assert_array_equal(scores, golden, err_msg=where)


def reference_interpreter(data: bytes) -> Interpreter:
    """LiteRT with its reference kernels; every tensor can be read."""
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    return interpreter


@pytest.mark.parametrize("options", ["as trained", "any zero points", "convolutions per tensor"])
@pytest.mark.parametrize("name", ["custom-32/8", "only-conv/5"])
def test_convolutions_equal_the_reference_kernels(name, options, tmp_path):
    """Every convolution tensor is that of LiteRT's reference kernels, and so is what the engine's stages put out."""
    data = synthetic(name, options)
    read = reader.read(data)
    engine = host.build(read, tmp_path, host.FAST)
    interpreter = reference_interpreter(data)
    for samples in clips(16_000).values():
        codes = coding.encode(samples, "linear")
        interpreter.set_tensor(read.input.tensor, codes.reshape(1, 1, -1, 1))
        interpreter.invoke()
        theirs = [interpreter.get_tensor(layer.output.tensor).reshape(layer.output.length, -1) for layer in read.layers]
        for layer, golden, reference in zip(read.layers, theirs, tflm_reference.run(read, codes), strict=True):
            if isinstance(layer, Convolution | MaxPool):
                np.testing.assert_array_equal(reference, golden)
        for mine, golden in zip(engine.stage_outputs(samples), stage_outputs(read, theirs), strict=True):
            np.testing.assert_array_equal(mine, golden)


def test_softmax_equals_the_reference_kernel():
    """On the dense output that LiteRT itself made: its dense layer rounds differently."""
    data = synthetic("nano")
    read = reader.read(data)
    interpreter = reference_interpreter(data)
    for seed in range(50):
        interpreter.set_tensor(
            read.input.tensor, np.random.default_rng(seed).integers(-128, 128, (1, 1, 16_000, 1)).astype(np.int8)
        )
        interpreter.invoke()
        dense = interpreter.get_tensor(read.layers[-1].input.tensor)
        golden = interpreter.get_tensor(read.output.tensor)
        np.testing.assert_array_equal(tflm_reference.softmax(read.layers[-1], dense), golden)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=5)
    return host.build(read, tmp_path_factory.mktemp("small"), positions=6)


def test_any_chunks_give_the_same_scores(small):
    random = np.random.default_rng(4)
    window = small.plan.window
    samples = random.integers(-32768, 32768, 5 * window).astype(np.int16)
    golden = [small.scores(samples[i : i + window]) for i in range(0, len(samples), window)]
    for largest in (1, 2, 7, 160, 2 * window):
        spotter, results, taken = small.new(), [], 0
        while taken < len(samples):
            count = min(int(random.integers(1, largest + 1)), len(samples) - taken)
            took = spotter.push(samples[taken : taken + count])
            taken += took
            assert spotter.ready() == (taken % window == 0)
            assert took == count or spotter.ready()
            if spotter.ready():
                results.append(spotter.scores())
        np.testing.assert_array_equal(results, golden)


def test_several_instances_at_once(small):
    window = small.plan.window
    samples = np.random.default_rng(5).integers(-32768, 32768, (3, window)).astype(np.int16)
    spotters = [small.new() for _ in samples]
    for start in range(0, window, 10):
        for spotter, clip in zip(spotters, samples, strict=True):
            spotter.push(clip[start : start + 10])
    for spotter, clip in zip(spotters, samples, strict=True):
        assert spotter.ready()
        np.testing.assert_array_equal(spotter.scores(), small.scores(clip))


def test_reset_forgets(small):
    random = np.random.default_rng(6)
    samples = random.integers(-32768, 32768, small.plan.window).astype(np.int16)
    spotter = small.new()
    spotter.push(samples[:100][::-1].copy())
    spotter.reset()
    assert not spotter.ready()
    spotter.push(samples)
    np.testing.assert_array_equal(spotter.scores(), small.scores(samples))


def test_no_samples_change_nothing(small):
    spotter = small.new()
    samples = np.zeros(small.plan.window, np.int16)
    spotter.push(samples)
    assert spotter.push(samples[:0]) == 0
    assert spotter.ready()
    assert spotter.push(samples[:1]) == 1
    assert not spotter.ready()


def test_label_is_the_first_highest_score(small):
    spotter = small.new()
    spotter.push(clips(small.plan.window)["tone"])
    assert spotter.label() == int(np.argmax(spotter.scores()))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compilers(compiler, tmp_path):
    if compiler == "clang" and "sanitize" in os.environ.get("EDGEKWS_CFLAGS", ""):
        pytest.skip("clang's sanitizers have a runtime of their own, and gcc's is loaded")
    """Warnings are errors, in the example too."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed: apt install {compiler}")
    read = synthetic_tflite.graph(SHAPES["stride above kernel"], classes=5)
    engine = host.build(read, tmp_path, ("-O2",), compiler=compiler)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    host.compile_with(
        (compiler, "-std=c99", "-O2", *host.WARNINGS), "-c", tmp_path / "main.c", "-o", tmp_path / "main.o"
    )


def test_generated_folder_compiles_alone(tmp_path):
    """`cc *.c`, as the README says, of what a user gets: no other file, no flag, and as C++."""
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=2)
    codegen.generate(read, ["yes", "no"], tmp_path)
    main = '#include "edgekws.h"\nstatic edgekws_state s;\n'
    main += "int main(void) { edgekws_reset(&s); return edgekws_ready(&s); }\n"
    (tmp_path / "main.c").write_text(main)
    subprocess.run("cc *.c -o program && ./program", shell=True, cwd=tmp_path, check=True, timeout=60)
    (tmp_path / "main.c").rename(tmp_path / "main.cc")
    subprocess.run("cc -c *.c && c++ -c main.cc && c++ *.o -o other && ./other", shell=True, cwd=tmp_path, check=True)
