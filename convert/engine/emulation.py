"""Runs a generated engine on an emulated Cortex-M and measures its scores, instructions, stack and flash.

Needs `arm-none-eabi-gcc`, `qemu-system-arm` and a host `cc`. Instructions are counted exactly, by a QEMU plugin.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from edgekws.errors import UserError
from edgekws.files import scratch

TOOLS = {"arm-none-eabi-gcc": "gcc-arm-none-eabi", "qemu-system-arm": "qemu-system-arm", "cc": "gcc"}
PUSH = 160  # samples a push: 10 ms
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Target:
    """An emulated board: its compiler flags, and where code and data lie in its memory."""

    machine: str
    flags: tuple[str, ...]
    code: tuple[int, int] = (0x0000_0000, 4 << 20)  # start, bytes
    data: tuple[int, int] = (0x2000_0000, 4 << 20)


TARGETS = {
    "cortex-m0": Target("microbit", ("-mcpu=cortex-m0",), (0, 256 << 10), (0x2000_0000, 16 << 10)),
    "cortex-m3": Target("mps2-an385", ("-mcpu=cortex-m3",)),
    "cortex-m4": Target("mps2-an386", ("-mcpu=cortex-m4",)),
    "cortex-m7": Target("mps2-an500", ("-mcpu=cortex-m7",)),
    "cortex-m33": Target("mps2-an505", ("-mcpu=cortex-m33",), (0x1000_0000, 4 << 20), (0x3800_0000, 2 << 20)),
    "cortex-m55": Target(
        "mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard"), (0x0000_0000, 512 << 10), (0x2000_0000, 512 << 10)
    ),
}


@dataclass(frozen=True, eq=False)
class Measurement:
    """The scores of one build of an engine on one target, and what they cost."""

    scores: np.ndarray  # int8 (results, classes)
    instructions: tuple[int, ...]  # for each result: the engine and the library functions it calls
    stage_instructions: tuple[int, ...] | None  # the last result's, by stage, then the rest; None: not asked
    largest_push: int  # instructions of the largest push
    stack_bytes: int | None  # below the caller of the engine; None where nothing measures it
    flash_bytes: int | None  # engine, model and the library functions that they call


def missing_tools() -> str:
    """One line that says which tool is missing and how to get it; empty if none is."""
    return missing(TOOLS)


def missing(packages: Mapping[str, str]) -> str:
    """The same for any programs: their names, each with the package that installs it."""
    absent = [tool for tool in packages if shutil.which(tool) is None]
    wanted = " ".join(dict.fromkeys(packages[tool] for tool in absent))
    return f"not found: {', '.join(absent)}; on Debian and Ubuntu: apt install {wanted}" if absent else ""


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
    """Compile the C files of a generated folder for a target and run them on clips.

    Args:
        folder: as `codegen.generate` wrote it.
        target: one of `TARGETS`.
        clips: int16 samples of any shape, pushed one after the other. In window mode a result comes at the end of every
            window; in sliding mode the first does, the next after one hop each: its instructions are those of a hop.
        optimization: of the compiler; `-Os` for the smallest code.
        push: samples that are pushed at a time; what is left of them after a result belongs to the same push.
        by_stage: count stage by stage too; the calls that this takes add a few instructions.
        evenly: by edgekws_evenly.h. Silence follows the clips, so that the last result comes.

    Raises:
        UserError: a tool is missing, or the engine does not compile for the target or run there.
    """
    if problem := missing_tools():
        raise UserError(problem)
    if target not in TARGETS:
        raise UserError(f"no target is called {target!r}; choose one of {', '.join(TARGETS)}")
    if clips.dtype != np.int16:
        raise ValueError(f"clips must be int16, got {clips.dtype}")
    folder = Path(folder).resolve()
    with scratch() as made:
        program = _compile(folder, TARGETS[target], made, (optimization, *options(push, by_stage, evenly)))
        symbols = _symbols(program)
        raw, rows = _run(program, TARGETS[target], symbols, with_delay(clips, folder, evenly))
    return measured(
        target,
        folder,
        clips.size,
        (raw[:-4], rows),
        by_stage,
        int.from_bytes(raw[-4:], "little"),
        sum(symbols[f"{part}_end"] - symbols[f"{part}_begin"] for part in ("engine", "data")),
    )


def options(push: int, by_stage: bool, evenly: bool) -> list[str]:
    """The compiler's options that tell the runners what to do."""
    return [f"-DRUNNER_CHUNK={push}", *["-DEDGEKWS_TRACE"] * by_stage, *["-DRUNNER_EVENLY"] * evenly]


