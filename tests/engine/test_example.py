"""The example that every generated folder has: `cc *.c && ./a.out file.wav`."""

from __future__ import annotations

import io
import struct
import subprocess
import wave

import numpy as np
import pytest
import soundfile
import synthetic_tflite
from engine import host
from engine.test_engine import SHAPES

from edgekws import audio
from edgekws.model import front_end

MODES = {"window": {}, "sliding": {"mode": "sliding", "hop": 81}}


@pytest.fixture(scope="module", params=MODES)
def example(request, tmp_path_factory):
    """Its engine, as a library, and the path of the program."""
    folder = tmp_path_factory.mktemp(request.param)
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=5)
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
    samples = front_end.process(samples, False)
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


def sized(samples: np.ndarray, size: int, behind: bytes = b"") -> bytes:
    """A recording whose header gives its sound another size in bytes."""
    data = recording(samples)
    return data[:40] + struct.pack("<I", size) + data[44:] + behind


NOISE = np.random.default_rng(1).integers(-30_000, 30_000, 700).astype(np.int16)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFDB])
@pytest.mark.parametrize("piped", [False, True])
def test_sound_of_unknown_size_is_heard_until_it_ends(example, size, piped):
    engine, program = example
    data = sized(NOISE, size)
    if piped:
        done = subprocess.run([program, "-"], input=data, capture_output=True, timeout=60)
        assert done.stdout.decode().splitlines() == expected(engine, NOISE)
    else:
        assert run(program, data).stdout.splitlines() == expected(engine, NOISE)


@pytest.mark.parametrize("size", [2, 101, 800])
def test_sound_behind_the_size_of_the_header_is_heard_and_told(example, size):
    engine, program = example
    done = run(program, sized(NOISE, size))
    if size % 2 == 0:  # else the rest begins in the middle of a sample
        assert done.stdout.splitlines() == expected(engine, NOISE)
    assert "its header gives too small a size; all the sound was heard" in done.stderr


def test_chunks_behind_the_sound_are_not_heard(example):
    engine, program = example
    done = run(program, sized(NOISE, 1400, b"LIST" + struct.pack("<I", 4) + b"INFO"))
    assert (done.stdout.splitlines(), done.stderr) == (expected(engine, NOISE), "")


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_24"),
        ("WAV", "PCM_32"),
        ("WAVEX", "PCM_24"),
        ("WAVEX", "PCM_16"),
        ("WAV", "FLOAT"),
        ("RF64", "PCM_16"),
    ],
)
def test_16_bits_saved_in_other_ways_are_the_same_samples(example, form, subtype):
    engine, program = example
    memory = io.BytesIO()
    samples = NOISE / np.float32(32_768) if subtype == "FLOAT" else NOISE
    soundfile.write(memory, samples, 16_000, format=form, subtype=subtype)
    assert run(program, memory.getvalue()).stdout.splitlines() == expected(engine, NOISE)


def test_8_bits_are_heard(example):
    engine, program = example
    samples = np.arange(331).astype(np.uint8)
    heard = (samples.astype(np.int16) - 128) * 256
    assert run(program, recording(samples, width=1)).stdout.splitlines() == expected(engine, heard)


@pytest.mark.parametrize("channels", [2, 3, 16])
def test_the_mean_of_channels_is_that_of_python(example, channels, tmp_path):
    engine, program = example
    samples = np.random.default_rng(2).integers(-32_768, 32_768, (400, channels)).astype(np.int16)
    (tmp_path / "a.wav").write_bytes(recording(samples, channels=channels))
    heard = audio.read(tmp_path / "a.wav")[0]
    assert run(program, recording(samples, channels=channels)).stdout.splitlines() == expected(engine, heard)


def test_channels_that_cancel_and_integers_saved_as_floats_are_told(example):
    stereo = run(example[1], recording(np.stack([NOISE, -NOISE], 1), channels=2))
    assert (stereo.returncode, "cancel each other" in stereo.stderr) == (1, True)
    memory = io.BytesIO()
    soundfile.write(memory, NOISE.astype(np.float32), 16_000, format="WAV", subtype="FLOAT")
    floats = run(example[1], memory.getvalue())
    assert (floats.returncode, "integers saved as floats" in floats.stderr) == (1, True)


OTHER_FORMS = [
    (b"", "expected a WAV file"),
    (b"RIFF....MIDI", "expected a WAV file"),
    (recording(np.zeros((9, 2), np.int16), rate=44_100, channels=2), "expected another sample rate"),
    (recording(np.zeros((8, 65), np.int16), channels=65), "expected 1 to 64 channels"),
    (recording(np.zeros(9, np.int16))[:20] + b"\x06" + recording(np.zeros(9, np.int16))[21:], "expected PCM samples"),
    (recording(np.zeros(9, np.int16))[:30], "it ends before its samples"),
    (recording(np.zeros(9, np.int16))[:12], "it ends before its samples"),
    (b"RIFF....WAVEdata\4\0\0\0....", "its samples come before their description"),
]


@pytest.mark.parametrize(("data", "error"), OTHER_FORMS)
def test_what_has_another_form_is_told_with_the_command_that_converts_it(example, data, error):
    done = run(example[1], data)
    path = example[1].parent / "recording.wav"
    assert done.returncode == 1
    assert error in done.stderr
    assert f'convert it: ffmpeg -i "{path}" -ac 1 -ar 16000 "{path}.16k.wav"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (recording(np.zeros(0, np.int16)), "it holds no samples"),
        (sized(np.zeros(0, np.int16), 0, b"LIST" + struct.pack("<I", 4) + b"INFO"), "it holds no samples"),
        (recording(np.zeros(400, np.int16))[:-10], "it is cut off"),
        (recording(np.zeros(9, np.int16))[:-2], "it is cut off"),
    ],
)
def test_what_is_missing_is_one_line(example, data, error):
    done = run(example[1], data)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert error in done.stderr


def test_no_such_file_and_no_argument(example):
    program = str(example[1])
    done = subprocess.run([program, "no.wav"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (1, "no.wav: cannot be opened")
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"usage: {program} FILE.wav ..., or - for standard input\n")
