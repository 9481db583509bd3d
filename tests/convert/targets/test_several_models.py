"""Two and three models in one program: each passes its own self-test, in every target; a mix-up does not link."""

import functools
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import synthetic_tflite
from serial_port import serial_lines

from convert.engine import emulation
from convert.targets import Request, bare_metal, bundle
from convert.tflite import artifact
from convert.tflite.artifact import Artifact
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

ROOT = Path(__file__).parents[3]
STAND_INS = ROOT / "tests" / "stand_ins"
TARGETS = ("c99", "cmake", "arduino", "platformio", "esp-idf", "zephyr", "tflm", "web", "pico", "mps2-an386")
GENERIC = ("edgekws.h", "manifest.json", "README.md", "model_card.md", "image.elf", "string.h")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
NANO, SMALL, THIRD = "edgekws_gsc16_nano", "edgekws_gsc16_small", "edgekws_third"
PREFIXES = {"nano": NANO, "small": SMALL, "third": THIRD}
pytestmark = pytest.mark.slow
needs_emulator = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake here: pip install cmake")


@pytest.fixture(scope="module")
def models():
    """The shipped nano and small, and a third."""
    blocks = (Block((Convolution(16, 40, 10),), MaxPool(3)), Block((Convolution(16, 5),), MaxPool(3)))
    third = Artifact.of(synthetic_tflite.build(Architecture("", blocks), 3), "third", ("a", "b", "c"), "mu_law")
    shipped = {name: artifact.load(ROOT / "firmware_assets" / "pretrained" / name) for name in ("nano", "small")}
    return shipped | {"third": third}


@pytest.fixture(scope="module")
def bundles(models, tmp_path_factory):
    """A bundle's folder by target and model, made when it is asked for."""
    root = tmp_path_factory.mktemp("bundles")

    @functools.cache
    def made(target, name):
        path = bundle.make(Request(models[name]), target, root / target / name)
        if path.suffix != ".zip":
            return path
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.with_suffix(""))
        return next(path.with_suffix("").iterdir())

    return made


def run(*command, folder=None):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def library(source_folder, folder, *flags, compiler="cc", archiver="gcc-ar"):
    """A static library of a bundle's sources."""
    folder.mkdir(parents=True)
    sources = [path for path in sorted(source_folder.glob("edgekws_*.c"))]
    run(compiler, "-std=c99", *WARNINGS, *flags, "-c", *sources, folder=folder)
    run(archiver, "rcs", "library.a", *folder.glob("*.o"), folder=folder)
    return folder / "library.a"


def self_tests(prefixes, say="printf"):
    """A program that runs the self-test of every model, in C and in C++."""
    includes = [f'#include "{prefix}_{part}.h"' for prefix in prefixes for part in ("selftest", "detector")]
    states = [f"static {prefix}_state {prefix}_it; static {prefix}_detector {prefix}_words;" for prefix in prefixes]
    calls = [
        f"    {prefix}_detector_reset(&{prefix}_words);\n"
        f"    failures += {prefix}_selftest(&{prefix}_it, 0);\n"
        f"    failures += {prefix}_detector_push(&{prefix}_words, {prefix}_scores(&{prefix}_it)) < -1;"
        for prefix in prefixes
    ]
    return "\n".join([*includes, *states, "static int test_all(void)\n{\n    int failures = 0;", *calls,
                      "    return failures;\n}\n"])  # fmt: skip


@pytest.mark.parametrize("lto", [(), ("-flto",)], ids=["objects", "lto"])
def test_as_static_libraries_in_any_order_in_c_and_in_cpp(lto, bundles, tmp_path):
    folders = {name: bundles("c99", name) for name in PREFIXES}
    flags = (*SANITIZERS, *lto)
    libraries = [library(folder, tmp_path / name, *flags) for name, folder in folders.items()]
    source = self_tests(PREFIXES.values()) + "int main(void) { return test_all(); }\n"
    includes = [f"-I{folder}" for folder in folders.values()]
    for suffix, compiler, own in ((".c", "cc", ()), (".cc", "c++", ("-Wold-style-cast", "-Wconversion"))):
        main = tmp_path / f"main{suffix}"
        main.write_text(source)
        run(compiler, *WARNINGS, *own, *flags, *includes, "-c", main, "-o", tmp_path / "main.o")
        for order in (libraries, libraries[::-1]):
            run(compiler, *flags, tmp_path / "main.o", *order, "-o", tmp_path / "program")
            run(tmp_path / "program")


