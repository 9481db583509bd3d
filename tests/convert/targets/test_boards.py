"""Bundles for frameworks of boards: their manifests, their C on every core, their examples against stand-ins."""

import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synthetic_tflite
import yaml

from convert.engine import codegen, detector_source, selftest
from convert.targets import Request, bundle, names, verify
from convert.tflite.artifact import Artifact
from edgekws.errors import UserError
from edgekws.listen import detector
from edgekws.model import catalogue

STAND_INS = Path(__file__).parents[2] / "stand_ins"
BOARDS = ("arduino", "platformio", "esp-idf", "zephyr", "pico", "cmake")
SELF_TESTS = {
    "c99": "selftest/main.c",
    "cmake": "selftest/main.c",
    "esp-idf": "examples/selftest/main/main.c",
    "zephyr": "samples/selftest/src/main.c",
    "pico": "selftest/main.c",
}
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
NAME = "Küche & 2/8"
PREFIX = "edgekws_k_che_2_8"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every bundle of boards as a folder, from a model with an odd name, in a folder with a space."""
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 3)
    request = Request(Artifact.of(content, NAME, ("yes", 'no "way"', "ünö"), "mu_law"))
    root = tmp_path_factory.mktemp("my bundles")
    folders = {}
    for target in (*BOARDS, "c99"):
        path = bundle.make(request, target, root / target)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(root / "unzipped")
            path = root / "unzipped" / "k_che_2_8"
        folders[target] = path
    assert verify.problems(root / "arduino.zip") == verify.problems(root / "cmake") == []
    return folders


def tool(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(program, how):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program} here: {how}")


def test_the_engine_is_the_same_everywhere_and_brings_no_main(made, tmp_path):
    request = synthetic_tflite.build(catalogue.find("nano").architecture, 3)
    artifact = Artifact.of(request, NAME, ("yes", 'no "way"', "ünö"), "mu_law")
    plan = codegen.generate(artifact.graph, artifact.labels, tmp_path, coding="mu_law")
    selftest.write(artifact, plan, tmp_path)
    detector_source.write(detector.default(artifact.labels, plan.hop), tmp_path)
    names.rename_files(tmp_path, PREFIX)
    assert (made["cmake"] / "example" / "main.c").read_bytes() == (tmp_path / "main.c").read_bytes()
    expected = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "main.c"}
    assert {path.name: path.read_bytes() for path in (made["esp-idf"] / "src").iterdir()} == expected
    sources = {target: {path.name: path.read_bytes() for path in (made[target] / "src").iterdir()} for target in BOARDS}
    assert sources["arduino"] == sources["platformio"] == sources["zephyr"]
    on_a_pc = {path.name: path.read_bytes() for path in made["c99"].glob("*.?")}
    differ = {name for name, content in sources["arduino"].items() if on_a_pc[name] != content}
    assert differ == {f"{PREFIX}_model.h", f"{PREFIX}_kernels_portable.c"}  # they list the sets; a PC has one more
    of_each_set = {f"{PREFIX}_model.c", f"{PREFIX}_selftest_model.c"}
    assert sources["cmake"].keys() > sources["arduino"].keys() > expected.keys() - of_each_set


def test_no_template_is_left_unrendered(made):
    for folder in made.values():
        for path in folder.rglob("*"):
            assert path.suffix != ".j2"
            assert "{{" not in path.name
            if path.suffix in (".md", ".txt", ".json", ".yml", ".properties"):
                assert "{{" not in path.read_text(encoding="utf-8"), path


def test_arduino_properties_follow_the_specification(made):
    lines = (made["arduino"] / "library.properties").read_text(encoding="ascii").splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    required = ["name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"]
    assert set(required) <= set(properties)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", properties["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert (made["arduino"] / "src" / properties["includes"]).exists()
    for line in (made["arduino"] / "keywords.txt").read_text().splitlines():
        assert re.fullmatch(r"\w+\t(KEYWORD1|KEYWORD2|LITERAL1)", line)


def test_arduino_lint_would_find_nothing(made):
    """Its rules for libraries (LS, LP, LC, LD), but for those that need a network or the length that it recommends."""
    folder = made["arduino"]
    lines = (folder / "library.properties").read_text(encoding="ascii").splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    known = "name version author maintainer sentence paragraph category url architectures includes"
    assert set(properties) == set(known.split())
    assert all(properties.values())
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]{0,62}", properties["name"])  # no space: LP015
    for field in ("name", "maintainer"):
        assert "arduino" not in properties[field].lower()
    assert "library" not in properties["name"].lower()
    assert properties["sentence"] not in properties["paragraph"]
    categories = (
        "Display,Communication,Signal Input/Output,Sensors,Device Control,Timing,Data Storage,Data Processing,Other"
    )
    assert properties["category"] in categories.split(",")
    assert re.fullmatch(r"https?://[\w./-]+", properties["url"])
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]{0,62}", folder.name)
    names = [path.relative_to(folder) for path in folder.rglob("*")]
    assert not [
        name for name in names if (folder / name).is_symlink() or name.suffix == ".exe" or name.name == ".development"
    ]
    top = {name.name for name in names if len(name.parts) == 1}
    assert {"src", "examples", "README.md", "LICENSE", "library.properties", "keywords.txt"} <= top
    assert not top & {"utility", "extra", "Extra", "Extras", "example", "Examples", "Src", "Library.properties"}
    sketches = {name for name in names if name.suffix in (".ino", ".pde")}
    assert sketches == {Path(f"examples/{name}/{name}.ino") for name in ("Listen", "SelfTest")}
    code = [name for name in names if name.suffix in (".h", ".c", ".cpp", ".ino")]
    included = {line for name in code for line in (folder / name).read_text(encoding="utf-8").splitlines()}
    assert not [
        line for line in included if re.match(r'#include ["<]arduino.h[">]', line, re.I) and "Arduino.h" not in line
    ]


def test_platformio_manifest_names_what_is_there(made):
    manifest = json.loads((made["platformio"] / "library.json").read_text())
    assert re.fullmatch(r"[a-z0-9_]+", manifest["name"])
    assert (made["platformio"] / "src" / manifest["headers"]).exists()
    for example in manifest["examples"]:
        assert all((made["platformio"] / example["base"] / name).exists() for name in example["files"])


@needs("pio", "pip install platformio")
def test_platformios_own_tool_packs_the_library(made, tmp_path):
    """It reads the manifest by its schema, and refuses a field that is not of it."""
    environment = {**os.environ, "PLATFORMIO_CORE_DIR": str(tmp_path), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
    packed = tmp_path / "library.tar.gz"
    tool("pio", "pkg", "pack", made["platformio"], "-o", packed, env=environment)
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {"library.json", "README.md", "LICENSE", f"src/{PREFIX}.h", "examples/Listen/Listen.ino"} <= names


def test_esp_idf_and_zephyr_manifests(made):
    component = yaml.safe_load((made["esp-idf"] / "idf_component.yml").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", component["version"])
    assert set(component) <= {"version", "description", "license", "dependencies"}
    for example in (made["esp-idf"] / "examples").iterdir():
        assert 'EXTRA_COMPONENT_DIRS "${CMAKE_CURRENT_LIST_DIR}/../.."' in (example / "CMakeLists.txt").read_text()
        (source,) = re.findall(r'SRCS "(.*)"', (example / "main" / "CMakeLists.txt").read_text())
        assert (example / "main" / source).exists()
    module = yaml.safe_load((made["zephyr"] / "zephyr" / "module.yml").read_text())
    assert set(module) <= {"name", "build", "tests", "samples", "boards"}
    assert all((made["zephyr"] / module["build"]["cmake"] / name).exists() for name in ("CMakeLists.txt", "Kconfig"))
    for example in (made["zephyr"] / "samples").iterdir():
        sample = yaml.safe_load((example / "sample.yaml").read_text())
        assert set(sample) == {"sample", "common", "tests"}
        assert set(sample["sample"]) == {"name", "description"}
        assert all(re.fullmatch(r"[\w.]+", name) for name in sample["tests"])
        if example.name == "selftest":
            (expected,) = sample["common"]["harness_config"]["regex"]
            assert re.search(expected, (made["zephyr"] / SELF_TESTS["zephyr"]).read_text().replace("%s", "PASSED"))


@needs("compote", "pip install idf-component-manager")
def test_espressifs_own_tool_packs_the_component(made, tmp_path):
    folder = shutil.copytree(made["esp-idf"], tmp_path / "component")
    tool("compote", "component", "pack", "--project-dir", folder, "--name", PREFIX)
    (packed,) = (folder / "dist").glob("*.tgz")
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {"idf_component.yml", "CMakeLists.txt", "README.md", "LICENSE", f"src/{PREFIX}.c"} <= names


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("esp-idf", "CMakeLists.txt"),
        ("zephyr", "zephyr/CMakeLists.txt"),
        ("cmake", "CMakeLists.txt"),
        ("pico", "CMakeLists.txt"),
    ],
)
def test_builds_name_every_source_once(made, target, file):
    named = re.findall(r"src/(\w+\.c)", (made[target] / file).read_text())
    assert sorted(named) == sorted(path.name for path in (made[target] / "src").glob("*.c"))


@needs("arm-none-eabi-gcc", "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
@pytest.mark.parametrize("core", CORES)
def test_the_sources_compile_for_every_core(made, core, tmp_path):
    sources = sorted((made["arduino"] / "src").glob("*.c"))
    float_abi = ["-mfloat-abi=hard"] if core == "cortex-m55" else []
    tool("arm-none-eabi-gcc", f"-mcpu={core}", *float_abi, "-Os", "-std=c99", *WARNINGS, "-c", *sources, cwd=tmp_path)


def test_a_compiler_with_16_bit_integers_is_refused(made, tmp_path):
    small = ("-U__INT_MAX__", "-D__INT_MAX__=32767")
    command = ["cc", *small, "-c", made["arduino"] / "src" / f"{PREFIX}.c", "-o", tmp_path / "edgekws.o"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "needs a processor of 32 bits" in done.stderr


@needs("c++", "apt install g++")
@pytest.mark.parametrize("board", [(), ("-DARDUINO_ARCH_MBED", f"-I{STAND_INS / 'arduino-pdm'}")])
def test_arduino_sketches_compile_against_a_stand_in(made, board, tmp_path):
    for sketch in (made["arduino"] / "examples").glob("*/*.ino"):
        assert sketch.stem == sketch.parent.name
        includes = [*board, f"-I{STAND_INS / 'arduino'}", f"-I{made['arduino'] / 'src'}"]
        tool("c++", "-std=c++11", *WARNINGS, *includes, "-include", "Arduino.h", "-x", "c++", "-c", sketch,
             "-o", tmp_path / "sketch.o")  # fmt: skip


@pytest.mark.parametrize(
    ("target", "source", "defines"),
    [
        (
            "esp-idf",
            "examples/listen/main/listen.c",
            [f"CONFIG_{PREFIX.upper()}_LISTEN_{key}=4" for key in ("I2S_CLOCK", "I2S_SELECT", "I2S_DATA", "GAIN_BITS")],
        ),
        ("esp-idf", SELF_TESTS["esp-idf"], []),
        ("zephyr", "samples/listen/src/main.c", []),
        ("zephyr", SELF_TESTS["zephyr"], []),
    ],
)
def test_examples_compile_against_a_stand_in(made, target, source, defines, tmp_path):
    flags = [f"-D{define}" for define in defines]
    tool("cc", "-std=gnu11", *WARNINGS, *flags, f"-I{STAND_INS / target}", f"-I{made[target] / 'src'}",
         "-c", made[target] / source, "-o", tmp_path / "example.o")  # fmt: skip


NO_MICROPHONE = r"""
#include <stdlib.h>
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
const struct device dmic_dev = {"none"};
static int reads, sleeps;
bool device_is_ready(const struct device *device) { return true; }
uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr side) { return 0; }
int dmic_configure(const struct device *device, struct dmic_cfg *settings) { return 0; }
int dmic_trigger(const struct device *device, enum dmic_trigger trigger) { return 0; }
int dmic_read(const struct device *device, uint8_t stream, void **block, size_t *size, int32_t timeout)
{
    if (reads++ > sleeps) exit(1);
    return -5;
}
int32_t k_msleep(int32_t ms) { if (ms >= 10 && ++sleeps == 3) exit(0); return 0; }
void k_mem_slab_free(struct k_mem_slab *slab, void *block) { }
"""


def test_the_zephyr_example_pauses_where_its_microphone_fails_at_once(made, tmp_path):
    (tmp_path / "none.c").write_text(NO_MICROPHONE)
    sources = [made["zephyr"] / "samples/listen/src/main.c", *(made["zephyr"] / "src").glob("*.c")]
    tool("cc", "-std=gnu11", f"-I{STAND_INS / 'zephyr'}", f"-I{made['zephyr'] / 'src'}",
         tmp_path / "none.c", *sources, "-o", tmp_path / "app")  # fmt: skip
    assert tool(tmp_path / "app").count("samples lost") == 3


@pytest.mark.parametrize("target", ["c99", "platformio"])
def test_the_self_test_passes_here_as_the_readme_says(made, target, tmp_path):
    """Every bundle has the same sources; a broken weight is found."""
    shutil.copytree(made[target], tmp_path / "my bundle")
    sources, main = tmp_path / "my bundle" / ("." if target == "c99" else "src"), made["c99"] / SELF_TESTS["c99"]
    build = ["sh", "-c", f"cc -O2 -I. {PREFIX}*.c '{main}' -o '{tmp_path}/check'"]
    tool(*build, cwd=sources)
    assert tool(tmp_path / "check").endswith("\nself-test PASSED\n")
    model = sources / f"{PREFIX}_model_portable.c"
    changed = re.sub(
        r"(stage_1_weights\[\d+\] = \{\s*)(-?\d+)", lambda found: f"{found[1]}{int(found[2]) ^ 1}", model.read_text()
    )
    model.write_text(changed)
    tool(*build, cwd=sources)
    broken = subprocess.run([tmp_path / "check"], capture_output=True, text=True)
    assert broken.returncode == 1
    assert "FAILED weights convolution 2" in broken.stdout
    assert broken.stdout.endswith("\nself-test FAILED\n")


def test_the_self_test_is_one_program(made):
    programs = {target: (made[target] / path).read_text() for target, path in SELF_TESTS.items()}
    assert programs["c99"] == programs["cmake"]
    assert (
        programs["zephyr"].replace("return 0; /* Zephyr knows no other */", "return failures != 0;") == programs["c99"]
    )
    assert "void app_main(void)" in programs["esp-idf"]
    assert "stdio_init_all();" in programs["pico"]


@pytest.mark.parametrize("target", ["tflm", "ethos-u55-128"])
@pytest.mark.parametrize("choice", [{"kernels": "dsp"}, {"mode": "sliding"}])
def test_kernels_and_mode_are_refused_where_there_is_no_engine(target, choice, tmp_path):
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 3)
    with pytest.raises(UserError, match=f"{target} does not run the engine"):
        bundle.make(Request(Artifact.of(content, "a"), **choice), target, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@needs("cmake", "pip install cmake")
def test_the_cmake_package_installs_and_its_consumer_runs(made, tmp_path):
    source, build = made["cmake"], tmp_path / "b"
    tool("cmake", "-S", source, "-B", build, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    tool("cmake", "--build", build)
    commands = json.loads((build / "compile_commands.json").read_text())
    engine = [one["command"] for one in commands if Path(one["file"]).parent.name == "src"]
    assert engine
    assert all(" -O3 " in command and " -O2 " not in command for command in engine)  # this machine has 64 bits
    assert "100% tests passed" in tool("ctest", "--test-dir", build)
    tool("cmake", "--install", build, "--prefix", tmp_path / "installed")
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}"
    tool("cmake", "-S", source / "example", "-B", tmp_path / "c", prefix)
    tool("cmake", "--build", tmp_path / "c")
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000, np.int16), 16_000)
    word, score = tool(tmp_path / "c" / "spotter", tmp_path / "a.wav").rsplit(maxsplit=1)
    assert word in ("yes", 'no "way"', "ünö")
    assert 0 <= float(score) <= 1


@needs("cmake", "pip install cmake")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 is of x86-64")
def test_who_links_the_cmake_package_gets_the_flags_of_its_kernels(tmp_path):
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 3)
    request = Request(Artifact.of(content, NAME), "avx2", "sliding")
    tool("cmake", "-S", bundle.make(request, "cmake", tmp_path / "my bundle"), "-B", tmp_path / "b")
    tool("cmake", "--build", tmp_path / "b")


@needs("cmake", "pip install cmake")
def test_the_zephyr_module_builds_and_its_self_test_passes_against_a_stand_in(made, tmp_path):
    package = f"-DZephyr_DIR={STAND_INS / 'zephyr' / 'cmake'}"
    tool("cmake", "-S", made["zephyr"] / "samples" / "selftest", "-B", tmp_path / "b", package)
    tool("cmake", "--build", tmp_path / "b")
    assert tool(tmp_path / "b" / "app").endswith("\nself-test PASSED\n")


@needs("pio", "pip install platformio")
def test_platformio_packs_it(made, tmp_path):
    tool("pio", "pkg", "pack", made["platformio"], "-o", tmp_path / "packed.tar.gz")
    assert (tmp_path / "packed.tar.gz").exists()


@needs("compote", "pip install idf-component-manager")
def test_the_component_manager_packs_it(made, tmp_path):
    tool(
        "compote",
        "component",
        "pack",
        "--name",
        "edgekws_k_che_2_8",
        "--dest-dir",
        tmp_path / "dist",
        cwd=made["esp-idf"],
    )
    assert list((tmp_path / "dist").iterdir())
