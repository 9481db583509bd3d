"""Runs a generated engine on emulated 64-bit Arm and RV32, which have a C library. Cortex-M is in `emulation`.

Each needs its compiler and its emulator (``missing_tools`` names them), and a host `cc` for the counting plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from convert.engine.emulation import Measurement, counter, measured, missing, options, runner_sources, tool, with_delay
from edgekws.errors import UserError
from edgekws.files import scratch


@dataclass(frozen=True)
class Hosted:
    """An emulated processor: how to compile for it, and how to run the result."""

    compiler: str
    flags: tuple[str, ...]
    linking: tuple[str, ...]
    emulator: tuple[str, ...]  # the command up to the plugin
    program: tuple[str, ...]  # the command from the plugin to the program's file
    packages: str


_PICOLIBC = ("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted")
_SEMIHOSTING = ("-serial", "none", "-semihosting-config", "enable=on,target=native")
_MEMORY = "__flash=0x80000000,__flash_size=4M,__ram=0x80400000,__ram_size=4M,__stack_size=64k"
_RV32 = Hosted(
    "riscv64-unknown-elf-gcc",
    ("-march=rv32imc", "-mabi=ilp32"),
    (*_PICOLIBC, *(f"-Wl,--defsym={symbol}" for symbol in _MEMORY.split(","))),
    ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-monitor", "none", *_SEMIHOSTING),
    ("-kernel",),
    "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc",
)


def _arm(architecture: str) -> Hosted:
    compiler, packages = "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
    return Hosted(compiler, (f"-march={architecture}",), ("-static",), ("qemu-aarch64", "-cpu", "max"), (), packages)


TARGETS = {"aarch64": _arm("armv8-a"), "aarch64-dotprod": _arm("armv8.2-a+dotprod"), "rv32imc": _RV32}


def missing_tools(target: str) -> str:
    """One line that says which tool this target misses and how to get it; empty if none is missing."""
    wanted = TARGETS[target]
    return missing({tool: wanted.packages for tool in (wanted.compiler, wanted.emulator[0])} | {"cc": "gcc"})


def measure(
    folder: str | Path,
    target: str,
    clips: np.ndarray,
    *,
    optimization: str = "-O2",
    by_stage: bool = False,
    push: int = 250,
    evenly: bool = False,
) -> Measurement:
    """`emulation.measure` for one of `TARGETS`. It counts the C library's instructions too, but no stack or flash.

    Raises:
        UserError: a tool is missing, or the engine does not compile for the target or run there.
    """
    if problem := missing_tools(target):
        raise UserError(problem)
    processor, folder = TARGETS[target], Path(folder).resolve()
    with scratch() as made, as_file(files("firmware_assets")) as assets:
        sources = sorted(path for path in folder.glob("*.c") if path.name != "main.c")
        command: list[str | Path] = [
            processor.compiler,
            *processor.flags,
            optimization,
            "-std=gnu99",
            *options(push, by_stage, evenly),
            f"-I{folder}",
            *sources,
            *runner_sources(assets, "runner_hosted.c", evenly),
        ]
        tool([*command, *processor.linking, "-o", made / "program.elf"])
        (made / "count.so").write_bytes(counter())
        listed = tool([f"{processor.compiler.removesuffix('gcc')}nm", made / "program.elf"]).splitlines()
        marks = next(line.split()[0] for line in listed if line.endswith(" marks"))
        (made / "samples").write_bytes(with_delay(clips, folder, evenly).astype("<i2").tobytes())
        plugin = ["-plugin", f"./count.so,marks=0x{marks},width=4,out=counts"]
        tool([*processor.emulator, *plugin, *processor.program, "./program.elf"], made)
        rows = [[int(count) for count in line.split()] for line in (made / "counts").read_text().splitlines()]
        raw = (made / "scores").read_bytes()
    return measured(target, folder, clips.size, (raw, rows), by_stage)
