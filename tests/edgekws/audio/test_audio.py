import os
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.errors import UserError

TONE = 440.0


def _tone(rate: int, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * TONE * np.arange(int(rate * seconds)) / rate)


def _strongest_frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * audio.SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_16_bit_files_come_through_sample_exact(tmp_path, suffix):
    every_value = np.arange(-32768, 32768).astype(np.int16)
    soundfile.write(tmp_path / f"a.{suffix}", every_value, 16_000, subtype="PCM_16")
    samples, done = audio.read(tmp_path / f"a.{suffix}")
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples, every_value)
    assert done == Preparation(clips=1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", _tone(rate), rate)
    samples, done = audio.read(tmp_path / "a.wav")
    assert abs(len(samples) - 16_000) <= 1
    assert _strongest_frequency(samples) == pytest.approx(TONE, abs=1)
    middle = samples[1000:-1000].astype(float)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5 * 32768, rel=0.01)
    assert done == Preparation(clips=1, resampled=1)


def test_resampling_removes_what_would_alias(tmp_path):
    time = np.arange(48_000) / 48_000
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 12_000 * time), 48_000)
    samples, _ = audio.read(tmp_path / "a.wav")
    assert np.abs(samples[1000:-1000]).max() < 33  # -60 dB


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_are_averaged(tmp_path, channels):
    values = np.random.default_rng(0).integers(-32768, 32768, (1000, channels)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", values, 16_000, subtype="PCM_16")
    samples, done = audio.read(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, np.rint(values.mean(axis=1)))
    assert done == Preparation(clips=1, mixed_down=1)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_24", 1),
        ("wav", "PCM_32", 1),
        ("wav", "FLOAT", 1),
        ("wav", "DOUBLE", 1),
        ("wav", "PCM_U8", 256),
        ("wav", "ULAW", 1024),
        ("flac", "PCM_24", 1),
        ("ogg", "VORBIS", 2500),
        ("mp3", "MPEG_LAYER_III", 2500),
    ],
)
def test_formats(tmp_path, suffix, subtype, tolerance):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, _tone(16_000), 16_000, subtype=subtype)
    samples, done = audio.read(path)
    assert done == Preparation(clips=1)
    assert len(samples) == 16_000
    assert np.abs(samples - 32768 * _tone(16_000)).max() <= tolerance


def test_beyond_full_scale_is_limited_and_counted(tmp_path):
    soundfile.write(tmp_path / "a.wav", _tone(16_000, amplitude=1.5), 16_000, subtype="FLOAT")
    samples, done = audio.read(tmp_path / "a.wav")
    assert (samples.min(), samples.max()) == (-32768, 32767)
    assert done == Preparation(clips=1, clipped=1)


def test_a_file_written_to_a_pipe_has_no_length_and_is_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", _tone(16_000), 16_000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "b.wav").write_bytes(content)
    np.testing.assert_array_equal(audio.read(tmp_path / "b.wav")[0], audio.read(tmp_path / "a.wav")[0])


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "ogg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.7, 0.98])
def test_truncated_files(tmp_path, suffix, kept):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 16_000), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"truncated|not a whole recording") as error:
        audio.read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("text.wav", b"this is not audio\n" * 100, "is text; expected a recording"),
        ("empty.wav", b"", "is an empty file; record it again"),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVE", "is not a whole recording (it ends before its sound)"),
        ("samples.raw", bytes(1000), "holds nothing but zero bytes"),
        ("noise.wav", bytes(range(128, 256)) * 9, "is not a whole recording"),
    ],
)
def test_what_is_no_recording(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        audio.read(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name} {told}")
    assert "\n" not in str(error.value)


def test_no_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    with pytest.raises(UserError, match="holds no samples"):
        audio.read(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number(tmp_path, value):
    samples = _tone(16_000)
    samples[123] = value
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match="NaN"):
        audio.read(tmp_path / "a.wav")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        audio.read(tmp_path / "a.wav")
    with pytest.raises(UserError, match="is a folder; expected a recording"):
        audio.read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    soundfile.write(tmp_path / "a.wav", _tone(16_000), 16_000)
    (tmp_path / "a.wav").chmod(0)
    with pytest.raises(UserError, match="cannot be opened: Permission denied"):
        audio.read(tmp_path / "a.wav")


def test_fit_pads_on_both_sides_and_crops_to_the_middle():
    samples = np.arange(1, 6, dtype=np.int16)
    np.testing.assert_array_equal(audio.fit(samples, 8), [0, 1, 2, 3, 4, 5, 0, 0])
    np.testing.assert_array_equal(audio.fit(samples, 5), samples)
    np.testing.assert_array_equal(audio.fit(samples, 3), [2, 3, 4])
    np.testing.assert_array_equal(audio.fit(samples, 2), [2, 3])


@given(length=st.integers(0, 200), wanted=st.integers(1, 200))
def test_fit_keeps_a_run_of_the_samples_in_the_middle(length, wanted):
    samples = np.arange(1, length + 1, dtype=np.int16)
    fitted = audio.fit(samples, wanted)
    assert fitted.dtype == np.int16
    assert len(fitted) == wanted
    kept = fitted[fitted > 0]
    assert len(kept) == min(length, wanted)
    if len(kept):
        assert abs((kept[0] - 1) - (length - kept[-1])) <= 1
        before = int(np.flatnonzero(fitted)[0])
        assert abs(before - (wanted - before - len(kept))) <= 1


def test_preparations_add_up():
    total = Preparation(clips=2, padded=1) + Preparation(clips=3, padded=2, clipped=1)
    assert total == Preparation(clips=5, padded=3, clipped=1)