def with_delay(clips: np.ndarray, folder: Path, evenly: bool) -> np.ndarray:
    """The samples, and after them the silence that the last result needs."""
    return np.append(clips.ravel(), np.zeros(header_value(folder, "EVENLY_DELAY") if evenly else 0, np.int16))


def measured(
    target: str,
    folder: Path,
    samples: int,
    ran: tuple[bytes, list[list[int]]],
    by_stage: bool,
    stack_bytes: int | None = None,
    flash_bytes: int | None = None,
) -> Measurement:
    """The measurement in what a runner wrote: the scores, and a row of counts for each result, whose last count is that
    of the largest push."""
    window, hop, classes = (header_value(folder, name) for name in ("WINDOW", "HOP", "CLASSES"))
    results = (samples - window) // hop + 1
    if len(ran[1]) < results or len(ran[0]) < results * classes:
        raise UserError(
            f"{target}: expected {results} results, got {len(ran[1])}: the engine ended early; has the target enough "
            "memory?"
        )
    scores, rows = np.frombuffer(ran[0], np.int8).reshape(-1, classes)[:results], ran[1][:results]
    return Measurement(
        scores=scores,
        instructions=tuple(sum(row[:-1]) for row in rows),
        stage_instructions=_by_stage(rows[-1][:-1]) if by_stage else None,
        largest_push=max(row[-1] for row in rows),
        stack_bytes=stack_bytes,
        flash_bytes=flash_bytes,
    )


def header_value(folder: Path, name: str) -> int:
    """The value of a number that the generated header defines as EDGEKWS_``name``."""
    lines = [line for path in folder.glob("edgekws_model*.h") for line in path.read_text().splitlines()]
    return next(int(line.split()[2]) for line in lines if line.startswith(f"#define EDGEKWS_{name} "))


def _by_stage(counts: Sequence[int]) -> tuple[int, ...]:
    """One line of the plugin's counts without the unused stages: a count for each stage, then the rest."""
    stages = max((i + 1 for i, count in enumerate(counts[:-1]) if count), default=0)
    return (*counts[:stages], counts[-1])


def runner_sources(assets: Path, name: str, evenly: bool) -> list[Path]:
    """The runner's source and, for an even pace, the source that pushes evenly."""
    return [assets / "engine" / "emulation" / file for file in (name, *["runner_evenly.c"] * evenly)]


def _compile(folder: Path, target: Target, made: Path, options: Sequence[str]) -> Path:
    command = ["arm-none-eabi-gcc", *target.flags, "-mthumb", "-std=gnu99", "-ffunction-sections", "-fdata-sections"]
    of_engine = [option for option in options if not option.startswith("-DRUNNER_")]
    sources = sorted(path for path in folder.glob("*.c") if path.name != "main.c")
    headers = sorted(folder.glob("*.h"))
    with as_file(files("firmware_assets")) as assets:
        own = [*runner_sources(assets, "runner.c", "-DRUNNER_EVENLY" in options), assets / "startup" / "startup.c"]
        for source in (*sources, *own):
            chosen = options if source in own else of_engine
            seen = (source, *headers, assets / "engine" / "emulation" / "runner.h")
            files_seen = tuple((path.name, path.read_bytes()) for path in seen)
            (made / f"{source.stem}.o").write_bytes(_object((*command, *chosen), files_seen))
    (made / "count.so").write_bytes(counter())
    (made / "link.ld").write_text(linker_script(target.code, target.data))
    program = made / "program.elf"
    linking = ["-nostartfiles", "-Wl,--gc-sections", f"-Wl,-T,{made / 'link.ld'}"]
    tool([*command, *options, *linking, *sorted(made.glob("*.o")), "-o", program])
    return program