@needs_emulator
@pytest.mark.parametrize("lto", [(), ("-flto",)], ids=["objects", "lto"])
def test_as_static_libraries_on_an_emulated_core(lto, bundles, tmp_path):
    board = bundles("mps2-an386", "nano")
    flags = (*emulation.TARGETS["cortex-m4"].flags, *bare_metal.OPTIONS, *lto)
    tools = {"compiler": "arm-none-eabi-gcc", "archiver": "arm-none-eabi-gcc-ar"}
    folders = {name: bundles("mps2-an386", name) / "src" for name in ("nano", "small")}
    libraries = [library(folder, tmp_path / name, *flags, **tools) for name, folder in folders.items()]
    main = '#include "uart.h"\nint main(void)\n{\n    uart_begin();\n'
    main += '    uart_print(test_all() ? "self-test FAILED\\n" : "self-test PASSED\\n");\n    return 0;\n}\n'
    main += "void fault(void);\nvoid fault(void)\n{\n    for (;;) {\n    }\n}\n"
    (tmp_path / "main.c").write_text(self_tests((NANO, SMALL)) + main)
    own = [tmp_path / "main.c", board / "startup.c", board / "uart.c"]
    linking = ("-nostartfiles", "-Wl,--gc-sections", f"-Wl,-T,{board / 'link.ld'}", "-o", tmp_path / "image.elf")
    for order in (libraries, libraries[::-1]):
        includes = [f"-I{folder}" for folder in (board, *folders.values())]
        run("arm-none-eabi-gcc", *flags, *includes, *own, *order, *linking)
        assert serial_lines("mps2-an386", tmp_path / "image.elf") == ["self-test PASSED"]


USER = """#include "edgekws.h"
static edgekws spotter;
const char *{name}(const int16_t *x, size_t n);
const char *{name}(const int16_t *x, size_t n)
{{
    edgekws_reset(&spotter);
    for (size_t i = 0; i < n;) i += edgekws_push(&spotter, x + i, n - i);
    return edgekws_labels[edgekws_label(&spotter)];
}}
"""
CALLER = """#include <stdint.h>
#include <stdio.h>
const char *first(const int16_t *, size_t), *second(const int16_t *, size_t);
int main(void)
{
    static int16_t x[16000];
    return !first(x, 16000) || !second(x, 16000);
}
"""


def test_code_written_without_the_models_name_runs_the_model_of_its_header(bundles, tmp_path):
    libraries, objects = [], []
    for function, name in (("first", "nano"), ("second", "small")):
        libraries.append(library(bundles("c99", name), tmp_path / name, *SANITIZERS))
        (tmp_path / f"{function}.c").write_text(USER.format(name=function))
        objects.append(tmp_path / f"{function}.o")
        run("cc", *WARNINGS, "-pedantic", *SANITIZERS, f"-I{bundles('c99', name)}",
            "-c", f"{function}.c", folder=tmp_path)  # fmt: skip
        called = set(re.findall(r"U (edgekws_\w+)", run("nm", objects[-1])))
        assert called
        assert all(symbol.startswith(f"{PREFIXES[name]}_") for symbol in called)
    (tmp_path / "main.c").write_text(CALLER)
    for order in (libraries, libraries[::-1]):
        run("cc", *SANITIZERS, "main.c", *objects, *order, "-o", "program", folder=tmp_path)
        run(tmp_path / "program")


def refused(*command, folder):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0
    return done.stderr


def test_the_header_without_a_name_is_refused_where_two_models_have_one(bundles, tmp_path):
    (tmp_path / "a.c").write_text(USER.format(name="a"))
    one, other = bundles("c99", "nano"), bundles("c99", "small")
    for order in ((one, other), (other, one)):
        told = refused("cc", *(f"-I{folder}" for folder in order), "-c", "a.c", folder=tmp_path)
        assert f"include {PREFIXES['nano'] if order[1] == one else PREFIXES['small']}.h" in told
    shutil.copytree(one, tmp_path / "copy")
    run("cc", *WARNINGS, "-pedantic", f"-I{one}", f"-I{tmp_path / 'copy'}", "-c", "a.c", folder=tmp_path)


@pytest.mark.parametrize(
    "other", [("small", "window"), ("nano", "sliding")], ids=["another model", "another mode of the model"]
)
def test_the_header_of_one_and_the_library_of_another_do_not_link(other, models, bundles, tmp_path):
    name, mode = other
    folder = bundle.make(Request(models[name], None, mode), "c99", tmp_path / "other")
    (tmp_path / "a.c").write_text(f"{USER.format(name='a')}int main(void) {{ return a(0, 0) != 0; }}\n")
    made = library(folder, tmp_path / "library")
    told = refused("cc", f"-I{bundles('c99', 'nano')}", "a.c", made, "-o", "program", folder=tmp_path)
    assert "undefined reference to `edgekws_gsc16_nano_reset" in told
    run("cc", f"-I{folder}", "a.c", made, "-o", "program", folder=tmp_path)


