"""Every branch of the portable engine is taken both ways, as gcov counts it.

    pytest tests/engine/test_coverage.py -rP

prints the counts file by file. gcov comes with gcc; that the results are right is the other tests' matter.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections import defaultdict

import numpy as np
import pytest
import synthetic_tflite
from engine.test_engine import OPTIONS, SHAPES
from engine.test_sliding import DEEPER

from convert.engine import codegen

pytestmark = pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("gcov")), reason="needs gcc and gcov")

DRIVER = r"""
#include "edgekws_evenly.h"
#include <stdio.h>
static edgekws_state spotter;
static edgekws_evenly evenly;
static size_t push(int at_a_pace, const int16_t *samples, size_t count)
{
    return at_a_pace ? edgekws_evenly_push(&evenly, &spotter, samples, count) : edgekws_push(&spotter, samples, count);
}
int main(void)
{
    static int16_t samples[100000];
    const size_t chunks[] = {0, 1, 7, 1000, 100000}, all = fread(samples, 2, 100000, stdin);
    for (int at_a_pace = 0; at_a_pace < 2; at_a_pace++) {
        edgekws_reset(&spotter);
        edgekws_evenly_reset(&evenly);
        edgekws_work(&spotter);
        for (size_t at = 0, turn = 0; at < all; turn++) {
            const size_t chunk = chunks[turn % 5];
            at += push(at_a_pace, samples + at, chunk < all - at ? chunk : all - at);
            if (edgekws_ready(&spotter)) printf("%d %d\n", edgekws_label(&spotter), edgekws_scores(&spotter)[0]);
        }
    }
}
"""
BUILDS = {
    "window": (SHAPES["ceil pool 5, both ends clipped"], "no ReLU", {}),
    "gaps between strides": (SHAPES["stride above kernel, valid"], "as trained", {}),
    "floor pool": (SHAPES["last samples not looked at"], "as trained", {}),
    "groups, mu-law": (SHAPES["same, pool 3"], "dense per channel", {"positions": 12, "coding": "mu_law"}),
    "hidden layers": (SHAPES["hidden layers"], "small weights", {}),
    "per tensor": (SHAPES["two convolutions a block"], "convolutions per tensor", {}),
    "no softmax": (SHAPES["hidden layers"], "no softmax", {}),
    "sliding": (DEEPER["six blocks"], "as trained", {"mode": "sliding", "hop": 81, "positions": 12}),
    "sliding, edges in several calls": (DEEPER["two convolutions, deep"], "as trained", {"mode": "sliding", "hop": 64}),
    "sliding without edges": (SHAPES["last samples not looked at"], "as trained", {"mode": "sliding", "hop": 8}),
    "sliding without left edges": (SHAPES["stride above kernel, valid"], "as trained", {"mode": "sliding", "hop": 25}),
    "sliding over padding pools": (DEEPER["ceil pools that pad, deep"], "as trained", {"mode": "sliding", "hop": 5}),
}


def test_every_branch_is_taken(tmp_path):
    taken: dict[tuple[str, int, int], int] = defaultdict(int)
    for name, (architecture, options, generation) in BUILDS.items():
        folder = tmp_path / name
        read = synthetic_tflite.graph(architecture, 5, OPTIONS[options])
        codegen.generate(read, list("abcde"), folder, **generation)
        (folder / "main.c").write_text(DRIVER)
        subprocess.run("gcc -O0 --coverage *.c -o program", shell=True, cwd=folder, check=True)
        subprocess.run(["./program"], cwd=folder, input=samples(read.input.length), check=True, capture_output=True)
        for data in folder.glob("*.gcda"):
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", data.name], cwd=folder, check=True,
                           capture_output=True)  # fmt: skip
        for report in folder.glob("*.gcov.json.gz"):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                for line in file["lines"]:
                    for i, branch in enumerate(line["branches"]):
                        taken[file["file"], line["line_number"], i] += branch["count"]
    branches = {key: count for key, count in taken.items() if key[0].startswith(("edgekws", "kernels"))}
    for file in sorted({key[0] for key in branches}):
        counts = [count for key, count in branches.items() if key[0] == file]
        print(f"{file}: {sum(count > 0 for count in counts)} of {len(counts)} branches")
    assert len(branches) > 150
    assert sorted(key for key, count in branches.items() if count == 0) == []


def samples(window: int) -> bytes:
    """Noise, constants that drive every activation to its limits, silence; and every sample there is."""
    random = np.random.default_rng(0)
    noise = random.integers(-32768, 32768, 3 * window)
    parts = [noise, np.full(window, 32767), np.full(window, -32768), np.zeros(window), np.arange(-32768, 32768, 11)]
    return np.concatenate(parts).astype("<i2").tobytes()
