"""The Python package: the PC's events sample for sample, what it takes, its commands, its wheel, and 64-bit Arm."""

import array
import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

import edgekws
from convert.targets import Request, bundle, verify
from convert.targets.home import python_package
from convert.tflite import artifact
from edgekws.errors import UserError

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "docs" / "demo.wav"
PACKAGE, NANO = "edgekws_gsc16_small_listen", "edgekws_gsc16_nano"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the packages of small-listen and nano can be imported from."""
    place = tmp_path_factory.mktemp("packages")
    for name in ("small-listen", "nano"):
        made = place / name
        made.mkdir()
        package = python_package.importable(artifact.load(name), made)
        shutil.move(made / "src" / package, place / package)
    return place


@pytest.fixture(scope="module")
def package(folder):
    sys.path.insert(0, str(folder))
    yield __import__(PACKAGE)
    sys.path.remove(str(folder))


def samples():
    with wave.open(str(DEMO)) as file:
        return file.readframes(file.getnframes())


def run(folder, *arguments, module=PACKAGE, **options):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)} | options.pop("env", {})
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, **{"capture_output": True, "text": True, "env": environment} | options)


@pytest.mark.parametrize("threshold", [None, 0.4])
@pytest.mark.parametrize("size", [1000, 3201, 512_000])
def test_events_are_those_of_the_pc_however_the_sound_is_cut(package, threshold, size):
    spotter, sound = package.Spotter(threshold), array.array("h", samples())
    heard = [event for at in range(0, len(sound), size) for event in spotter.push(sound[at : at + size])]
    expected = list(edgekws.load("small-listen", threshold=threshold).listen(DEMO))
    assert [tuple(event) for event in heard + spotter.finish()] == [(e.time, e.word, e.score) for e in expected]
    assert len(expected) == 8
    assert list(spotter.push(samples()) + spotter.finish()) == heard + spotter.push(b"")  # another stream begins anew


def test_thresholds_are_of_all_words_or_by_word(package):
    assert artifact.load("small-listen").labels[:-2] == package.WORDS
    only = package.Spotter(dict.fromkeys(package.WORDS, 1.0) | {"down": 0.4})
    assert [event.word for event in only.push(samples())] == ["down"]
    for wrong, match in (
        ({"dwon": 0.4}, "'dwon' is no word of this model, which has zero"),
        (0, "above 0"),
        (1.5, "1.5"),
    ):
        with pytest.raises(ValueError, match=match):
            package.Spotter(wrong)


def test_any_memory_of_16_bit_samples_is_taken_and_nothing_else(package):
    sound = samples()[: 2 * 30_000]
    expected = package.Spotter(0.4).push(sound)
    assert [event.word for event in expected] == ["yes"]
    for same in (bytearray(sound), memoryview(sound), array.array("h", sound), np.frombuffer(sound, np.int16)):
        assert package.Spotter(0.4).push(same) == expected
    strided = np.repeat(np.frombuffer(sound, np.int16), 2)[::2]
    assert package.Spotter(0.4).push(strided) == expected
    for wrong in (array.array("f", [0.5]), np.zeros((2, 2), np.int16), np.zeros(3, np.int32), "words", [1, 2], None):
        with pytest.raises(TypeError, match="expected"):
            package.Spotter().push(wrong)
    with pytest.raises(ValueError, match="whole samples of 16 bits, got 3 bytes"):
        package.Spotter().push(b"abc")


def test_two_models_in_one_process_each_pass_their_self_test(package, folder):
    other = __import__(NANO)
    lines = {name: module.Spotter().selftest() for name, module in ((PACKAGE, package), (NANO, other))}
    assert all(found[-1] == "self-test PASSED" for found in lines.values())
    assert all(line.startswith("ok") for found in lines.values() for line in found[:-1])
    assert artifact.load("nano").labels == other.WORDS
    first = package.Spotter(0.4).push(samples())
    assert other.Spotter().push(samples()) != first == package.Spotter(0.4).push(samples())


def test_importing_loads_nothing_but_the_engine_and_takes_under_20_ms_of_the_processor(folder):
    code = (
        "import sys, time; began = time.process_time(); before = set(sys.modules)\n"
        f"import {PACKAGE}; took = time.process_time() - began\n"
        "print(took, *sorted(name for name in set(sys.modules) - before if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(folder)})
    took, *loaded = done.stdout.split()
    assert {name for name in loaded if name not in sys.stdlib_module_names} == {PACKAGE}
    assert float(took) < 0.02


def test_a_recordings_words_are_printed(folder, tmp_path):
    done = run(folder, DEMO, "--threshold", "0.4")
    listened = run(ROOT, "listen", DEMO, "--threshold", "0.4", module="edgekws.cli")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == listened.stdout != ""
    told = [json.loads(line) for line in run(folder, DEMO, "--json").stdout.splitlines()]
    assert [facts["word"] for facts in told] == ["yes", "right", "one", "four", "three", "five", "down", "happy"]
    first = next(iter(edgekws.load("small-listen").listen(DEMO)))
    assert told[0] == {"file": str(DEMO), "time": round(first.time, 3), "word": "yes", "score": round(first.score, 4)}
    with open(DEMO, "rb") as sound:
        piped = run(folder, "-", "--threshold", "0.4", stdin=sound)
    assert piped.stdout.replace("-: ", "") == done.stdout.replace(f"{DEMO}: ", "")
    assert run(folder, "--selftest").stdout.splitlines()[-1] == "self-test PASSED"
    quiet = tmp_path / "quiet.wav"
    write(quiet, 16_000, 2, 1)
    assert run(folder, quiet).stderr == f"{quiet}: no word was heard\n"


def write(path, rate, width, channels):
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setsampwidth(width)
        file.setnchannels(channels)
        file.writeframes(bytes(rate * width * channels))


@pytest.mark.parametrize("form", [(44_100, 2, 1), (16_000, 1, 1), (16_000, 2, 2), (8_000, 3, 2)])
def test_sound_of_another_form_is_one_sentence_with_the_command_that_converts_it(folder, tmp_path, form):
    path = tmp_path / 'a "b".wav'
    write(path, *form)
    done = run(folder, path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"got {form[0]} Hz, {8 * form[1]} bits" in done.stderr
    assert f'ffmpeg -i "{tmp_path}/a \\"b\\".wav" -ac 1 -ar 16000 -sample_fmt s16' in done.stderr


def test_mistakes_are_one_sentence(folder, tmp_path):
    (tmp_path / "text.wav").write_text("no sound at all, but more than a header of text")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "cut.wav").write_bytes(DEMO.read_bytes()[:20_044])
    for arguments, match in (
        ((), "give recordings to listen to, or --microphone"),
        (("--microphone", DEMO), "not both"),
        ((tmp_path / "none.wav",), "none.wav cannot be read: No such file"),
        ((tmp_path,), "cannot be read: Is a directory"),
        ((tmp_path / "text.wav",), "expected a WAV file (file does not start with RIFF id)"),
        ((tmp_path / "empty.wav",), "expected a WAV file (it ends too early)"),
        ((tmp_path / "cut.wav",), "cut.wav is truncated (0.6 s are there, the header says 16.0 s)"),
        ((DEMO, "--threshold", "2"), "a threshold is above 0 and up to 1, got 2"),
    ):
        done = run(folder, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert match in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_a_pipe_may_have_a_length_that_its_writer_did_not_know_and_other_sound_in_it_is_a_sentence(folder):
    sound = DEMO.read_bytes()
    for length in (0x7FFFF000, 0xFFFFFFFF):  # as arecord and ffmpeg write
        of_a_pipe = sound[:40] + length.to_bytes(4, "little") + sound[44:]
        done = run(folder, "-", input=of_a_pipe, text=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"\n") == 8
    done = run(folder, "-", input=b"OggS, of more than a header", text=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"ffmpeg -i - -ac 1 -ar 16000 -sample_fmt s16 -f wav - | {PACKAGE} -\n".encode())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_a_sentence(folder):
    with open("/dev/full", "w") as full:
        done = run(folder, DEMO, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (2, f"{PACKAGE}: error: output: No space left on device\n")


def test_without_the_wyoming_library_the_service_says_what_to_install(folder, tmp_path):
    (tmp_path / "wyoming.py").write_text("")  # in front of the library
    done = run(folder, module=f"{PACKAGE}.wyoming", env={"PYTHONPATH": f"{tmp_path}:{folder}"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("pip install 'wyoming>=1.6,<2'\n")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def recorder(tmp_path):
    """A folder to be the PATH, with an arecord of the test's own."""

    def made(script):
        place = tmp_path / "bin"
        place.mkdir()
        (place / "arecord").write_text(f"#!/bin/sh\n{script}\n")
        (place / "arecord").chmod(0o755)
        (place / "sounddevice.py").write_text("raise ImportError\n")
        return {"PATH": f"{place}:/usr/bin:/bin", "PYTHONPATH": ""}

    return made


