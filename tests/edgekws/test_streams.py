"""Sound as it comes: any rate and length, faults counted, microphones that are unplugged."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from edgekws import audio, streams
from edgekws.errors import UserError
from edgekws.streams import Converter, Faults


def noise(samples, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def all_of(path, faults=None):
    return np.concatenate(list(streams.recording(path, faults or Faults())))


def test_a_recording_at_16_khz_comes_through_sample_exact(tmp_path):
    samples = noise(50_001)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    assert np.array_equal(all_of(tmp_path / "a.wav"), samples)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_and_channels_are_those_of_the_whole_file(rate, tmp_path):
    soundfile.write(tmp_path / "a.flac", np.stack([noise(3 * rate), noise(3 * rate, 1)], 1), rate)
    blocks, (whole, _) = all_of(tmp_path / "a.flac"), audio.read(tmp_path / "a.flac")
    assert abs(len(blocks) - len(whole)) <= 1
    shared = min(len(blocks), len(whole))
    assert np.abs(blocks[:shared].astype(int) - whole[:shared]).max() <= 2


def test_time_does_not_drift_over_a_long_stream():
    """An hour at 44.1 kHz in blocks of an odd size: to the sample."""
    converter, total = Converter(44_100, Faults()), 0
    block = np.zeros((44_100 * 7 + 13, 1), np.float32)
    count = 3600 * 44_100 // len(block)
    for i in range(count):
        total += len(converter.convert(block, last=i == count - 1))
    assert abs(total - count * len(block) * 16_000 / 44_100) <= 1


def test_faults_are_counted_and_listening_goes_on():
    faults = Faults()
    block = np.array([[0.5], [np.nan], [np.inf], [1.0], [1.5], [-2.0]], np.float32)
    assert Converter(16_000, faults).convert(block).tolist() == [16_384, 0, 0, 32_767, 32_767, -32_768]
    assert (faults.not_finite, faults.clipped) == (2, 2)
    assert len(faults.lines(Faults())) == 2
    assert faults.lines(faults) == []


def test_what_is_no_whole_recording_is_told(tmp_path):
    (tmp_path / "no.wav").write_text("no audio")
    with pytest.raises(UserError, match="not a whole recording"):
        all_of(tmp_path / "no.wav")
    with pytest.raises(UserError, match="does not exist"):
        all_of(tmp_path / "none.wav")


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_a_truncated_recording_is_told_after_what_there_is_of_it(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(80_000), 16_000)
    content, heard = path.read_bytes(), []
    path.write_bytes(content[: 60_000 if suffix == "wav" else len(content) // 2])
    with pytest.raises(UserError, match=r"truncated|not a whole recording") as error:
        for block in streams.recording(path, Faults()):
            heard.append(block)
    assert str(path) in str(error.value)
    if suffix == "wav":
        assert len(np.concatenate(heard)) == (60_000 - 44) // 2


class StandIn:
    """A sounddevice whose microphone gives `blocks` and is then unplugged."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self, blocks, overflow=False, missing=False):
        self.blocks, self.overflow, self.missing = blocks, overflow, missing

    def query_devices(self, kind):
        if self.missing:
            raise self.PortAudioError("no default input device")
        return {"default_samplerate": 16_000.0}

    def InputStream(self, callback, **settings):  # noqa: N802
        status = SimpleNamespace(input_overflow=self.overflow)
        for block in self.blocks:
            callback(block, len(block), None, status)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_an_unplugged_microphone_is_told_after_what_it_gave(monkeypatch):
    monkeypatch.setattr(streams, "_SILENT_SECONDS", 0.05)
    faults, heard = Faults(), []
    device = StandIn([np.full((1600, 1), 0.25, np.float32)] * 3, overflow=True)
    with pytest.raises(UserError, match="still plugged in"):
        for block in streams.microphone(faults, device):
            heard.append(block)
    assert [len(block) for block in heard] == [1600] * 3
    assert faults.overruns == 3


def test_blocks_beyond_the_queue_are_counted_as_lost(monkeypatch):
    monkeypatch.setattr(streams, "_SILENT_SECONDS", 0.05)
    faults = Faults()
    with pytest.raises(UserError):
        list(streams.microphone(faults, StandIn([np.zeros((160, 1), np.float32)] * 25)))
    assert faults.overruns == 5


def test_no_microphone_and_no_sounddevice_are_told():
    with pytest.raises(UserError, match="cannot be used: no default input device"):
        list(streams.microphone(Faults(), StandIn([], missing=True)))


def test_a_recording_without_samples_is_told(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(UserError, match="none.wav holds no samples"):
        list(streams.recording(tmp_path / "none.wav", streams.Faults()))