def test_two_models_of_one_name_do_not_link(models, bundles, tmp_path):
    """Not even as libraries, of which the linker would take the first that has a symbol."""
    again = bundle.make(Request(models["nano"], None, "sliding"), "c99", tmp_path / "again")
    libraries, objects = [], []
    for function, folder in (("first", bundles("c99", "nano")), ("second", again)):
        libraries.append(library(folder, tmp_path / function))
        (tmp_path / f"{function}.c").write_text(USER.format(name=function))
        objects.append(tmp_path / f"{function}.o")
        run("cc", f"-I{folder}", "-c", f"{function}.c", folder=tmp_path)
    (tmp_path / "main.c").write_text(CALLER)
    assert "multiple definition" in refused("cc", "main.c", *objects, *libraries, "-o", "program", folder=tmp_path)


TFLM = """
int main()
{{
    std::fwrite({0}_model, 1, {0}_model_bytes, stdout);
    std::fwrite({1}_model, 1, {1}_model_bytes, stdout);
    std::printf("%s %s\\n", {0}_labels[0], {1}_labels[0]);
}}
"""


def test_arrays_for_tflm(models, bundles, tmp_path):
    folders = [bundles("tflm", name) for name in ("nano", "third")]
    includes = "".join(f'#include "{p}_{part}.h"\n' for p in (NANO, THIRD) for part in ("model", "coding", "detector"))
    (tmp_path / "main.cc").write_text(f"#include <cstdio>\n{includes}{TFLM.format(NANO, THIRD)}")
    expected = models["nano"].content + models["third"].content
    words = f"{models['nano'].labels[0]} a\n".encode()
    for i, folder in enumerate(folders):
        run("c++", *WARNINGS, "-c", *folder.glob("*_model.cc"), "-o", f"{i}.o", folder=tmp_path)
        run("ar", "rcs", f"{i}.a", f"{i}.o", folder=tmp_path)
    flags = (*WARNINGS, "-Wold-style-cast", "-Wconversion", *(f"-I{folder}" for folder in folders))
    for order in (["0.a", "1.a"], ["1.a", "0.a"]):
        run("c++", *flags, "main.cc", *order, "-o", "program", folder=tmp_path)
        assert subprocess.run([tmp_path / "program"], capture_output=True, check=True).stdout == expected + words
    told = refused("c++", *flags, "main.cc", "0.a", "0.a", "-o", "program", folder=tmp_path)
    assert f"{THIRD}_model" in told


CMAKE = """cmake_minimum_required(VERSION 3.16)
project(both LANGUAGES C)
add_subdirectory("{0}" first)
add_subdirectory("{1}" second)
add_executable(both main.c)
target_link_libraries(both PRIVATE edgekws_gsc16_nano::edgekws_gsc16_nano edgekws_third::edgekws_third)
"""


@needs_cmake
def test_as_two_subdirectories_of_cmake(bundles, tmp_path):
    folders = [bundles("cmake", name) for name in ("nano", "third")]
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(*folders))
    (tmp_path / "main.c").write_text(self_tests((NANO, THIRD)) + "int main(void) { return test_all(); }\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build" / "both")


@needs_cmake
def test_as_two_modules_of_zephyr(bundles, tmp_path):
    folders = [bundles("zephyr", name) for name in ("nano", "third")]
    modules = ";".join(map(str, folders))
    (tmp_path / "CMakeLists.txt").write_text(
        f'cmake_minimum_required(VERSION 3.20)\nset(ZEPHYR_EXTRA_MODULES "{modules}")\nfind_package(Zephyr REQUIRED)\n'
        "target_sources(app PRIVATE main.c)\n"
    )
    (tmp_path / "prj.conf").write_text(f"CONFIG_{NANO.upper()}=y\nCONFIG_{THIRD.upper()}=y\n")
    (tmp_path / "main.c").write_text(self_tests((NANO, THIRD)) + "int main(void) { return test_all(); }\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DZephyr_DIR={STAND_INS / 'zephyr' / 'cmake'}")
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build" / "app")


@pytest.mark.parametrize("target", TARGETS)
def test_every_name_carries_the_models_identifier(target, bundles):
    for name, prefix in (("nano", NANO), ("third", THIRD)):
        folder = bundles(target, name)
        for path in folder.rglob("*"):
            if path.name in GENERIC or not path.is_file():
                continue
            assert not path.name.startswith("edgekws") or path.name.startswith(f"{prefix}"), path
            text = path.read_bytes().decode("utf-8", "replace")
            wrong = {n for n in re.findall(r"(?<![A-Za-z0-9])(?:edgekws|EDGEKWS)_\w+", text) if prefix not in n.lower()}
            assert not wrong, path
        headers = [
            path.name
            for path in folder.rglob("*.h")
            if path.name not in ("edgekws.h", "uart.h", "string.h", "microphone.h")
        ]
        assert headers
        assert all(header.startswith(prefix) for header in headers)