def test_the_microphone_is_heard_through_the_systems_recorder(folder, tmp_path, recorder):
    environment = recorder(f'echo "$@" > {tmp_path}/options\ntail -c +45 {DEMO}\necho "it was unplugged" >&2')
    done = run(
        folder, "--microphone", "--threshold", "0.4", env=environment | {"PYTHONPATH": f"{tmp_path}/bin:{folder}"}
    )
    assert (tmp_path / "options").read_text().split() == ["-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1"]
    assert done.stdout.split()[2::4] == ["yes", "right", "one", "four", "three", "five", "down", "happy"]
    assert done.returncode == 2
    assert done.stderr.endswith("error: the microphone gives nothing more (arecord: it was unplugged)\n")


def test_without_any_recorder_it_says_what_to_install(folder, tmp_path, recorder):
    recorder("")
    environment = {"PATH": str(tmp_path), "PYTHONPATH": f"{tmp_path}/bin:{folder}"}
    done = run(folder, "--microphone", env=environment)
    assert done.returncode == 2
    assert "no way to a microphone was found: 'pip install sounddevice'" in done.stderr


def test_without_a_compiler_serving_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(UserError, match="no C compiler was found; on Debian: apt install gcc"):
        python_package.importable(artifact.load("nano"), tmp_path)


