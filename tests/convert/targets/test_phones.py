"""Bundles for phones: the model in its place, and Kotlin that a compiler takes."""

import ctypes
import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import synthetic_tflite

from convert.engine import host_library
from convert.targets import Request, bundle, verify
from convert.tflite import artifact, mediapipe
from edgekws.listen.detector import Settings, Tuned, releases
from edgekws.listen.events import Event, listen
from edgekws.model import front_end
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

TINY = Architecture("", (Block((Convolution(8, 40, 10),), MaxPool(3)), Block((Convolution(8, 5),), MaxPool(3))))
LABELS = ("yes", '"ü', "a b")
STAND_INS = Path(__file__).parents[2] / "stand_ins"
CLASSIFIER = "MediaPipe/Sources/EdgeKWS"
USERS = (160, 256, 90)  # thresholds of a user: one higher, one word switched off, one as tuned


@pytest.fixture(scope="module")
def source() -> artifact.Artifact:
    content = synthetic_tflite.build(TINY, len(LABELS))
    return artifact.Artifact.of(content, "my words", LABELS, "mu_law")


@pytest.mark.parametrize(
    ("target", "model", "class_file"),
    [
        ("android", "edgekws/src/main/assets/edgekws.tflite", "edgekws/src/main/kotlin/edgekws/WordSpotter.kt"),
        ("ios", f"{CLASSIFIER}/edgekws.tflite", f"{CLASSIFIER}/WordSpotter.swift"),
    ],
)
def test_model_class_and_readme_stand_in_their_places(source, tmp_path, target, model, class_file):
    folder = bundle.make(Request(source), target, tmp_path / "phone bundle")
    assert (folder / model).read_bytes() == mediapipe.build(source.content, LABELS, "mu_law")
    text = (folder / class_file).read_text()
    assert text.count("\n") < 100
    assert re.search(r"WINDOW = 16000|window = 16000", text)
    readme = (folder / "README.md").read_text()
    assert 'Words: yes, "ü, a b.' in readme
    assert "What was checked, and what was not" in readme
    assert json.loads((folder / "manifest.json").read_text())["phone_model_bytes"] == (folder / model).stat().st_size
    assert verify.problems(folder) == []


@pytest.mark.parametrize("target", ["android", "ios"])
def test_the_self_tests_clips_give_what_the_phone_file_gives(source, tmp_path, target):
    folder = bundle.make(Request(source), target, tmp_path / "b")
    expected = json.loads((folder / "selftest" / "expected.json").read_text())
    clips = np.stack([soundfile.read(folder / "selftest" / name, dtype="int16")[0] for name in expected])
    (phone_file,) = folder.rglob("edgekws.tflite")
    scores = mediapipe.scores(phone_file, front_end.process(clips, False))
    assert np.abs(scores - [list(words.values()) for words in expected.values()]).mean() < 0.02


def test_android_declares_the_microphone(source, tmp_path):
    folder = bundle.make(Request(source), "android", tmp_path / "android")
    manifest = ElementTree.parse(folder / "edgekws/src/main/AndroidManifest.xml").getroot()
    names = [p.get("{http://schemas.android.com/apk/res/android}name") for p in manifest.iter("uses-permission")]
    assert names == ["android.permission.RECORD_AUDIO"]


PROGRAM = """package edgekws
import edgekws.my_words.Spotter
import java.io.*
fun main(files: Array<String>) {
    val from = DataInputStream(BufferedInputStream(FileInputStream(files[0])))
    val samples = ShortArray(from.available() / 2) { from.readShort() }
    val to = DataOutputStream(BufferedOutputStream(FileOutputStream(files[1])))
    for (levelControl in listOf(false, true))
        for (y in FrontEnd.process(samples, levelControl)) to.writeShort(y.toInt())
    to.close()
    val spotter = Spotter()
    println(if (spotter.selfTest()) "passed" else "failed")
    println(Spotter.labels)
    for (thresholds in listOf(Spotter.tunedThresholds, listOf(160 / 256.0, 1.0, 90 / 256.0))) {
        spotter.reset()
        spotter.thresholds = thresholds
        println("with " + Spotter.tunedThresholds.map { (256 * it).toInt() } )
        var at = 0
        for (size in generateSequence(1) { (it * 37 + 11) % 5000 }) {
            if (at == samples.size) break
            val count = minOf(size, samples.size - at)
            for (word in spotter.push(samples.copyOfRange(at, at + count)))
                println("${word.time} ${word.word} ${word.score}")
            at += count
        }
    }
}
"""


