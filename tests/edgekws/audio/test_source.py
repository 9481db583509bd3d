"""Where recordings come from: files, pipes, standard input; nothing else is opened (16, 18)."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sounds import put, tone, written

from edgekws import audio
from edgekws.errors import UserError

SOUND = np.random.default_rng(0).integers(-9000, 9000, 24_000).astype(np.int16)


@pytest.fixture
def pipe(tmp_path):
    """A pipe with a name, and a function that writes bytes into it from now on."""
    path, threads = tmp_path / "pipe", []
    os.mkfifo(path)

    def write(*contents, wait=0.0):
        def run():
            with open(path, "wb", buffering=0) as file:
                for content in contents:
                    file.write(content)
                    time.sleep(wait)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return path

    yield write
    for thread in threads:
        thread.join(10)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAVEX", "PCM_24"),
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("AU", "PCM_16"),
    ],
)
def test_a_pipe_gives_what_the_file_holds(form, subtype, pipe):
    np.testing.assert_array_equal(audio.read(pipe(written(form, subtype, SOUND)), pipes=True)[0], SOUND)


@pytest.mark.parametrize(
    "kind", [("WAV", "GSM610"), ("WAV", "MS_ADPCM"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("CAF", "ALAC_16")]
)
def test_what_cannot_be_heard_as_it_comes_is_copied_first(kind, pipe, tmp_path):
    (tmp_path / "a").write_bytes(written(*kind))
    whole = audio.read(tmp_path / "a")[0]
    np.testing.assert_array_equal(audio.read(pipe(written(*kind)), pipes=True)[0], whole)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x80000000, 100])
def test_a_wav_of_unknown_size_is_heard_to_the_end_of_the_pipe(size, pipe):
    faults = audio.Faults()
    heard = np.concatenate(list(audio.blocks(pipe(put(written("WAV", "PCM_16", SOUND), 40, "<I", size)), faults)))
    np.testing.assert_array_equal(heard, SOUND)
    assert faults.miscounted == (size == 100)


def test_a_pipe_that_ends_too_early_is_told_after_what_came(pipe):
    blocks, count = audio.blocks(pipe(written("WAV", "PCM_16", SOUND)[:-8_000]), audio.Faults()), 0
    with pytest.raises(UserError, match="is truncated"):
        for block in blocks:
            count += len(block)
    assert count == 20_000


def test_sound_is_heard_while_it_comes(pipe):
    """The first block is there before the writer has gone on."""
    content = put(written("WAV", "PCM_16", np.tile(SOUND, 2)), 40, "<I", 0xFFFFFFFF)
    started = time.monotonic()
    blocks = audio.blocks(pipe(content[:40_000], content[40_000:], wait=2.0), audio.Faults())
    assert len(next(blocks)) == 8_000
    assert time.monotonic() - started < 1.5
    assert sum(map(len, blocks)) == 40_000


def test_chunks_behind_the_sound_of_a_pipe_are_not_heard(pipe):
    listed = b"LIST" + (400).to_bytes(4, "little") + bytes(400)
    content = written("WAV", "PCM_16", SOUND) + listed + written("WAV", "PCM_16", SOUND[::-1])
    heard = np.concatenate(list(audio.blocks(pipe(content), audio.Faults())))
    np.testing.assert_array_equal(heard, np.concatenate([SOUND, SOUND[::-1]]))


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_a_recording(name, tmp_path):
    code = f"from edgekws import audio; print(len(audio.read({name!r}, pipes=True)[0]))"
    content = put(written("WAV", "PCM_16", SOUND), 40, "<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(content)
    call = [sys.executable, "-c", code]
    assert int(subprocess.run(call, input=content, capture_output=True, check=True).stdout) == 24_000
    with open(tmp_path / "a.wav", "rb") as file:
        assert int(subprocess.run(call, stdin=file, capture_output=True, check=True).stdout) == 24_000


def test_a_clip_is_a_regular_file(pipe, tmp_path):
    """A pipe without a writer, or a device, would never end."""
    os.mkfifo(tmp_path / "fifo.wav")
    for path in (tmp_path / "fifo.wav", "/dev/zero"):
        for read in (audio.read_clip, audio.length):
            with pytest.raises(UserError, match=r"is no regular file .*expected a recording"):
                read(path)
    with pytest.raises(UserError, match="is no regular file"):
        audio.read("/dev/zero", pipes=True)


def test_what_waits_for_a_pipe_can_be_interrupted(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    code = (  # a shell that starts pytest in the background has Ctrl-C ignored, which the child would inherit
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from edgekws import audio; "
        f"print(len(audio.read({str(tmp_path / 'pipe')!r}, pipes=True)[0]))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        with open(tmp_path / "pipe", "wb", buffering=0) as file:
            file.write(written("WAV", "PCM_16", SOUND)[:30_000])
            time.sleep(1.5)
            process.send_signal(2)
            error = process.stderr.read().decode()
        assert process.wait(10) != 0
    assert error.endswith("KeyboardInterrupt\n")
    assert "cffi" not in error


def test_an_hour_at_most_is_read_into_memory(tmp_path):
    (tmp_path / "a.wav").write_bytes(written("WAV", "PCM_16", tone(3)))
    samples, done = audio.read(tmp_path / "a.wav", most_seconds=2)
    assert (len(samples), done.too_long) == (32_000, 1)
    (tmp_path / "b.flac").write_bytes(written("FLAC", "PCM_16", np.zeros(16_000 * 90, np.int16)))
    samples, done = audio.read_clip(tmp_path / "b.flac")
    assert (len(samples), done.too_long, done.silent, done.cropped) == (16_000, 1, 1, 1)
