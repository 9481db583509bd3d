"""Bundles for phones: the model in its place, and Kotlin that a compiler takes."""

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import synthetic_tflite

from convert.targets import Request, bundle, verify
from convert.tflite import artifact, mediapipe
from edgekws.model import catalogue, front_end

LABELS = ("yes", '"ü', "a b")
STAND_INS = {
    "android/content/Context.java": "public class Context {}",
    "android/media/MediaRecorder.java": """public class MediaRecorder {
        public static final class AudioSource { public static final int VOICE_RECOGNITION = 6; } }""",
    "android/media/AudioFormat.java": """public class AudioFormat {
        public static final int CHANNEL_IN_MONO = 16; public static final int ENCODING_PCM_16BIT = 2; }""",
    "android/media/AudioRecord.java": """public class AudioRecord {
        public static final int STATE_INITIALIZED = 1;
        public AudioRecord(int source, int rate, int channels, int format, int bytes) {}
        public static int getMinBufferSize(int rate, int channels, int format) { return 0; }
        public int getState() { return 1; }
        public void startRecording() {}
        public int read(short[] samples, int offset, int size) { return size; }
        public void release() {} }""",
    "com/google/mediapipe/tasks/components/containers/AudioData.java": """public class AudioData {
        public static AudioData create(AudioDataFormat format, int sampleCounts) { return new AudioData(); }
        public void load(float[] samples) {}
        public abstract static class AudioDataFormat {
            public static Builder builder() { return null; }
            public abstract static class Builder {
                public abstract Builder setNumOfChannels(int value);
                public abstract Builder setSampleRate(float value);
                public abstract AudioDataFormat build(); } } }""",
    "com/google/mediapipe/tasks/components/containers/Category.java": """public abstract class Category {
        public abstract float score(); public abstract String categoryName(); }""",
    "com/google/mediapipe/tasks/components/containers/Classifications.java": """public abstract class Classifications {
        public abstract java.util.List<Category> categories(); }""",
    "com/google/mediapipe/tasks/components/containers/ClassificationResult.java": """
        public abstract class ClassificationResult {
        public abstract java.util.List<Classifications> classifications(); }""",
    "com/google/mediapipe/tasks/audio/audioclassifier/AudioClassifierResult.java": """
        import com.google.mediapipe.tasks.components.containers.ClassificationResult;
        public abstract class AudioClassifierResult {
        public abstract java.util.List<ClassificationResult> classificationResults(); }""",
    "com/google/mediapipe/tasks/audio/audioclassifier/AudioClassifier.java": """
        import android.content.Context;
        import com.google.mediapipe.tasks.components.containers.AudioData;
        public final class AudioClassifier implements AutoCloseable {
        public static AudioClassifier createFromFile(Context context, String path) { return null; }
        public AudioClassifierResult classify(AudioData clip) { return null; }
        public void close() {} }""",
}


@pytest.fixture(scope="module")
def source() -> artifact.Artifact:
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(LABELS))
    return artifact.Artifact.of(content, "my words", LABELS, "mu_law")


@pytest.mark.parametrize(
    ("target", "model", "class_file"),
    [
        ("android", "edgekws/src/main/assets/edgekws.tflite", "edgekws/src/main/kotlin/edgekws/WordSpotter.kt"),
        ("ios", "Sources/EdgeKWS/edgekws.tflite", "Sources/EdgeKWS/WordSpotter.swift"),
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


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("kotlinc") and shutil.which("javac")),
    reason="kotlinc is not here: apt install kotlin default-jdk",
)
def test_kotlin_compiles_against_stand_ins(source, tmp_path):
    folder = bundle.make(Request(source), "android", tmp_path / "android")
    files = []
    for path, text in STAND_INS.items():
        file = tmp_path / "java" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"package {path.rpartition('/')[0].replace('/', '.')};\n{text}")
        files.append(file)
    subprocess.run(["javac", "-d", tmp_path / "classes", *files], check=True)
    kotlin = sorted((folder / "edgekws/src/main/kotlin/edgekws").glob("*.kt"))
    command = ["kotlinc", *kotlin, "-classpath", tmp_path / "classes", "-d", tmp_path / "out", "-Werror"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/edgekws/WordSpotter.class").exists()


PROGRAM = """package edgekws
import java.io.*
fun main(files: Array<String>) {
    val from = DataInputStream(BufferedInputStream(FileInputStream(files[0])))
    val samples = ShortArray(from.available() / 2) { from.readShort() }
    val to = DataOutputStream(BufferedOutputStream(FileOutputStream(files[1])))
    for (levelControl in listOf(false, true))
        for (y in FrontEnd.process(samples, levelControl)) to.writeShort(y.toInt())
    to.close()
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("kotlinc"), reason="kotlinc is not here: apt install kotlin default-jdk")
def test_the_front_end_in_kotlin_is_that_of_python(source, tmp_path):
    folder = bundle.make(Request(source), "android", tmp_path / "android")
    (tmp_path / "program.kt").write_text(PROGRAM)
    sources = [folder / "edgekws/src/main/kotlin/edgekws/FrontEnd.kt", tmp_path / "program.kt"]
    subprocess.run(["kotlinc", *sources, "-include-runtime", "-d", tmp_path / "program.jar"], check=True)
    rng = np.random.default_rng(0)
    pieces = [rng.integers(-2_000, 9_000, 5_000), rng.choice([-32_768, 32_767], 5_000), np.full(3_070, -32_768)]
    samples = np.concatenate(pieces).astype(np.int16)
    samples.astype(">i2").tofile(tmp_path / "in")
    subprocess.run(["java", "-jar", tmp_path / "program.jar", tmp_path / "in", tmp_path / "out"], check=True)
    found = np.fromfile(tmp_path / "out", ">i2").reshape(2, -1)
    for level_control in (False, True):
        np.testing.assert_array_equal(found[int(level_control)], front_end.process(samples, level_control))
