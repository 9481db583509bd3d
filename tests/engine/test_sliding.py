"""Sliding mode: every result equals that of window mode, which is held to TensorFlow Lite Micro, on the same window."""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import synthetic_tflite
from engine import every_set, host
from engine.test_engine import SHAPES, synthetic
from synthetic_tflite import Options

from convert.tflite import artifact, reader
from convert.tflite.artifact import Artifact
from edgekws.errors import UserError
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

# Beside those of window mode: deep ones, whose last maps are nothing but edges, and ones with hops of a frame.
DEEPER = {
    "six blocks": Architecture("", (Block((Conv(4, 5),)), *(Block((Conv(4, 5),), Pool(3)),) * 5), (), 1600),
    "seven blocks": Architecture("", (Block((Conv(4, 5),)), *(Block((Conv(4, 5),), Pool(3)),) * 6), (), 1600),
    "two convolutions, deep": Architecture("", (Block((Conv(3, 3), Conv(5, 3)), Pool(2)),) * 6, (7,), 777),
    "ceil pools, deep": Architecture("", (Block((Conv(3, 25, 1, "valid"),), Pool(4, "same")),) * 3, (), 2500),
    "ceil pools that pad, deep": Architecture("", (Block((Conv(3, 5),), Pool(5, "same")),) * 3, (), 777),
    "strides all the way": Architecture("", (Block((Conv(3, 7, 3),)), *(Block((Conv(4, 5, 2),)),) * 4), (), 1000),
    "wide kernels": Architecture("", (Block((Conv(3, 61),)), Block((Conv(3, 33),), Pool(2))), (), 300),
}
CPU = Path("/proc/cpuinfo")
UNSHARED = {"kernel as long as the window", "kernel longer than the window", "one output"}
NOISY = ("custom-32/8", "custom-32/9", "kernel-5/6", "only-conv/4", "vgg-64/6", "nano", "small")


def stream(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, length).astype(np.int16)


def results(engine: host.Engine, samples: np.ndarray, largest: int, seed: int = 0) -> np.ndarray:
    """Scores after every hop, the samples pushed in random chunks."""
    random, spotter, found, at = np.random.default_rng(seed), engine.new(), [], 0
    while at < len(samples):
        count = min(int(random.integers(1, largest + 1)), len(samples) - at)
        at += spotter.push(samples[at : at + count])
        past = at - engine.plan.window
        assert spotter.ready() == (past >= 0 and past % engine.plan.hop == 0)
        if spotter.ready():
            found.append(spotter.scores())
    return np.array(found)


