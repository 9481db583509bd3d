"""Several kernel sets in one folder: a compiler chooses the best that its options allow, and a mix-up is an error."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import synthetic_tflite
from engine import host

from convert.engine import codegen, emulation, kernel_choice, selftest
from convert.tflite import artifact
from convert.tflite.artifact import Artifact
from edgekws.model import catalogue

SETS = ("mve", "dsp_fast", "neon", "vnni", "avx2", "portable")
MAIN = '#include "edgekws_selftest.h"\n#include <stdio.h>\nstatic edgekws_state it;\n'
MAIN += "int main(void) { puts(EDGEKWS_KERNELS); return edgekws_selftest(&it, 0) != 0; }\n"
SHIPPED = Path(__file__).parents[3] / "firmware_assets" / "pretrained"
needs_emulator = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")


def merged(made_from, folder, sets=SETS):
    """A folder of several sets, with the self-test and a main that says which was chosen."""
    parts = {kernels: folder / "parts" / kernels for kernels in sets}
    for kernels, part in parts.items():
        plan = codegen.generate(made_from.graph, made_from.labels, part, kernels=kernels, coding=made_from.coding)
        selftest.write(made_from, plan, part)
        (part / "main.c").write_text(MAIN)
    kernel_choice.merge(parts, folder / "all")
    return folder / "all"


@pytest.fixture(scope="module")
def every_set(tmp_path_factory):
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 4)
    return merged(Artifact.of(content, "test", ("a", "b", "c", "d"), "mu_law"), tmp_path_factory.mktemp("every set"))


def preprocessed(folder, *compiler):
    """What a compiler makes of the name of the kernel set."""
    text = '#include "edgekws_model.h"\nEDGEKWS_KERNELS\n'
    command = [*compiler, f"-I{folder}", "-E", "-P", "-x", "c", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return done.stdout.strip().strip('"') if done.returncode == 0 else done.stderr


# Helium needs registers that the soft float ABI leaves alone.
ARM = {
    "cortex-m0": "portable",
    "cortex-m0plus": "portable",
    "cortex-m3": "portable",
    "cortex-m4": "dsp_fast",
    "cortex-m7": "dsp_fast",
    "cortex-m33": "dsp_fast",
    "cortex-m33+nodsp": "portable",
    "cortex-m55": "dsp_fast",
    "cortex-m55 -mfloat-abi=hard": "mve",
}


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="apt install gcc-arm-none-eabi")
@pytest.mark.parametrize("core", ARM)
def test_what_a_cortex_m_gets(core, every_set):
    assert preprocessed(every_set, "arm-none-eabi-gcc", *f"-mcpu={core}".split(), "-mthumb") == ARM[core]


@pytest.mark.skipif(shutil.which("clang") is None, reason="apt install clang")
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--target=x86_64-linux",), "portable"),
        (("--target=x86_64-linux", "-mavx2"), "avx2"),
        (("--target=aarch64-linux",), "neon"),
        (("--target=x86_64-linux", "-mavx2", "-mavx512vnni", "-mavx512vl"), "vnni"),
        (("--target=x86_64-linux", "-mavx2", "-mavxvnni"), "vnni"),
        (("--target=riscv32", "-march=rv32imac"), "portable"),
        (("--target=armv7a-linux", "-marm"), "portable"),
        (("--target=arm-none-eabi", "-mcpu=cortex-m4"), "dsp_fast"),
        (("--target=arm-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard"), "mve"),
    ],
)
def test_what_other_processors_get(flags, expected, every_set):
    assert preprocessed(every_set, "clang", *flags) == expected


def test_a_set_can_be_named_and_one_that_cannot_be_right_is_an_error(every_set):
    assert preprocessed(every_set, "cc", "-mavx2", "-DEDGEKWS_KERNELS_PORTABLE") == "portable"
    for kernels, missing in (("MVE", "Helium"), ("DSP_FAST", "the DSP extension"), ("AVX2", "AVX2")):
        told = preprocessed(every_set, "cc", "-mno-avx2", f"-DEDGEKWS_KERNELS_{kernels}")
        assert "#error" in told
        assert f"these kernels need {missing}" in told


@pytest.mark.parametrize("kernels", ["dsp", "dsp_fast", "mve", "avx2", "vnni", "neon", "wasm"])
def test_a_folder_of_one_set_is_refused_on_other_cores(kernels, tmp_path):
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 4)
    codegen.generate(Artifact.of(content, "test").graph, list("abcd"), tmp_path, kernels=kernels)
    assert "these kernels need" in preprocessed(tmp_path, "cc", "-mno-avx2")


@pytest.mark.parametrize(
    "flags", [(), ("-DEDGEKWS_DSP_IN_C",), *((f"-m{name}",) for name in host.native_kernels())], ids=str
)
def test_every_set_passes_the_self_test(flags, every_set, tmp_path):
    sources = sorted(every_set.glob("*.c"))
    command = ["cc", "-std=c99", "-O2", *host.WARNINGS, *flags, *sources, "-o", tmp_path / "test"]
    subprocess.run(command, check=True)
    chosen = subprocess.run([tmp_path / "test"], check=True, capture_output=True, text=True).stdout.strip()
    assert chosen == {"-DEDGEKWS_DSP_IN_C": "dsp_fast", "-mavx2": "avx2"}.get("".join(flags), "portable")


@pytest.mark.skipif(not host.native_kernels(), reason="this machine has no other kernels")
def test_a_program_of_other_options_than_its_library_does_not_link(every_set, tmp_path):
    """The states differ in size, so that it would write past the end of one."""
    for order in ((), ("-mavx2",)), (("-mavx2",), ()):
        for name, flags in zip(("library", "program"), order, strict=True):
            sources = [path for path in every_set.glob("*.c") if (path.name == "main.c") == (name == "program")]
            (tmp_path / name).mkdir(exist_ok=True)
            subprocess.run(["cc", *flags, "-c", *sources], cwd=tmp_path / name, check=True)
        objects = [path for name in ("library", "program") for path in (tmp_path / name).glob("*.o")]
        # main calls the self-test alone; whoever calls edgekws_reset is told
        reset = '#include "edgekws.h"\nint main(void) { static edgekws_state it; edgekws_reset(&it); return 0; }\n'
        (tmp_path / "main.c").write_text(reset)
        objects = [path for path in objects if path.name != "main.o"]
        command = ["cc", *order[1], f"-I{every_set}", "main.c", *objects, "-o", "out"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert "undefined reference to `edgekws_reset_" in done.stderr


def test_one_set_is_copied_as_it_is(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "edgekws_model.h").write_text("anything")
    kernel_choice.merge({"portable": tmp_path / "one"}, tmp_path / "all")
    assert [path.read_text() for path in (tmp_path / "all").iterdir()] == ["anything"]


@needs_emulator
@pytest.mark.slow
@pytest.mark.parametrize(("core", "most"), [("cortex-m4", 20_700_000), ("cortex-m55", 8_000_000)])
def test_small_gets_the_fast_kernels_without_being_told(core, most, tmp_path):
    """110 million instructions by the portable kernels."""
    small = artifact.load(SHIPPED / "small")
    folder = merged(small, tmp_path, ("mve", "dsp_fast", "portable"))
    clip = np.random.default_rng(0).integers(-32_768, 32_768, 16_000).astype(np.int16)
    for path in folder.glob("*selftest*"):
        path.unlink()
    assert emulation.measure(folder, core, clip).instructions[0] <= most
