"""One inference on this machine, the engine beside LiteRT with XNNPACK, one thread each, in turn:

    PYTHONPATH=.:tests python tests/benchmarks/host_speed.py [--model custom-32/8] [--kernels avx2] [--pairs 30]

Each pair runs both right after each other, so that what else the machine does strikes both alike.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import synthetic_tflite
from ai_edge_litert.interpreter import Interpreter
from engine import host

from convert.tflite import reader
from edgekws.model import catalogue, coding

FLAGS = ("-O3", "-march=native")


def main() -> None:
    """Print every pair's times in milliseconds, their ratio, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="custom-32/8", help="of the catalogue; weights are random")
    parser.add_argument("--kernels", default="avx2")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=10, help="inferences a side of a pair; the fastest counts")
    options = parser.parse_args()
    data = synthetic_tflite.build(catalogue.find(options.model).architecture)
    samples = np.random.default_rng(0).integers(-32768, 32768, 16_000).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(data, Path(folder), options.kernels, samples)
        litert = _litert(data, samples)
        pairs = []
        for pair in range(options.pairs):
            mine, theirs = _fastest(engine, options.repeats), _fastest(litert, options.repeats)
            pairs.append((mine, theirs, mine / theirs))
            print(f"{pair + 1:3}: engine {mine:7.3f} ms, LiteRT + XNNPACK {theirs:7.3f} ms, ratio {mine / theirs:.3f}")
    medians = np.median(pairs, axis=0)
    print("median: engine {:.3f} ms, LiteRT + XNNPACK {:.3f} ms, ratio {:.3f}".format(*medians))


def _engine(data: bytes, folder: Path, kernels: str, samples: np.ndarray) -> Callable[[], None]:
    spotter = host.build(reader.read(data), folder, FLAGS, kernels=kernels).new()
    pointer = samples.ctypes.data_as(ctypes.c_void_p)
    push, state, count = spotter.library.edgekws_push, spotter.pointer, len(samples)

    def run() -> None:
        push(state, pointer, count)

    run()
    assert spotter.ready()
    return run


def _litert(data: bytes, samples: np.ndarray) -> Callable[[], None]:
    """invoke() alone, without setting the input."""
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], coding.encode(samples, "linear").reshape(details["shape"]))
    return interpreter.invoke


def _fastest(function: Callable[[], None], repeats: int) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


if __name__ == "__main__":
    main()