def assert_equal_to_windows(read, folder, hops=25, flags=(), chunk=None, **options):
    window = host.build(read, folder / "window", flags)  # of the portable kernels
    sliding = host.build(read, folder / "sliding", flags, mode="sliding", **options)
    length, hop = window.plan.window, sliding.plan.hop
    samples = stream(length + hops * hop + hop // 2)
    golden = [window.scores(samples[i * hop :][:length]) for i in range(hops + 1)]
    np.testing.assert_array_equal(results(sliding, samples, chunk or length // 3), golden)
    return sliding.plan


@pytest.fixture
def folders(tmp_path):
    for name in ("window", "sliding"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize("positions", [None, 12])
@pytest.mark.parametrize("shape", [name for name in {**SHAPES, **DEEPER} if name not in UNSHARED])
def test_shapes(shape, positions, folders):
    architecture = {**SHAPES, **DEEPER}[shape]
    read = synthetic_tflite.graph(architecture, 5, Options(random_zero_points=True))
    plan = assert_equal_to_windows(read, folders, positions=positions, hop=shortest_hop(architecture))
    assert 0 < plan.sliding.trunk <= len(plan.stages)


def shortest_hop(architecture: Architecture) -> int:
    """With which all pools keep their phase, or the first ones where a window has fewer samples."""
    sizes: list[int] = []
    for block in architecture.blocks:
        sizes += [conv.stride for conv in block.convolutions]
        sizes[-1] *= block.pool.size if block.pool else 1
    products = [math.prod(sizes[: n + 1]) for n in range(len(sizes))]
    return max(product for product in products if product < architecture.window // 2)


@pytest.mark.parametrize("hop", [1, 2, 9, 243, 486, 1000, 1215])
def test_any_hop(hop, folders):
    """Work is shared as far as the pools divide the hop: by the first convolution alone for 1000 samples."""
    read = synthetic_tflite.graph(DEEPER["six blocks"], 5)
    plan = assert_equal_to_windows(read, folders, hop=hop)
    assert plan.hop == hop
    powers = next(n for n in range(6) if hop % 3 ** (n + 1) or n == 5)
    assert plan.sliding.trunk == 1 + powers


@pytest.mark.parametrize("name", NOISY)
def test_catalogue(name, folders):
    read = reader.read(synthetic(name))
    assert_equal_to_windows(read, folders, hops=6, flags=host.FAST, chunk=5000)


@pytest.mark.parametrize("largest", [1, 2, 7, 160, 5000])
def test_any_chunks(largest, folders):
    read = synthetic_tflite.graph(DEEPER["six blocks"], 5)
    assert_equal_to_windows(read, folders, chunk=largest)


@pytest.mark.skipif(not CPU.exists() or " avx2 " not in CPU.read_text(), reason="this machine's processor has no AVX2")
@pytest.mark.parametrize("shape", ["six blocks", "two convolutions, deep", "ceil pools, deep", "strides all the way"])
def test_avx2(shape, folders):
    read = synthetic_tflite.graph(DEEPER[shape], 5)
    assert_equal_to_windows(read, folders, hop=shortest_hop(DEEPER[shape]), flags=host.FAST, kernels="avx2")


@functools.cache
def small() -> tuple[Artifact, np.ndarray, np.ndarray]:
    """The model, samples of three results, and their scores as windows of the portable kernels."""
    model, hop = artifact.load("small"), 1944
    samples = every_set.stream(16_000 + 2 * hop)
    windows = np.concatenate([samples[i * hop :][:16_000] for i in range(3)])
    with tempfile.TemporaryDirectory() as folder:
        return model, samples, every_set.scores("portable", model, "window", windows, Path(folder))


@pytest.mark.parametrize("kernels", every_set.SETS)
def test_every_set_in_memory_that_held_anything(kernels, tmp_path):
    """Kernels may look past their frames: what lay there must not matter."""
    if problem := every_set.missing(kernels):
        pytest.skip(problem)
    model, samples, golden = small()
    np.testing.assert_array_equal(every_set.scores(kernels, model, "sliding", samples, tmp_path), golden)


def test_the_shortest_hop_shares_all(folders):
    for name, hop in {"custom-32/8": 2187, "custom-32/9": 2187, "nano": 2430, "only-conv/4": 1024}.items():
        read = reader.read(synthetic(name))
        plan = host.build(read, folders / "sliding", mode="sliding").plan
        assert plan.hop == hop, name


def test_reset_forgets(folders):
    read = synthetic_tflite.graph(DEEPER["six blocks"], 5)
    engine = host.build(read, folders / "sliding", mode="sliding")
    samples, spotter = stream(engine.plan.window), engine.new()
    golden = results(engine, samples, 100)[0]
    for garbage in (10, 1000, 1700, 3000):
        noise, at = stream(garbage, seed=garbage), 0
        while at < garbage:
            at += spotter.push(noise[at:])
        spotter.reset()
        assert not spotter.ready()
        assert spotter.push(samples) == len(samples)
        np.testing.assert_array_equal(spotter.scores(), golden)


@pytest.mark.parametrize("shape", sorted(UNSHARED))
def test_refused(shape, tmp_path):
    read = synthetic_tflite.graph(SHAPES[shape])
    with pytest.raises(UserError, match="no work can be shared between windows"):
        host.build(read, tmp_path, mode="sliding")