def tuned(source):
    """The artifact with thresholds that random weights reach, a sound, and the PC's events: at these, and a user's.

    The last word opens the detector for the others.
    """
    hop = host_library.hop(source)
    always = Settings((70, 80, 90), (68, 78, 88), results=2, minimum=1, refractory=1, hop=hop)
    settings = dataclasses.replace(always, opened_by=(2,), open=8)
    rng = np.random.default_rng(5)
    parts = [rng.normal(0, 10 ** rng.uniform(1, 4), 4000) for _ in range(24)]
    extremes = [np.full(3_070, -32_768), rng.choice([-32_768, 32_767], 5_000)]
    sound = np.clip(np.concatenate([*parts, *extremes]), -32_768, 32_767).astype(np.int16)
    users = dataclasses.replace(settings, thresholds=USERS, releases=(*releases(USERS[:2]), settings.releases[2]))
    found = []
    for at in (settings, users, always):
        scorer = host_library.scorer(source)
        found.append([item for item in listen([sound], scorer.push, at, LABELS) if isinstance(item, Event)])
    assert len({event.word for event in found[0]}) > 1
    assert found[1]
    assert found[1] != [event for event in found[0] if event.word != LABELS[1]]
    assert found[2] != found[0], "some words come when nothing has opened the detector"
    return dataclasses.replace(source, detector=Tuned(settings)), sound, *found[:2]


