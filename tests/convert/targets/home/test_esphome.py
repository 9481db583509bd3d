"""The ESPHome component: its C++ hears what the PC hears, and ESPHome takes its YAML, or says what is wrong with it."""

import re
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

import edgekws
from convert.targets import Request, bundle, verify
from convert.tflite import artifact
from edgekws.listen.events import Event

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "docs" / "demo.wav"
STAND_INS = ROOT / "tests" / "stand_ins" / "esphome"
LISTEN, NANO = "edgekws_gsc16_small_listen", "edgekws_gsc16_nano"
WARNINGS = ("-Wall", "-Wextra", "-Werror")
BOARDS = ("esp32", "esp32-s3", "esp32-c3")
needs_cpp = pytest.mark.skipif(shutil.which("c++") is None, reason="no c++ here: apt install g++")
ESPHOME = shutil.which("esphome")
needs_esphome = pytest.mark.skipif(
    ESPHOME is None, reason="no esphome here: pip install esphome, in an environment apart"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("esphome bundles")
    folders = {}
    gated = artifact.load("nano").opened(("right",), 6.0)
    for model, component in ((artifact.load("small-listen"), LISTEN), (gated, NANO)):
        folders[component] = bundle.make(Request(model), "esphome", place / component)
    return folders


@pytest.fixture(scope="module")
def objects(made, tmp_path_factory):
    """The objects of each component's sources."""
    folder, found = tmp_path_factory.mktemp("objects"), {}
    for component, bundled in made.items():
        source = bundled / "components" / component
        engine = [str(path) for path in sorted(source.glob("*.c"))]
        subprocess.run(["cc", "-std=c99", "-O1", "-c", *engine], cwd=folder, check=True)
        command = ["c++", "-std=gnu++20", "-O1", *WARNINGS, f"-I{STAND_INS}", "-c", source / f"{component}_ears.cpp"]
        subprocess.run(command, cwd=folder, check=True)
        found[component] = sorted(folder.glob(f"{component}*.o"))
    return found


def program(folder, text, *components, made, objects):
    """A program of this text with the components."""
    (folder / "main.cpp").write_text(text)
    includes = [f"-I{made[component] / 'components' / component}" for component in components]
    linked = [path for component in components for path in objects[component]]
    command = ["c++", "-std=gnu++20", "-O1", *WARNINGS, *includes, f"-I{STAND_INS}", "main.cpp", *linked, "-pthread"]
    subprocess.run([*command, "-o", "program"], cwd=folder, check=True)
    return folder / "program"


def main_of(component, body):
    """A program with one component: it hears the microphone ``source`` and prints each word with its score."""
    return f"""
#include "{component}_number.h"
using namespace esphome;
using namespace esphome::{component};
struct Opened : Ears {{
  using Ears::task_;
  using Ears::lost_;
}};
int main() {{
  static microphone::MicrophoneSource source;
  static Opened ears;
  ears.set_microphone_source(&source);
  static WordTrigger any(&ears, -1);
  any.automation = [](const std::string &word, const float &score) {{
    std::printf("%s %.5f\\n", word.c_str(), score);
  }};
  {body}
  return 0;
}}
"""


HEARS = """
  ears.task_->wait_until_idle();
  std::vector<uint8_t> data(2000);
  for (size_t got; (got = std::fread(data.data(), 1, data.size(), stdin)) > 0;) {
    data.resize(got);
    source.hear(data);
    ears.task_->wait_until_idle();
    ears.loop();
  }
"""


def hears_the_demo(run):
    """What the program did with the demo at its standard input, and the demo's samples, int16 (n,)."""
    with wave.open(str(DEMO)) as file:
        sound = file.readframes(file.getnframes())
    return subprocess.run([run], input=sound, capture_output=True, timeout=120, check=True), np.frombuffer(sound, "<i2")


def events(spotter, samples):
    return [event for event in spotter.hear([samples]) if isinstance(event, Event)]


def printed(heard):
    return [f"{event.word} {event.score:.5f}" for event in heard]


LISTENS = f"""
  ears.set_threshold(-1, 0.9f);
  static Threshold of_all(&ears, -1), of_down(&ears, 9);
  static WordTrigger down(&ears, 9);
  down.automation = [](const std::string &, const float &) {{ std::printf("(down)\\n"); }};
  ears.set_self_test(true);
  ears.setup();
  of_all.setup();
  std::printf("%g %g\\n", of_all.state, of_down.state);
  of_all.set(40.0f);
  ears.dump_config();
  {HEARS}
  IsRunningCondition<> running;
  running.set_parent(&ears);
  StopAction<> stop;
  stop.set_parent(&ears);
  StartAction<> start;
  start.set_parent(&ears);
  stop.play();
  source.hear(data);
  std::printf("%d", running.check());
  start.play();
  std::printf("%d\\n", running.check());
  source.hear(std::vector<uint8_t>(100000));
  ears.task_->wait_until_idle();
  ears.loop();
  of_down.set(55.0f);
  static Threshold again(&ears, 9);
  again.setup();
  std::printf("%g %.2f %.2f\\n", again.state, ears.threshold(9), ears.threshold(0));
"""


@needs_cpp
def test_it_hears_what_the_pc_hears(made, objects, tmp_path):
    run = program(tmp_path, main_of(LISTEN, LISTENS), LISTEN, made=made, objects=objects)
    done, samples = hears_the_demo(run)
    first, *heard, running, again = done.stdout.decode().splitlines()
    lines = printed(events(edgekws.load("small-listen", threshold=0.4), samples))
    assert [line for line in heard if line != "(down)"] == lines
    assert heard[[line.split()[0] for line in heard].index("down") + 1] == "(down)"
    assert len(lines) >= 7
    assert (first, running) == ("90 0", "01")
    assert again == "55 0.55 0.40"
    told = done.stderr.decode()
    assert f"I {LISTEN}: self-test PASSED" in told
    assert re.search(rf"W {LISTEN}: \d+ samples were lost: the chip is too slow for this model", told)
    assert f"C {LISTEN}:   yes: threshold 0.40" in told
    assert "_unknown_" not in told


@needs_cpp
def test_words_behind_a_phrase_are_those_of_the_pc(made, objects, tmp_path):
    body = f"ears.set_threshold(-1, 0.4f);\n  ears.setup();\n{HEARS}"
    run = program(tmp_path, main_of(NANO, body), NANO, made=made, objects=objects)
    done, samples = hears_the_demo(run)
    behind = events(edgekws.load("nano", threshold=0.4, opened_by=["right"], open_seconds=6.0), samples)
    all_of_it = events(edgekws.load("nano", threshold=0.4), samples)
    assert done.stdout.decode().splitlines() == printed(behind)
    assert [event.word for event in behind] == ["right", "one", "four", "three"]
    assert [event.word for event in all_of_it] == ["yes", "right", "one", "four", "three", "five", "down", "happy"]


@needs_cpp
def test_two_models_are_part_of_one_image(made, objects, tmp_path):
    text = "".join(f'#include "{component}_number.h"\n' for component in (LISTEN, NANO))
    text += "int main() {\n  static esphome::microphone::MicrophoneSource source;\n"
    for component in (LISTEN, NANO):
        text += (
            f"  static esphome::{component}::Ears {component}_ears;\n"
            f"  {component}_ears.set_microphone_source(&source);\n  {component}_ears.dump_config();\n"
        )
    run = program(tmp_path, f"{text}}}\n", LISTEN, NANO, made=made, objects=objects)
    told = subprocess.run([run], capture_output=True, text=True, check=True).stderr
    listening = artifact.load("small-listen")
    happy = listening.detector.settings.thresholds[listening.labels.index("happy")]
    assert f"C {LISTEN}:   happy: threshold {happy / 256:.2f}" in told
    assert f"C {NANO}:   happy: threshold" in told


@needs_cpp
def test_every_header_is_one_of_cpp_too_in_the_order_of_esphomes_own(made, tmp_path):
    source = made[NANO] / "components" / NANO
    (tmp_path / "all.cpp").write_text("".join(f'#include "{path.name}"\n' for path in sorted(source.glob("*.h"))))
    command = ["c++", "-std=gnu++20", *WARNINGS, "-fsyntax-only", f"-I{source}", f"-I{STAND_INS}", "all.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_every_name_carries_the_models(made):
    for component, folder in made.items():
        assert verify.problems(folder) == []
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix in (".py", ".yaml", ".h", ".cpp", ".c"):
                strange = {name for name in re.findall(r"\b(edgekws_\w+)", path.read_text()) if component not in name}
                assert not strange, (path, strange)
        text = (folder / "README.md").read_text()
        (shown,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert component in yaml.safe_load(shown)


def esphome(folder, *arguments, command=(ESPHOME,)):
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)


def python_of_esphome():
    return Path(ESPHOME).read_text().splitlines()[0].removeprefix("#!")


@pytest.fixture(scope="module")
def copy(made, tmp_path_factory):
    """A bundle that ESPHome may write into."""
    return shutil.copytree(made[NANO], tmp_path_factory.mktemp("esphome") / "copy")


@needs_esphome
@pytest.mark.parametrize("board", BOARDS)
def test_esphome_takes_the_configuration_of_every_board(copy, board):
    done = esphome(copy, "config", f"{board}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Configuration is valid!" in done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


@needs_esphome
@pytest.mark.slow
def test_esphome_writes_the_program_and_its_headers_take_the_component(copy, made, tmp_path):
    done = esphome(copy, "compile", "--only-generate", "esp32-c3.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    (main,) = copy.glob(".esphome/build/*/src/main.cpp")
    text = main.read_text()
    assert f"new(ears) {NANO}::Ears();" in text
    assert "set_self_test(true)" in text
    copied = {path.name for path in (main.parent / "esphome" / "components" / NANO).iterdir()}
    source = made[NANO] / "components" / NANO
    assert copied == {path.name for path in source.iterdir() if path.suffix in (".c", ".h", ".cpp")}
    python = python_of_esphome()
    found = "import esphome; print(esphome.__path__[0])"
    package = Path(subprocess.run([python, "-c", found], capture_output=True, text=True, check=True).stdout.strip())
    (tmp_path / "esphome" / "core").mkdir(parents=True)
    names = ("USE_HOST", "USE_NUMBER", "USE_MICROPHONE", "USE_LOGGER", "ESPHOME_THREAD_MULTI_ATOMICS")
    defines = "".join(f"#define {name}\n" for name in names)
    counts = "#define ESPHOME_ENTITY_NUMBER_COUNT 2\n#define ESPHOME_COMPONENT_COUNT 9\n"
    (tmp_path / "esphome" / "core" / "defines.h").write_text(f'#pragma once\n#include "macros.h"\n{defines}{counts}')
    shutil.copy(package / "core" / "macros.h", tmp_path / "esphome" / "core")
    shutil.copytree(STAND_INS / "freertos", tmp_path / "freertos")
    (tmp_path / "number.cpp").write_text(f'#include "{NANO}_number.h"\n')
    includes = [f"-I{path}" for path in (tmp_path, package.parent, source)]
    for file in (source / f"{NANO}_ears.cpp", tmp_path / "number.cpp"):
        subprocess.run(["c++", "-std=gnu++20", "-Wall", "-fsyntax-only", *includes, file], check=True)


BAD = (
    ('word: "zero"', "word: zerro", "Unknown value 'zerro', did you mean 'zero'?"),
    ('word: "zero"', "word: true", "YAML takes True for no word; write it in quotes"),
    ("self_test: true", "self_tests: true", "[self_tests] is an invalid option"),
    ("self_test: true", "threshold: 0%", "value must be higher than 0"),
    ("self_test: true", "threshold: 70", "Percentage value must use a percent sign"),
    ("self_test: true", "thresholds: 60%", 'expected a threshold by word, such as "zero": 60%'),
    ("self_test: true", 'thresholds: {"alexa": 60%}', "Unknown value 'alexa', valid options are"),
    ("self_test: true", "thresholds: {yes: 60%}", "YAML takes True for no word; write it in quotes"),
    ("sample_rate: 16000", "sample_rate: 48000", "sample rate"),
    ("microphone: mic", "microphone: mick", "Couldn't find ID 'mick'"),
    (
        "min_version: 2026.6.0",
        "min_version: 2999.1.0",
        "Your ESPHome version is too old. Please update to at least 2999.1.0.",
    ),
)


@needs_esphome
@pytest.mark.parametrize(("old", "new", "why"), BAD, ids=[new for _, new, _ in BAD])
def test_esphome_says_what_is_wrong_in_its_own_way(made, tmp_path, old, new, why):
    shutil.copytree(made[NANO], tmp_path / "copy")
    common = tmp_path / "copy" / "common.yaml"
    text = common.read_text()
    assert old in text
    common.write_text(text.replace(old, new, 1))
    done = esphome(tmp_path / "copy", "config", "esp32.yaml")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert why in told, told
    assert "Traceback" not in told


AN_OLD_ESPHOME = """
import sys, esphome.const
esphome.const.__version__ = "2024.12.0"
from esphome.components import microphone
del microphone.microphone_source_schema, microphone.final_validate_microphone_source_schema
from esphome.__main__ import main
sys.exit(main())
"""


@needs_esphome
def test_an_esphome_too_old_for_it_says_so_though_it_lacks_what_the_component_uses(made, tmp_path):
    shutil.copytree(made[NANO], tmp_path / "copy")
    common = tmp_path / "copy" / "common.yaml"
    common.write_text(re.sub(r"  min_version: .*\n", "", common.read_text()))
    done = esphome(tmp_path / "copy", "config", "esp32.yaml", command=(python_of_esphome(), "-c", AN_OLD_ESPHOME))
    told = done.stdout + done.stderr
    assert done.returncode == 2
    assert "This component requires at least ESPHome version 2026.6.0." in told, told
    assert "Traceback" not in told


@needs_esphome
def test_words_that_yaml_takes_for_something_else_come_through(made, tmp_path):
    shutil.copytree(made[NANO], tmp_path / "copy")
    common = tmp_path / "copy" / "common.yaml"
    common.write_text(common.read_text().replace("self_test: true", 'thresholds: {"yes": 61%, "no": 0.62}'))
    done = esphome(tmp_path / "copy", "config", "esp32.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"thresholds:\s+'yes': 0.61\s+'no': 0.62", done.stdout)