def pip_wheel(made, place, **environment):
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", str(place), str(made)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.slow
def test_pip_makes_a_small_wheel_for_any_python_and_leaves_nothing_behind(tmp_path):
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 77:
        pytest.skip("setuptools is older than 77: pip install 'setuptools>=77'")
    made = bundle.make(Request(artifact.load("small-listen")), "python", tmp_path / "a bundle")
    assert verify.problems(made) == []
    missing = pip_wheel(made, tmp_path, CC="no-such-cc")
    assert missing.returncode != 0
    assert "It needs a C compiler; on Debian, Raspberry Pi OS and Ubuntu: sudo apt install gcc" in missing.stderr
    done = pip_wheel(made, tmp_path, CFLAGS="-march=x86-64" if os.uname().machine == "x86_64" else "")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"{PACKAGE}-{edgekws.__version__}-py3-none-")
    assert wheel.stat().st_size < 1_000_000
    assert verify.problems(made) == []
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    told = run(tmp_path / "installed", "--selftest").stdout.splitlines()
    assert told[-1] == "self-test PASSED"
    assert os.uname().machine != "x86_64" or told[0] == "ok  kernels portable"
    heard = run(tmp_path / "installed", DEMO, "--threshold", "0.4")
    assert len(heard.stdout.splitlines()) == 8
    metadata = next((tmp_path / "installed").glob("*.dist-info/METADATA")).read_text()
    assert "Requires-Dist: wyoming<2,>=1.6; extra ==" in metadata
    assert {path.name for path in (tmp_path / "installed").glob("*.dist-info/licenses/*")} == {
        "LICENSE",
        "model_card.md",
    }


ON_ARM = r"""
#include <stdio.h>
#include "edgekws_gsc16_small_listen_spotter.c"
int main(void)
{
    static edgekws_gsc16_small_listen_spotter spotter;
    static edgekws_gsc16_small_listen_spotter_event events[200];
    static int16_t samples[1600];
    size_t count;
    for (int i = 0; i < edgekws_gsc16_small_listen_spotter_classes(); i++)
        edgekws_gsc16_small_listen_spotter_set_threshold(
            &spotter, i, edgekws_gsc16_small_listen_spotter_threshold(i) < 256 ? 102 : 256);
    edgekws_gsc16_small_listen_spotter_reset(&spotter);
    printf("%d\n", edgekws_gsc16_small_listen_spotter_selftest(&spotter, NULL));
    while ((count = fread(samples, 2, 1600, stdin)) > 0) {
        const size_t found = edgekws_gsc16_small_listen_spotter_push(&spotter, samples, count, events);
        for (size_t i = 0; i < found; i++) printf("%d %llu %.9f\n", events[i].word, events[i].end, events[i].score);
        for (int i = 0; i < edgekws_gsc16_small_listen_spotter_classes(); i++)
            printf("%d ", edgekws_gsc16_small_listen_scores(&spotter.state)[i]);
        printf("\n");
    }
    return 0;
}
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
    reason="no compiler or emulator of 64-bit Arm: apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
)
def test_on_64_bit_arm_scores_and_events_are_those_of_this_machine(tmp_path):
    made = bundle.make(Request(artifact.load("small-listen")), "python", tmp_path / "bundle")
    (made / "engine" / "main.c").write_text(ON_ARM)
    sources = [path for path in sorted((made / "engine").glob("*.c")) if not path.stem.endswith("_spotter")]
    told = {}
    for compiler, *emulator in (("cc",), ("aarch64-linux-gnu-gcc", "qemu-aarch64")):
        program = tmp_path / compiler
        command = [compiler, "-std=c99", "-O2", "-Wno-format", "-static", *map(str, sources), "-o", str(program)]
        subprocess.run(command, check=True)
        done = subprocess.run([*emulator, program], input=samples(), capture_output=True, check=True)
        told[compiler] = done.stdout
    assert told["cc"] == told["aarch64-linux-gnu-gcc"]
    assert told["cc"].startswith(b"0\n")
    assert sum(b"." in line for line in told["cc"].splitlines()) == 8


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    return bundle.make(Request(artifact.load("nano")), "python", tmp_path_factory.mktemp("nano") / "bundle")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_is_one_that_systemd_takes(nano, tmp_path):
    unit = (nano / "systemd" / f"{NANO}.service").read_text()
    path = tmp_path / f"{NANO}.service"
    path.write_text(unit.replace(f"/opt/{NANO}/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert NANO not in done.stderr, done.stderr
    assert "edgekws_" not in unit.replace(NANO, "")


def test_what_the_readme_and_the_container_name_is_there(nano):
    text = (nano / "README.md").read_text()
    assert f"{NANO} --microphone" in text
    assert f"python -m {NANO}.wyoming --uri tcp://0.0.0.0:10400" in text
    assert f"systemd/{NANO}.service" in text
    assert f'ENTRYPOINT ["python", "-m", "{NANO}.wyoming"]' in (nano / "Dockerfile").read_text()
    assert {"LICENSE", "model_card.md", "manifest.json"} <= {path.name for path in nano.iterdir()}
