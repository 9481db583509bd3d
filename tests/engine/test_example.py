"""The example that every generated folder has: `cc *.c && ./a.out file.wav`."""

from __future__ import annotations

import io
import struct
import subprocess
import wave

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import SHAPES

from convert.tflite import reader
from edgekws import audio

MODES = {"window": {}, "sliding": {"mode": "sliding", "hop": 81}}


@pytest.fixture(scope="module", params=MODES)
def example(request, tmp_path_factory):
    """Its engine, as a library, and the path of the program."""
    folder = tmp_path_factory.mktemp(request.param)
    read = reader.read(synthetic_tflite.build(SHAPES["same, pool 3"], classes=5))
    engine = host.build(read, folder, **MODES[request.param])
    (folder / "driver.c").unlink()
    subprocess.run("cc *.c && rm *.c *.h", shell=True, cwd=folder, check=True)
    return engine, folder / "a.out"


def recording(samples: np.ndarray, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes(samples.tobytes())
    return memory.getvalue()


def run(program, data: bytes) -> subprocess.CompletedProcess[str]:
    path = program.parent / "recording.wav"
    path.write_bytes(data)
    return subprocess.run([str(program), str(path)], capture_output=True, text=True, timeout=60)


def expected(engine: host.Engine, samples: np.ndarray) -> list[str]:
    plan, spotter, lines, at = engine.plan, engine.new(), [], 0
    while at < len(samples):
        at += spotter.push(samples[at:])
        if spotter.ready():
            time = f"{(at - plan.window // 2) / 16_000:9.3f} s  " if plan.sliding else ""
            label = spotter.label()
            lines.append(f"{time}word{label} {spotter.scores()[label] / 256 + 0.5:.3f}")
    return lines


@pytest.mark.parametrize("length", [1, 100, 330, 331, 332, 1500])
def test_words_and_scores(example, length):
    engine, program = example
    samples = np.random.default_rng(length).integers(-32768, 32768, length).astype(np.int16)
    done = run(program, recording(samples))
    heard = samples if length > engine.plan.window else audio.fit(samples, engine.plan.window)
    assert done.stdout.splitlines() == expected(engine, heard)
    assert done.returncode == 0
    assert not done.stderr


def test_other_chunks_are_passed_over(example):
    engine, program = example
    samples = np.arange(331, dtype=np.int16)
    data = recording(samples)
    listed = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # an odd size: one byte more follows
    assert run(program, data[:12] + listed + data[12:]).stdout.splitlines() == expected(engine, samples)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "expected a WAV file"),
        (b"RIFF....MIDI", "expected a WAV file"),
        (recording(np.zeros(9, np.int16), rate=44_100), "expected another sample rate"),
        (recording(np.zeros(8, np.int16), channels=2), "expected one channel"),
        (recording(np.zeros(9, np.uint8), width=1), "expected 16-bit PCM samples"),
        (recording(np.zeros(0, np.int16)), "it holds no samples"),
        (recording(np.zeros(9, np.int16))[:30], "it ends before its samples"),
        (recording(np.zeros(9, np.int16))[:12], "it ends before its samples"),
        (recording(np.zeros(400, np.int16))[:-10], "it is cut off"),
        (b"RIFF....WAVEdata\4\0\0\0....", "its samples come before their description"),
    ],
)
def test_errors_are_one_line(example, data, error):
    done = run(example[1], data)
    assert done.returncode == 1
    assert error in done.stderr
    assert "wanted: 16-bit PCM, one channel, 16000 Hz" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_such_file_and_no_argument(example):
    program = str(example[1])
    done = subprocess.run([program, "no.wav"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.split(" (")[0]) == (1, "no.wav: cannot be opened")
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"usage: {program} FILE.wav ...\n")
