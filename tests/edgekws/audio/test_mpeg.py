"""MP3: as long as its frames, whatever a Xing header says or a first bit rate lets guess (15, 17)."""

import numpy as np
import pytest
from sounds import likeness, put, tone, written

from edgekws import audio
from edgekws.audio import mpeg
from edgekws.errors import UserError

SOUND = tone(4)


def mp3(sound=SOUND, rate=16_000):
    return written("MP3", "MPEG_LAYER_III", sound, rate)


def xing(content):
    """Where the number of frames stands."""
    at = max(content.find(b"Xing"), content.find(b"Info"))
    return at + 8


def first(content):
    """The size of the first frame, with the Xing header."""
    return mpeg.frame(content[:4]).size


def read(path, content):
    path.write_bytes(content)
    return audio.read(path)


def test_frames_are_known_by_their_headers():
    found = mpeg.frame(bytes([0xFF, 0xFB, 0x90, 0x64]))  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz, joint stereo
    assert (found.size, found.samples, found.kind, found.tag) == (417, 1152, (3, 3, 44_100, False), 36)
    assert mpeg.frame(bytes([0xFF, 0xF3, 0x88, 0xC4])).kind == (2, 3, 16_000, True)
    for wrong in (b"RIFF", bytes([0xFF, 0xFB, 0xF0, 0]), bytes([0xFF, 0xEB, 0x90, 0]), bytes([0xFF, 0xF9, 0x50, 0x80])):
        assert mpeg.frame(wrong) is None


@pytest.mark.parametrize("frames", [0, 5, 2**31, 2**32 - 1])
def test_a_wrong_number_of_frames_is_told_and_all_are_read(frames, tmp_path):
    content = mp3()
    samples, done = read(tmp_path / "a.mp3", put(content, xing(content), ">I", frames))
    assert len(samples) == len(SOUND)
    assert likeness(samples, SOUND) > 0.99
    assert done == audio.Preparation(clips=1, miscounted=1)


def test_varying_bit_rate_without_a_xing_header_is_read_whole(tmp_path):
    """17: the first frames of silence take few bytes, by which the length was guessed."""
    sound = np.concatenate([np.zeros(16_000, "f4"), np.random.default_rng(0).uniform(-0.5, 0.5, 96_000).astype("f4")])
    content = mp3(sound)
    samples, _ = read(tmp_path / "a.mp3", content[first(content) :])
    assert 0 <= len(samples) - len(sound) < 2_500  # the encoder's delay, which the header would tell
    assert np.abs(samples[-20_000:]).max() > 8_000


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\3\0\0\0\0\0\x0a" + bytes(10)])
def test_files_joined_to_each_other_are_read_whole(between, tmp_path):
    samples, done = read(tmp_path / "a.mp3", mp3() + between + mp3(tone(2, 44_100), 44_100))
    assert likeness(samples, np.concatenate([SOUND, tone(2)])) > 0.99
    assert done.damaged == 0


def test_a_file_cut_off_is_told(tmp_path):
    content = mp3()
    with pytest.raises(UserError, match="truncated"):
        read(tmp_path / "a.mp3", content[: len(content) // 2])


def test_bytes_that_are_no_frames_are_told(tmp_path):
    content = mp3()
    frame = first(content)
    junk = content[:frame] + content[frame : 4 * frame] + b"x" * 3_000 + content[4 * frame :]
    samples, done = read(tmp_path / "a.mp3", junk)
    assert done.damaged == 1
    assert len(samples) == len(SOUND)


def test_padding_behind_a_tag_is_passed_over(tmp_path):
    assert len(read(tmp_path / "a.mp3", b"ID3\3\0\0\0\0\0\x0a" + bytes(10 + 500) + mp3())[0]) == len(SOUND)


def test_a_tag_without_frames_is_told(tmp_path):
    with pytest.raises(UserError, match="no MP3 that can be read"):
        read(tmp_path / "a.mp3", b"ID3\3\0\0\0\0\0\x0a" + b"x" * 5_000)
