"""Fuzz the engine over samples and chunking, under the address and undefined-behaviour sanitizers:

    python tests/fuzz/run.py --seconds 600

Needs clang with libFuzzer (Debian and Ubuntu: apt install clang). At a finding it stops with exit status 1, and keeps
the input and the program that shows it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import synthetic_tflite  # noqa: E402

from convert.engine import codegen  # noqa: E402
from convert.targets import names  # noqa: E402
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool  # noqa: E402

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILE = (
    "clang",
    "-std=c99",
    "-march=native",
    "-DEDGEKWS_DSP_IN_C",
    "-DEDGEKWS_PACKED_ANYWHERE",
    "-g",
    "-O1",
    *SANITIZERS,
)
POOLED = Block((Convolution(3, 5),), MaxPool(3))
PADDED = Block((Convolution(2, 3), Convolution(3, 4)), MaxPool(5, "same"))
MODELS = {  # with their hops
    "floor-pools": (Architecture("", (Block((Convolution(3, 5),)), *(POOLED,) * 3), (), 200), 27),
    "ceil-pools": (Architecture("", (PADDED,) * 2, (6,), 153), 25),
    "strides": (
        Architecture("", (Block((Convolution(3, 40, 10),)), Block((Convolution(3, 2, 3),), MaxPool(2))), (), 307),
        60,
    ),
    "valid": (Architecture("", (Block((Convolution(3, 25, 1, "valid"),), MaxPool(4, "same")),) * 2, (), 190), 16),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="in all, shared by the models (60)")
    parser.add_argument("--kernels", default="portable", help="kernel set (portable)")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for programs and inputs (build/fuzz)")
    args = parser.parse_args()
    for name, (architecture, hop) in MODELS.items():
        program = build(architecture, hop, args.kernels, args.folder.resolve() / name)
        corpus = program.parent / "corpus"
        corpus.mkdir(exist_ok=True)
        limits = [f"-max_total_time={args.seconds // len(MODELS)}", "-max_len=1024", "-len_control=0", "-timeout=10"]
        print(f"{name}: {program} {' '.join(limits)}", flush=True)
        command = [program, *limits, "-print_final_stats=1", f"-artifact_prefix={program.parent}/", corpus]
        if subprocess.run(command).returncode:
            return 1
    return 0


def build(architecture: Architecture, hop: int, kernels: str, folder: Path) -> Path:
    """The harness with two engines of one model: sliding, and window under another name."""
    read = synthetic_tflite.graph(architecture, classes=5)
    window, sliding = folder / "window", folder / "sliding"
    shutil.rmtree(folder, ignore_errors=True)
    codegen.generate(read, list("abcde"), window, kernels=kernels)
    codegen.generate(read, list("abcde"), sliding, kernels=kernels, mode="sliding", hop=hop)
    names.rename_files(window, "edgekws_window")
    objects = [path for place in (window, sliding) for path in compiled(place, ["-fsanitize=fuzzer-no-link"])]
    harness, program = Path(__file__).with_name("fuzz_engine.c"), folder / "fuzz_engine"
    run([*COMPILE, "-fsanitize=fuzzer", f"-I{sliding}", f"-I{window}", harness, *objects, "-o", program])
    return program


def compiled(folder: Path, flags: list[str]) -> list[Path]:
    """The object files of a generated folder, but for the example."""
    sources = [path for path in sorted(folder.glob("*.c")) if path.name != "main.c"]
    for source in sources:
        run([*COMPILE, *flags, "-c", source, "-o", source.with_suffix(".o")])
    return [source.with_suffix(".o") for source in sources]


def run(command: list[object]) -> str:
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
