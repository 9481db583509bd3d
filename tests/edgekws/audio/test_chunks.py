"""WAV and its relatives: what the header says of the size is believed where the file bears it out (15 to 18)."""

import struct

import numpy as np
import pytest
from sounds import put, tone, written

from edgekws import audio
from edgekws.errors import UserError

SOUND = np.random.default_rng(0).integers(-9000, 9000, 16_000).astype(np.int16)
FAMILIES = {  # where the size of the sound stands, from which bytes on, how, and what it counts beside the samples
    "WAV": (b"data", 4, "<I", 0),
    "RF64": (b"ds64", 16, "<Q", 0),
    "W64": (b"data", 16, "<Q", 24),
    "AIFF": (b"SSND", 4, ">I", 8),
    "CAF": (b"data", 4, ">Q", 4),
}


@pytest.fixture
def read(tmp_path):
    """What a file of these bytes holds, and what was done to it."""

    def read(content):
        (tmp_path / "a.wav").write_bytes(content)
        return audio.read(tmp_path / "a.wav")

    return read


def sized(family, change, behind=b"", subtype="PCM_16"):
    """A recording in which the size of the sound was changed."""
    mark, place, layout, more = FAMILIES[family]
    content = written(family, subtype, SOUND)
    at = content.index(mark) + place
    (size,) = struct.unpack_from(layout, content, at)
    return put(content, at, layout, min(change(size - more), 2 ** (8 * struct.calcsize(layout)) - 1)) + behind


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [0, 2**64])
def test_sound_of_unknown_size_is_read_until_it_ends(family, size, read):
    samples, done = read(sized(family, lambda _: size))
    np.testing.assert_array_equal(samples, SOUND)
    assert done == audio.Preparation(clips=1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("behind", [b"", bytes(2000), b"TAG" + bytes(125)])
def test_sound_behind_the_size_of_the_header_is_read_and_told(family, behind, read):
    samples, done = read(sized(family, lambda size: size // 4, behind))
    np.testing.assert_array_equal(samples[:16_000], SOUND)
    assert len(samples) == 16_000 + len(behind) // 2
    assert done == audio.Preparation(clips=1, miscounted=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_size_beyond_the_file_is_told(family, read):
    with pytest.raises(UserError, match="is truncated: it ends before its header says"):
        read(sized(family, lambda size: 2 * size))


@pytest.mark.parametrize("behind", [b"LIST" + struct.pack("<I", 400) + bytes(400), b"TAG" + bytes(125), bytes(5000)])
def test_what_is_no_sound_behind_it_is_none(behind, read):
    samples, done = read(written("WAV", "PCM_16", SOUND) + behind)
    np.testing.assert_array_equal(samples, SOUND)
    assert done == audio.Preparation(clips=1)


@pytest.mark.parametrize("frames", [0, 100, 10**6, 2**32 - 1])
def test_the_number_of_frames_in_aiff_is_not_believed(frames, read):
    content = written("AIFF", "PCM_16", SOUND)
    np.testing.assert_array_equal(read(put(content, content.index(b"COMM") + 10, ">I", frames))[0], SOUND)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "W64", "RF64"])
def test_recordings_joined_to_each_other_are_read_one_after_the_other(form, read):
    samples, _ = read(written(form, "PCM_16", SOUND) + written("WAV", "PCM_24", SOUND[::-1]))
    np.testing.assert_array_equal(samples, np.concatenate([SOUND, SOUND[::-1]]))


def test_a_thousand_recordings_joined_to_each_other_are_no_trouble(read):
    assert len(read(1_000 * written("WAV", "PCM_16", SOUND[:160]))[0]) == 160_000


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 4_000_000_000])
def test_a_rate_that_no_microphone_has_is_told(rate, read):
    with pytest.raises(UserError, match=rf"has a rate of {rate} Hz|not a whole recording"):
        read(put(written("WAV", "PCM_16", SOUND), 24, "<I", rate))


@pytest.mark.parametrize("rate", [1_000, 11_025, 192_000, 768_000])
def test_every_rate_between_is_read(rate, read):
    samples, done = read(written("WAV", "PCM_16", tone(1, rate), rate))
    assert abs(len(samples) - 16_000) <= 1
    assert done.resampled == 1


@pytest.mark.parametrize("channels", [1, 2, 8, 64, 256])
def test_any_number_of_channels_is_read(channels, read):
    samples, _ = read(written("WAV", "PCM_16", np.tile(SOUND[:, None], channels)))
    np.testing.assert_array_equal(samples, SOUND)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", kind) for kind in ("ALAW", "GSM610", "G721_32", "IMA_ADPCM", "MS_ADPCM", "NMS_ADPCM_32", "DOUBLE")),
        *(("AIFF", kind) for kind in ("GSM610", "DWVW_16", "IMA_ADPCM", "ULAW")),
        *(("CAF", kind) for kind in ("ALAC_16", "ALAW")),
        ("AU", "G721_32"),
        ("NIST", "PCM_16"),
        ("VOC", "PCM_16"),
    ],
)
def test_codings_of_telephones_and_others_are_read(form, subtype, tmp_path):
    """18: GSM and G.721, which cannot be sought in, by clips as well as by streams."""
    sound = tone(1)
    (tmp_path / "a.wav").write_bytes(written(form, subtype, sound))
    samples, _ = audio.read(tmp_path / "a.wav")
    assert 0 <= len(samples) - 16_000 <= 1_000
    assert np.corrcoef(samples[:16_000], sound)[0, 1] > 0.99
    assert audio.length(tmp_path / "a.wav") == len(samples)


def test_mp3_within_wav_is_read(read):
    inside = written("MP3", "MPEG_LAYER_III")
    fmt = struct.pack("<HHIIHH", 0x55, 1, 16_000, 4_000, 1, 0)
    head = struct.pack("<4sI4s4sI", b"RIFF", 0, b"WAVE", b"fmt ", len(fmt)) + fmt
    assert len(read(head + struct.pack("<4sI", b"data", len(inside)) + inside)[0]) == 16_000
