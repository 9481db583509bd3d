"""Targets with the engine as C: alone, or with the files that a framework's build needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convert.targets import Request, Target, engine_sources
from convert.targets.names import GENERIC_HEADER, generic_header, identifier, plain_ascii, prefix
from convert.targets.templates import render
from edgekws import __version__

MICROCONTROLLERS = ("mve", "dsp_fast", "portable")
ON_A_PC = ("neon", "vnni", "avx2", "portable")
EVERYWHERE = ("mve", "dsp_fast", *ON_A_PC)
HOST_FLAGS = {"avx2": ("-mavx2",), "vnni": ("-mavx2", "-mavx512vnni", "-mavx512vl")}


def _library(
    *templates: str,
    sources: str = "src",
    example: str = "",
    selftest: str = "",
    kernels: tuple[str, ...] = MICROCONTROLLERS,
) -> Callable[[Request, Path], dict[str, Any]]:
    """Make a target's ``write``: it puts the engine into the folder ``sources`` and renders the templates.

    ``example``: the folder for the engine's ``main.c``. ``selftest``: the folder for the self-test's ``main.c``.
    ``kernels``: the sets for the target's boards, best first.
    """

    def write(request: Request, folder: Path) -> dict[str, Any]:
        source_folder = folder / sources
        facts = engine_sources.write(request, source_folder, kernels=kernels, example=bool(example))
        if example and example != sources:
            (folder / example).mkdir(parents=True, exist_ok=True)
            shutil.move(source_folder / "main.c", folder / example / "main.c")
        artifact = request.artifact
        named = prefix(artifact.name)
        if sources == ".":  # plain C: the user sets the include path
            (folder / GENERIC_HEADER).write_text(generic_header(named), encoding="utf-8")
        for template in templates:
            render(
                template,
                folder,
                prefix=named,
                identifier=identifier(artifact.name),
                ascii_name=plain_ascii(artifact.name),
                version=__version__,
                words=artifact.labels,
                sources=sorted(path.name for path in source_folder.glob("*.c")),
                flags=HOST_FLAGS.get(request.kernels or "", ()),
                kernels=engine_sources.kernels_text(facts, named),
            )
        if selftest:
            render("selftest", folder / selftest, prefix=named, framework=templates[-1])
        return facts

    return write


TARGETS = (
    Target(
        "c99",
        "C99 sources that compile anywhere with cc *.c",
        _library("c99", sources=".", example=".", selftest="selftest", kernels=EVERYWHERE),
        board="anything with a C compiler of 32 bits",
        checked="compiled and run here, and its engine on emulated Cortex-M0, M4, M7, M33, M55",
        kernels=EVERYWHERE,
    ),
    Target(
        "arduino",
        "a zip for the Arduino IDE: library and sketches",
        _library("arduino"),
        archive=True,
        board="Arduino boards of 32 bits",
        microphone="PDM of the Mbed boards; a place to fill in elsewhere",
        checked="sketches compiled against stand-ins, and by Arduino's builder for the Nano 33 BLE, but not linked",
        kernels=MICROCONTROLLERS,
    ),
    Target(
        "platformio",
        "a PlatformIO library",
        _library("arduino", "platformio"),
        board="Arduino boards of 32 bits",
        microphone="PDM of the Mbed boards; a place to fill in elsewhere",
        checked="sketches compiled against stand-ins; packed by PlatformIO, and its self-test run on a PC",
        kernels=MICROCONTROLLERS,
    ),
    Target(
        "esp-idf",
        "an ESP-IDF component with an I2S example",
        _library("esp-idf", selftest="examples/selftest/main", kernels=("portable",)),
        board="ESP32, S3, C3 and others",
        microphone="I2S (INMP441, ICS-43434)",
        checked="built for IDF's linux target, where the self-test passed",
        kernels=("portable",),
    ),
    Target(
        "zephyr",
        "a Zephyr module with a sample for digital microphones",
        _library("zephyr", selftest="samples/selftest/src"),
        board="any board of Zephyr with 32 bits",
        microphone="PDM and I2S by Zephyr's dmic",
        checked="samples compiled against stand-ins",
        kernels=MICROCONTROLLERS,
    ),
    Target(
        "pico",
        "a Pico SDK project: words from a microphone, the self-test, as UF2",
        _library("pico", selftest="selftest", kernels=("dsp_fast", "portable")),
        board="Raspberry Pi Pico and Pico 2: RP2040, RP2350",
        microphone="I2S (INMP441, ICS-43434) or PDM",
        checked="programs run against stand-ins; built by the Pico SDK, with UF2; its self-test passes in rp2040js",
        kernels=("dsp_fast", "portable"),
    ),
    Target(
        "cmake",
        "a CMake package, installed or added as a folder",
        _library("cmake", example="example", selftest="selftest", kernels=EVERYWHERE),
        board="anything with a C compiler of 32 bits",
        checked="built, installed and run here",
        kernels=EVERYWHERE,
    ),
)
