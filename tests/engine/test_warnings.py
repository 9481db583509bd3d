"""No kernel set gives a warning, by gcc or by clang, on the processor that it is for; nor do public headers in C++."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from engine import host

from convert.engine import codegen, emulation, hosted
from convert.engine import kernels as kernel_sets
from convert.tflite import artifact

BARE = ("-ffreestanding", "-isystem", str(host.ENGINE / "wasm"))  # clang comes without these processors' C libraries
CLANG = {  # processor: clang's flags
    "cortex-m0": ("--target=thumbv6m-none-eabi", *BARE),
    "cortex-m4": ("--target=thumbv7em-none-eabi", "-mcpu=cortex-m4", *BARE),
    "cortex-m55": ("--target=thumbv8.1m.main-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard", *BARE),
    "rv32imc": ("--target=riscv32-unknown-elf", "-march=rv32imc", *BARE),
    "aarch64": ("--target=aarch64-none-elf", *BARE),
    "aarch64-dotprod": ("--target=aarch64-none-elf", "-march=armv8.2-a+dotprod", *BARE),
    "wasm": ("--target=wasm32", "-msimd128", "-mbulk-memory", *BARE),
    "x86 with AVX2": ("--target=x86_64-linux-gnu", "-mavx2"),
    "x86 with AVX-512": ("--target=x86_64-linux-gnu", "-mavx2", "-mavx512vnni", "-mavx512vl"),
    "x86 with AVX-VNNI": ("--target=x86_64-linux-gnu", "-mavx2", "-mavxvnni"),
}
SETS = {
    "portable": ("cortex-m0", "rv32imc", "x86 with AVX2"),
    "packed": ("cortex-m0", "rv32imc"),
    "dsp": ("cortex-m4",),
    "dsp_fast": ("cortex-m4",),
    "dsp_lean": ("cortex-m4",),
    "mve": ("cortex-m55",),
    "neon": ("aarch64", "aarch64-dotprod"),
    "wasm": ("wasm",),
    "avx2": ("x86 with AVX2",),
    "vnni": ("x86 with AVX-512", "x86 with AVX-VNNI"),
}


def gcc(processor):
    """gcc and its flags for the processor; empty if there is no gcc for it."""
    if processor in emulation.TARGETS:
        return ("arm-none-eabi-gcc", *emulation.TARGETS[processor].flags, "-mthumb")
    if processor in hosted.TARGETS:
        target = hosted.TARGETS[processor]
        return (target.compiler, *target.flags, *(flag for flag in target.linking if flag.startswith("--specs")))
    return ("gcc", *CLANG[processor][1:]) if processor.startswith("x86") else ()


def compilers(processor):
    """The commands for the processor whose compilers are here."""
    commands = (gcc(processor), ("clang", *CLANG[processor]))
    return [command for command in commands if command and shutil.which(command[0])]


def test_every_set_is_here():
    assert set(SETS) == {"portable", *kernel_sets.MODULES}


@pytest.mark.parametrize("mode", codegen.SCHEDULERS)
@pytest.mark.parametrize("kernels", SETS)
def test_no_warning(kernels, mode, tmp_path):
    codegen.generate_of(artifact.load("small"), tmp_path, kernels=kernels, mode=mode)
    sources = [path for path in sorted(tmp_path.glob("*.c")) if path.name != "main.c"]
    commands = [command for processor in SETS[kernels] for command in compilers(processor)]
    if not commands:
        pytest.skip(f"no compiler for {', '.join(SETS[kernels])}")
    for command in commands:
        call = [*command, "-std=c99", "-fsyntax-only", *host.WARNINGS, *sources]
        done = subprocess.run(call, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), " ".join(map(str, call))


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_no_public_header_warns_in_cpp(compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    codegen.generate_of(artifact.load("small"), tmp_path, kernels="portable", mode="sliding")
    headers = ("edgekws.h", "edgekws_evenly.h")  # those that programs include; the others are the engine's own
    (tmp_path / "all.cc").write_text("".join(f'#include "{name}"\n' for name in headers))
    call = [compiler, "-std=c++11", "-fsyntax-only", *host.WARNINGS, "-Wold-style-cast", tmp_path / "all.cc"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
