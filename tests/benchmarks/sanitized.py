"""Every kernel set that this machine compiles, under the address and undefined-behaviour sanitizers of gcc and clang:

    PYTHONPATH=.:tests python tests/benchmarks/sanitized.py [--sets vnni ...] [--compilers gcc ...] [--shapes ...]

Shapes of tests/engine in window mode, and in sliding mode at the even pace, by pushes of 37 samples, in memory that
held other things before; every score beside TensorFlow Lite Micro's arithmetic. A program for each, which takes about a
second; the tests' libraries, under a sanitizer that Python has to load first, take much longer. Exit status 1: a
finding, or a wrong score.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import synthetic_tflite
from engine import every_set
from engine.test_engine import OPTIONS, SHAPES

from convert.engine import codegen, emulation, plan
from convert.engine import kernels as kernel_sets
from convert.tflite import tflm_reference
from convert.tflite.graph import Graph
from edgekws.errors import UserError
from edgekws.model import coding

EMULATION = Path(str(files("firmware_assets") / "engine" / "emulation"))
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILED = ("-march=native", "-std=gnu99", "-O1", "-g", "-w")
RESULTS = 7  # a window, and hops after it
PUSH = 37
MAIN = r"""
#include <stdio.h>
static void nothing(void) {}
#define MARK(i) nothing
#include "runner.h"
static size_t read_samples(int16_t *to, size_t count) { return fread(to, sizeof *to, count, stdin); }
static void write_scores(const int8_t *scores, size_t count) { fwrite(scores, 1, count, stdout); }
int main(void) { run_engine(); return 0; }
"""


def main() -> int:
    """Print a line for every set, compiler, shape and mode that is not as it should be, and how many were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets = tuple(every_set.HERE)
    parser.add_argument("--sets", nargs="*", default=sets, metavar="SET", help=", ".join(sets))
    parser.add_argument("--compilers", nargs="*", default=("gcc", "clang"), metavar="COMPILER")
    parser.add_argument("--shapes", nargs="*", default=tuple(SHAPES), metavar="SHAPE", help="; ".join(SHAPES))
    parser.add_argument("--options", nargs="*", default=("as trained",), metavar="OPTION", help="; ".join(OPTIONS))
    chosen = parser.parse_args()
    ran = wrong = 0
    for shape in chosen.shapes:
        for option in chosen.options:
            graph = synthetic_tflite.graph(SHAPES[shape], classes=5, options=OPTIONS[option])
            for mode in codegen.SCHEDULERS:
                if mode == "sliding" and not _slides(graph):
                    print(f"{shape}, {option}: no work can be shared, so it does not slide", flush=True)
                    continue
                for kernels in chosen.sets:
                    problems = _problems(graph, kernels, mode, chosen.compilers)
                    for compiler, problem in problems:
                        print(f"{shape}, {option}, {mode}, {kernels}, {compiler}: {problem}", flush=True)
                    ran += len(chosen.compilers)
                    wrong += len(problems)
        print(f"{shape}: {ran} programs so far, {wrong} with findings or wrong scores", flush=True)
    return 1 if wrong else 0


def _slides(graph: Graph) -> bool:
    try:
        plan.plan(graph, kernel_sets.find("portable"), sliding=True)
    except UserError:
        return False
    return True


def _problems(graph: Graph, kernels: str, mode: str, compilers: tuple[str, ...]) -> list[tuple[str, str]]:
    """(compiler, what is wrong) of one engine; at the even pace if it slides."""
    with tempfile.TemporaryDirectory() as folder:
        made = codegen.generate(graph, list("abcde"), folder, kernels=kernels.split()[0], mode=mode)
        samples = every_set.stream(made.window + (RESULTS - 1) * made.hop)
        starts = range(0, len(samples) - made.window + 1, made.hop)
        codes = coding.encode(np.stack([samples[at : at + made.window] for at in starts]), "linear")
        golden = np.stack([tflm_reference.run(graph, window)[-1][0] for window in codes])
        Path(folder, "main.c").write_text(MAIN, encoding="utf-8")
        found = []
        for compiler in compilers:
            problem = _problem(Path(folder), (compiler, *every_set.HERE[kernels]), mode == "sliding", samples, golden)
            found += [(compiler, problem)] if problem else []
    return found


def _problem(folder: Path, command: tuple[str, ...], evenly: bool, samples: np.ndarray, golden: np.ndarray) -> str:
    """What a sanitizer says, or that scores differ; empty if all is well."""
    program, runner = folder / "program", EMULATION / "runner_evenly.c"
    sources = [*sorted(folder.glob("*.c")), *[runner] * evenly]
    flags = [
        *SANITIZED,
        *COMPILED,
        f"-I{folder}",
        f"-I{EMULATION}",
        f"-DRUNNER_CHUNK={PUSH}",
        *["-DRUNNER_EVENLY"] * evenly,
    ]
    subprocess.run([*command, *flags, *sources, "-o", program], check=True)
    given = np.append(samples, np.zeros(emulation.header_value(folder, "EVENLY_DELAY") if evenly else 0, np.int16))
    done = subprocess.run([program], input=given.astype("<i2").tobytes(), capture_output=True)
    if done.returncode:
        lines = [line for line in done.stderr.decode().splitlines() if "ERROR" in line or "runtime error" in line]
        return (lines or [f"exit status {done.returncode}"])[0]
    scores = np.frombuffer(done.stdout, np.int8).reshape(-1, golden.shape[1])[: len(golden)]
    return "" if np.array_equal(scores, golden) else "scores differ"


if __name__ == "__main__":
    sys.exit(main())
