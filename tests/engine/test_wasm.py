"""The kernels for WebAssembly, compiled by clang without a C library, run in Node: equal to the bit."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, clips
from engine.test_mve import TILED
from engine.test_neon import ARCHITECTURES

from convert.engine import codegen
from convert.tflite import artifact, tflm_reference
from edgekws import zoo
from edgekws.model import coding

TOOLS = {"clang": "clang", "wasm-ld": "lld", "node": "nodejs"}
MISSING = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not found; apt install {' '.join(MISSING)}")
COMMAND = ("clang", "--target=wasm32", "-nostdlib", "-O2", "-msimd128", "-mbulk-memory", "-std=c99", *host.WARNINGS)
EXPORTS = ("reset", "edgekws_push", "edgekws_ready", "edgekws_scores", "__heap_base")
RUN = """
const fs = require("fs");
const [file, push, classes, repeats] = process.argv.slice(1);
const { exports: e } = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(file)));
const samples = fs.readFileSync("samples"), state = (e.__heap_base.value + 15) & ~15, scores = [];
e.memory.grow(4);
const at = state + 262144 - 2 * push, memory = new Uint8Array(e.memory.buffer);
memory.fill(0xa5, state, at);  // a state is usable whatever memory held before
e.reset(state);
for (let i = 0; i < samples.length;) {
  const count = Math.min(push, (samples.length - i) / 2);
  memory.set(samples.subarray(i, i + 2 * count), at);
  i += 2 * e.edgekws_push(state, at, count);
  if (e.edgekws_ready(state)) scores.push(...memory.subarray(e.edgekws_scores(state)).subarray(0, +classes));
}
fs.writeFileSync("scores", Uint8Array.from(scores));
let best = Infinity;
for (let i = 0; i < +repeats; i++) {
  const start = performance.now();
  e.edgekws_push(state, at, +push);
  best = Math.min(best, performance.now() - start);
}
console.log(best);
"""


def compiled(folder, kernels):
    """The module of a generated folder."""
    (folder / "driver.c").write_text(host.DRIVER)
    command = [*COMMAND, f"-isystem{host.ENGINE / 'wasm'}", "-DEDGEKWS_TRACE", "-Wl,--no-entry"]
    sources = [path for path in folder.glob("*.c") if path.name != "main.c"]
    simd = [] if kernels == "wasm" else ["-mno-simd128"]
    made = folder / "engine.wasm"
    host.compile_with((*command, *simd, *(f"-Wl,--export={name}" for name in EXPORTS)), *sources, "-o", made)
    return made


def run(folder, samples, push, classes, kernels="wasm", repeats=0):
    """The scores, and the milliseconds of the fastest repeated push."""
    made = compiled(folder, kernels)
    (folder / "samples").write_bytes(samples.tobytes())
    arguments = ["node", "-e", RUN, made, push, classes, repeats]
    done = subprocess.run([*map(str, arguments)], cwd=folder, check=True, capture_output=True, text=True, timeout=300)
    return np.frombuffer((folder / "scores").read_bytes(), np.int8).reshape(-1, classes), float(done.stdout)


def check(architecture, folder, options="no softmax", **generating):
    read = synthetic_tflite.graph(architecture, classes=100, options=OPTIONS[options])
    codegen.generate(read, [str(i) for i in range(100)], folder, kernels="wasm", **generating)
    windows = np.stack(list(clips(read.input.length).values()))
    golden = [tflm_reference.run(read, coding.encode(window, "linear"))[-1][0] for window in windows]
    np.testing.assert_array_equal(run(folder, windows, read.input.length, 100)[0], golden)


@pytest.mark.parametrize("shape", ARCHITECTURES)
def test_shapes(shape, tmp_path):
    check(ARCHITECTURES[shape], tmp_path)


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    check(TILED["24 channels"], tmp_path, options)


def test_shifts_to_the_left(tmp_path):
    check(SHAPES["one channel, kernel 1"], tmp_path, "small weights")


def test_one_position_a_call(tmp_path):
    check(TILED["24 channels"], tmp_path, positions=1)


@pytest.mark.alone
@pytest.mark.parametrize(("name", "least"), [("nano", 2.9), ("small", 5.3)])
def test_several_times_the_speed_of_the_portable_kernels(name, least, tmp_path):
    """By as much LiteRT.js was faster than these were: measured in Node on an x86."""
    model = artifact.load(zoo.place(name), None, None)
    clip = np.random.default_rng(0).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    times = {}
    for kernels in ("portable", "wasm"):
        codegen.generate_of(model, tmp_path / kernels, kernels=kernels, mode="window")
        scores, times[kernels] = run(tmp_path / kernels, clip, 16_000, model.graph.output.size, kernels, 30)
        golden = tflm_reference.run(model.graph, coding.encode(clip[0], model.coding))[-1]
        np.testing.assert_array_equal(scores, golden)
    print(name, times)
    assert times["portable"] >= least * times["wasm"]
