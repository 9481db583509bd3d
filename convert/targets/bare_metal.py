"""Targets for boards without an operating system: an image that runs the self-test.

Startup code, serial port and linker script are this project's own."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from convert.engine import emulation
from convert.targets import MEASURED, Request, Target, engine_sources
from convert.targets.names import prefix
from convert.targets.templates import render

OF_COMPILER = {"README.md", "image.bin", "image.elf", "image.hex", "image", "image_flash_bytes", "image_built"}
OPTIONS = ("-mthumb", "-O2", "-std=c99", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class Board:
    """A board that QEMU knows by ``name``. Its core's entry in emulation.TARGETS has memory and compiler flags."""

    name: str
    title: str
    core: str  # a key of emulation.TARGETS
    kernels: str
    uart: str  # cmsdk or nrf51
    uart_base: int
    clock: int  # of the UART, in hertz


BOARDS = (
    Board("mps2-an386", "Arm MPS2 with AN386 (Cortex-M4)", "cortex-m4", "dsp_fast", "cmsdk", 0x4000_4000, 25_000_000),
    Board("mps2-an500", "Arm MPS2 with AN500 (Cortex-M7)", "cortex-m7", "dsp_fast", "cmsdk", 0x4000_4000, 25_000_000),
    Board(
        "mps2-an505", "Arm MPS2+ with AN505 (Cortex-M33)", "cortex-m33", "dsp_fast", "cmsdk", 0x5020_0000, 20_000_000
    ),
    Board("mps3-an547", "Arm MPS3 with AN547 (Cortex-M55)", "cortex-m55", "mve", "cmsdk", 0x5930_3000, 25_000_000),
    Board("microbit", "the BBC micro:bit (Cortex-M0)", "cortex-m0", "portable", "nrf51", 0x4000_2000, 16_000_000),
)
MICROBIT_TX_PIN = 24


def _write(board: Board, request: Request, folder: Path) -> dict[str, Any]:
    facts = engine_sources.write(request, folder / "src", kernels=(board.kernels,))
    core = emulation.TARGETS[board.core]
    sources = ["startup.c", "uart.c", *sorted(f"src/{path.name}" for path in (folder / "src").glob("*.c"))]
    flags = [*core.flags, *OPTIONS]
    values = {
        "prefix": prefix(request.artifact.name),
        "board": board.name,
        "board_title": board.title,
        "kernels": engine_sources.kernels_text(facts, prefix(request.artifact.name)),
        "mode": facts["mode"],
        "words": request.artifact.labels,
        "uart": board.uart,
        "uart_base": board.uart_base,
        "uart_divider": board.clock // 115_200,
        "uart_pin": MICROBIT_TX_PIN,
        "flags": flags,
        "sources": sources,
    }
    compiler, why_not = _compiler()
    startup = files("firmware_assets") / "startup" / "startup.c"
    (folder / "startup.c").write_bytes(startup.read_bytes())
    (folder / "link.ld").write_text(emulation.linker_script(core.code, core.data), encoding="utf-8")
    render("bare-metal", folder, built=bool(compiler), compiler=compiler, why_not=why_not, **values)
    facts |= {"board": board.name, "image": "image.elf" if compiler else None}
    if not compiler:
        return facts | {"image_flash_bytes": None, "image_built": f"no: {why_not}"}
    _build(folder, flags, sources)
    return facts | {"image_flash_bytes": (folder / "image.bin").stat().st_size, "image_built": f"by {compiler}"}


def _compiler() -> tuple[str, str]:
    """(the cross compiler's name and version, ""), or ("", why there is none)."""
    if shutil.which("arm-none-eabi-gcc") is None:
        return "", "arm-none-eabi-gcc is not here (apt install gcc-arm-none-eabi libnewlib-arm-none-eabi)"
    return emulation.tool(["arm-none-eabi-gcc", "--version"]).splitlines()[0], ""


def _build(folder: Path, flags: Sequence[str], sources: Sequence[str]) -> None:
    linking = ("-nostartfiles", "-Wl,--gc-sections", "-Wl,-T,link.ld", "-o", "image.elf")
    emulation.tool(["arm-none-eabi-gcc", *flags, "-Isrc", "main.c", *sources, *linking], folder)
    for form, name in (("binary", "image.bin"), ("ihex", "image.hex")):
        emulation.tool(["arm-none-eabi-objcopy", "-O", form, "image.elf", name], folder)


TARGETS = tuple(
    Target(
        board.name,
        f"images for {board.title}: the self-test, the words in a recording",
        functools.partial(_write, board),
        of_tools=MEASURED | OF_COMPILER,
        board=board.title,
        checked="built, and run by QEMU",
        kernels=(board.kernels,),
    )
    for board in BOARDS
)