def said(lines):
    """The events that a program printed."""
    found = [line.rsplit(" ", 1) for line in lines]
    return [Event(float(time), word, float(score)) for (time, word), score in ((a.split(" ", 1), b) for a, b in found)]


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("kotlinc") and shutil.which("javac") and shutil.which("cc")),
    reason="kotlinc is not here: apt install kotlin default-jdk gcc",
)
def test_kotlin_compiles_and_finds_the_words_of_python_on_a_jvm(source, tmp_path):
    """All Kotlin of the bundle against stand-ins of Android; front end, engine and detector run, by JNI."""
    artifact, sound, events, users = tuned(source)
    folder = bundle.make(Request(artifact, None, "sliding"), "android", tmp_path / "an android")
    subprocess.run(["javac", "-d", tmp_path / "classes", *(STAND_INS / "android").rglob("*.java")], check=True)
    (tmp_path / "program.kt").write_text(PROGRAM)
    command = ["kotlinc", *folder.rglob("*.kt"), tmp_path / "program.kt", "-classpath", tmp_path / "classes", "-Werror",
               "-include-runtime", "-d", tmp_path / "program.jar"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    java = Path(shutil.which("javac")).resolve().parents[1] / "include"
    native = folder / "listen/src/main/cpp"
    includes = [f"-I{path}" for path in (java, java / "linux", native / "engine")]
    subprocess.run(
        ["cc", "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *includes,
         native / "edgekws_my_words_jni.c", *(native / "engine").glob("*.c"),
         "-o", tmp_path / "libedgekws_my_words.so"],
        check=True,
    )  # fmt: skip
    sound.astype(">i2").tofile(tmp_path / "in")
    done = subprocess.run(
        ["java", f"-Djava.library.path={tmp_path}", "-cp", f"{tmp_path / 'program.jar'}:{tmp_path / 'classes'}",
         "edgekws.ProgramKt", tmp_path / "in", tmp_path / "out"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["passed", f"[{', '.join(LABELS)}]"]
    assert lines[2] == "with [70, 80, 90]"
    middle = lines.index(lines[2], 3)
    assert said(lines[3:middle]) == events
    assert said(lines[middle + 1 :]) == users
    fronts = np.fromfile(tmp_path / "out", ">i2").reshape(2, -1)
    for level_control in (False, True):
        np.testing.assert_array_equal(fronts[int(level_control)], front_end.process(sound, level_control))


SWIFT_PACKAGE = """// swift-tools-version:5.9
import PackageDescription
let package = Package(
    name: "Everything",
    targets: [
        .target(name: "AVFoundation"), .target(name: "SwiftUI"), .target(name: "MediaPipeTasksAudio"),
        .target(name: "Cedgekws_my_words"),
        .target(name: "edgekws_my_words", dependencies: ["Cedgekws_my_words", "AVFoundation"]),
        .target(name: "EdgeKWS", dependencies: ["MediaPipeTasksAudio"], resources: [.copy("edgekws.tflite")]),
        .executableTarget(name: "Example", dependencies: ["edgekws_my_words", "SwiftUI"], exclude: ["Info.plist"]),
        .executableTarget(name: "Program", dependencies: ["edgekws_my_words", "AVFoundation", "EdgeKWS"]),
    ],
    cLanguageStandard: .c99
)
"""
SWIFT_PROGRAM = """import AVFoundation
import Foundation
@testable import EdgeKWS
import edgekws_my_words

let content = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
let samples = content.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
let fronts = [false, true].map { FrontEnd.process(samples.map(Int32.init), levelControl: $0).map { Int16($0) } }
try fronts.joined().reduce(into: Data()) { data, y in withUnsafeBytes(of: y) { data.append(contentsOf: $0) } }
    .write(to: URL(fileURLWithPath: CommandLine.arguments[2]))
let spotter = Spotter()
print(spotter.selfTest() ? "passed" : "failed")
print(Spotter.labels.joined(separator: ", "))
for thresholds in [Spotter.tunedThresholds, [160.0 / 256, 1, 90.0 / 256]] {
    spotter.reset()
    spotter.thresholds = thresholds
    print("with", Spotter.tunedThresholds.map { Int(256 * $0) })
    var (at, size) = (0, 1)
    while at < samples.count {
        for word in spotter.push(Array(samples[at..<min(at + size, samples.count)])) {
            print(word.time, word.word, word.score)
        }
        (at, size) = (at + size, (size * 37 + 11) % 5000)
    }
}
print("listener")
AVAudioEngine.recording = samples
let listener = Listener()
var blocks = (samples.count + 4095) / 4096
listener.onWord = { print($0.time, $0.word, $0.score) }
listener.onLevel = { _ in
    blocks -= 1
    if blocks == 0 { DispatchQueue.main.async(execute: refuse) }
}
func refuse() {
    listener.stop()
    AVAudioSession.granted = false
    listener.onFault = { print($0); exit(0) }
    listener.start()
}
listener.start()
dispatchMain()
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("swift") is None, reason="no swift here: Debian 13 has it, apt install swiftlang")
def test_swift_compiles_and_finds_the_words_of_python(source, tmp_path):
    """As it is, without Apple's frameworks, and all of it against stand-ins; front end, engine and Listener run."""
    artifact, sound, events, users = tuned(source)
    folder = bundle.make(Request(artifact, None, "sliding"), "ios", tmp_path / "an ios")
    build = ["swift", "build", "-Xswiftc", "-warnings-as-errors", "--scratch-path"]
    done = subprocess.run([*build, tmp_path / "build"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    everything = tmp_path / "everything"
    shutil.copytree(folder / "Sources", everything / "Sources")
    shutil.copytree(folder / CLASSIFIER, everything / "Sources" / "EdgeKWS")
    shutil.copytree(folder / "Example", everything / "Sources" / "Example")
    for path in (STAND_INS / "ios").glob("*.swift"):
        (everything / "Sources" / path.stem).mkdir()
        shutil.copy(path, everything / "Sources" / path.stem)
    (everything / "Package.swift").write_text(SWIFT_PACKAGE)
    (everything / "Sources" / "Program").mkdir()
    (everything / "Sources" / "Program" / "main.swift").write_text(SWIFT_PROGRAM)
    sound.astype("<i2").tofile(tmp_path / "in")
    run = ["swift", "run", "Program", tmp_path / "in", tmp_path / "out"]
    done = subprocess.run(["swift", "build"], cwd=everything, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(run, cwd=everything, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["passed", ", ".join(LABELS), "with [70, 80, 90]"]
    middle, last = lines.index(lines[2], 3), lines.index("listener")
    assert said(lines[3:middle]) == events
    assert said(lines[middle + 1 : last]) == users
    assert said(lines[last + 1 : -1]) == events
    assert lines[-1].startswith("The microphone was refused.")
    fronts = np.fromfile(tmp_path / "out", "<i2").reshape(2, -1)
    for level_control in (False, True):
        np.testing.assert_array_equal(fronts[int(level_control)], front_end.process(sound, level_control))


@pytest.mark.skipif(shutil.which("clang") is None, reason="no clang here: apt install clang")
@pytest.mark.parametrize(("target", "kernels"), [("arm64-apple-ios15", "NEON"), ("x86_64-apple-ios15", "PORTABLE")])
def test_the_module_that_swift_imports_has_the_kernels_of_each_processor(source, tmp_path, target, kernels):
    """Swift's compiler makes the module by clang: of a phone, and of its simulator on an Intel Mac."""
    folder = bundle.make(Request(tuned(source)[0], None, "sliding"), "ios", tmp_path / "an ios")
    include = folder / "Sources/Cedgekws_my_words/include"
    program = tmp_path / "imports.c"
    program.write_text(
        "#pragma clang module import Cedgekws_my_words\n"
        "uint32_t (*bytes)(void) = edgekws_my_words_stream_bytes;\n"
        f"int chosen = EDGEKWS_MY_WORDS_KERNELS_{kernels};\n"
    )
    flags = ("-fmodules", f"-fmodules-cache-path={tmp_path / 'cache'}", "-ffreestanding", "-Werror", "-fsyntax-only")
    mapped = f"-fmodule-map-file={include / 'module.modulemap'}"
    subprocess.run(["clang", "-target", target, *flags, mapped, f"-I{include}", program], check=True)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no cc here: apt install gcc")
def test_the_c_of_the_swift_package_finds_the_words_of_python(source, tmp_path):
    """Compiled as Swift's package manager does, with the public headers that Swift sees."""
    artifact, sound, events, _ = tuned(source)
    folder = bundle.make(Request(artifact, None, "sliding"), "ios", tmp_path / "an ios")
    module = folder / "Sources/Cedgekws_my_words"
    assert sorted(path.name for path in (module / "include").iterdir()) == [
        "edgekws_my_words_model.h", "edgekws_my_words_model_neon.h", "edgekws_my_words_model_portable.h",
        "edgekws_my_words_stream.h", "module.modulemap",
    ]  # fmt: skip
    public = tmp_path / "public.c"
    public.write_text(
        '#include "edgekws_my_words_stream.h"\nint main(void) { return !edgekws_my_words_stream_bytes(); }\n'
    )
    flags = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{module / 'include'}")
    library = tmp_path / "engine.so"
    subprocess.run(["cc", *flags, "-shared", "-fPIC", *module.glob("*.c"), "-o", library], check=True)
    subprocess.run(["cc", *flags, public, library, "-o", tmp_path / "public"], check=True)
    calls = ctypes.CDLL(str(library))
    bytes_, reset, push, selftest = (
        getattr(calls, f"edgekws_my_words_stream_{name}") for name in ("bytes", "reset", "push", "selftest")
    )
    stream = np.zeros(bytes_() // 8 + 1, np.int64).ctypes
    push.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
    selftest.argtypes, reset.argtypes = [ctypes.c_void_p, ctypes.c_void_p], [ctypes.c_void_p]
    assert selftest(stream.data, None) == 0
    reset(stream.data)
    settings, words, heard = artifact.detector.settings, [], 0
    results = np.zeros((100, 1 + 2 * len(LABELS)), np.int32)
    for at in range(0, len(sound), 1600):
        piece = sound[at : at + 1600].copy()
        made = push(stream.data, piece.ctypes.data, len(piece), results.ctypes.data)
        for result in results[:made]:
            time = max(16_000 + heard * settings.hop - settings.delay, 0) / 16_000
            heard += 1
            if result[0] >= 0:
                score = result[1 + len(LABELS) + result[0]] / settings.results / 256
                words.append(Event(time, LABELS[result[0]], float(score)))
    assert words == events


@pytest.mark.parametrize("target", ["android", "ios"])
def test_words_with_any_sign_stand_in_the_sources(tmp_path, target):
    content = synthetic_tflite.build(TINY, 3)
    words = ("$a", 'b"\\', "ü")
    folder = bundle.make(Request(artifact.Artifact.of(content, "any", words)), target, tmp_path / "b")
    listed = {"android": '"\\$a", "b\\"\\\\", "\\u00fc"', "ios": '"$a", "b\\"\\\\", "ü"'}
    text = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("Spotter.*"))
    assert listed[target] in text


def test_the_android_library_is_linked_for_large_pages_and_its_service_may_hear(source, tmp_path):
    folder = bundle.make(Request(source), "android", tmp_path / "android")
    assert "max-page-size=16384" in (folder / "listen/src/main/cpp/CMakeLists.txt").read_text()
    android = "{http://schemas.android.com/apk/res/android}"
    manifest = ElementTree.parse(folder / "listen/src/main/AndroidManifest.xml").getroot()
    names = {p.get(f"{android}name").rsplit(".", 1)[1] for p in manifest.iter("uses-permission")}
    assert names == {"RECORD_AUDIO", "FOREGROUND_SERVICE", "FOREGROUND_SERVICE_MICROPHONE"}
    (service,) = manifest.iter("service")
    assert service.get(f"{android}foregroundServiceType") == "microphone"
    assert service.get(f"{android}name") == "edgekws.my_words.ListeningService"
    ElementTree.parse(folder / "app/src/main/AndroidManifest.xml")