@lru_cache(maxsize=64)  # a bundle measures each engine at two paces
def _object(command: tuple[str, ...], sources: tuple[tuple[str, bytes], ...]) -> bytes:
    """The object file of the first of these files; it may include the others."""
    with scratch() as made:
        for name, content in sources:
            (made / name).write_bytes(content)
        tool([*command, f"-I{made}", "-c", made / sources[0][0], "-o", made / "made.o"])
        return (made / "made.o").read_bytes()


@cache
def counter() -> bytes:
    """The QEMU plugin that counts instructions, compiled for this machine."""
    with scratch() as made, as_file(files("firmware_assets")) as assets:
        source = assets / "engine" / "emulation" / "count_instructions.c"
        tool(["cc", "-shared", "-fPIC", "-O2", "-o", made / "count.so", source])
        return (made / "count.so").read_bytes()


def linker_script(code: tuple[int, int], data: tuple[int, int]) -> str:
    """The text of firmware_assets/startup/link.ld, filled in for memories given as (start, bytes)."""
    script = (files("firmware_assets") / "startup" / "link.ld").read_text(encoding="utf-8")
    names = ("CODE_START", "CODE_SIZE", "DATA_START", "DATA_SIZE")
    for name, value in zip(names, (*code, *data), strict=True):
        script = script.replace(name, f"{value:#x}")
    return script


def _symbols(program: Path) -> dict[str, int]:
    lines = tool(["arm-none-eabi-nm", program]).splitlines()
    return {fields[2]: int(fields[0], 16) for line in lines if len(fields := line.split()) == 3}


def _run(program: Path, target: Target, symbols: dict[str, int], clips: np.ndarray) -> tuple[bytes, list[list[int]]]:
    """The file of scores, and the rows of counts."""
    folder = program.parent
    (folder / "samples").write_bytes(clips.astype("<i2").tobytes())
    (folder / "scores").write_bytes(b"")
    addresses = f"begin={symbols['engine_begin']},end={symbols['engine_end']},marks={symbols['marks'] & ~1}"
    plugin = f"./count.so,{addresses},out=counts"
    machine = ["-M", target.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    tool(["qemu-system-arm", *machine, *semihosting, "-plugin", plugin, "-kernel", program], folder)
    (folder / "probe").write_bytes(bytes(8192))  # a full disk raises here, not later as missing results
    counts = [[int(count) for count in line.split()] for line in (folder / "counts").read_text().splitlines()]
    return (folder / "scores").read_bytes(), counts


def tool(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run a program and return what it printed. The first error that it prints becomes a UserError."""
    name = str(command[0])
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{name} did not end within {TIMEOUT_SECONDS} s; try again when the machine is less busy"
        ) from None
    if done.returncode:
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # the caller knows which folder to name
        if problem := _too_large(done.stderr):
            raise UserError(problem)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("collect2")]
        telling = [line for line in lines if any(word in line for word in ("error", "overflow", "undefined"))]
        raise UserError(f"{name} failed: {(telling or lines or [f'exit status {done.returncode}'])[0]}")
    return done.stdout


def _too_large(told: str) -> str:
    """A linker's complaint about a full memory in plain words; empty if the linker complains of something else."""
    over = re.findall(r"region `(CODE|DATA)' overflowed by (\d+) bytes", told)
    if "less than 1 KB is left for the stack" in told:
        return "it does not fit the board's RAM: less than 1 KB is left for the stack"
    if not over:
        return ""
    region, most = max(over, key=lambda found: int(found[1]))
    return f"it does not fit the board's {'flash' if region == 'CODE' else 'RAM'}: {int(most):,} bytes too many"
