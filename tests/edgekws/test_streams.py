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
    """A sounddevice whose microphone gives a list of blocks each time it is opened and is then unplugged.

    An empty list: it is not there. After the last it is stopped, as Ctrl-C does.
    """

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self, *plugged, overflow=False):
        self.plugged, self.overflow, self.started = list(plugged), overflow, 1

    def query_devices(self, kind):
        if not self.plugged:
            raise KeyboardInterrupt
        if not self.plugged[0]:
            self.plugged.pop(0)
            raise self.PortAudioError("no default input device")
        return {"default_samplerate": 16_000.0}

    def InputStream(self, callback, **settings):  # noqa: N802
        status = SimpleNamespace(input_overflow=self.overflow)
        for block in self.plugged.pop(0):
            callback(block, len(block), None, status)
        return self

    def _terminate(self):
        self.started -= 1

    def _initialize(self):
        assert self.started == 0, "PortAudio counts its starts: it looks for devices at the first alone"
        self.started += 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def heard_of(device, faults, monkeypatch):
    """The blocks of a microphone until the program is stopped."""
    monkeypatch.setattr(streams, "_SILENT_SECONDS", 0.05)
    monkeypatch.setattr(streams, "_RETRY_SECONDS", 0.05)
    heard = []
    with pytest.raises(KeyboardInterrupt):
        for block in streams.microphone(faults, device):
            heard.append(block)
    return heard


def test_an_unplugged_microphone_is_told_and_heard_again_when_it_is_back(monkeypatch):
    block, faults = np.full((1600, 1), 0.25, np.float32), Faults()
    heard = heard_of(StandIn([block] * 3, [], [], [block] * 2, overflow=True), faults, monkeypatch)
    sound = [bool(one.any()) for one in heard]
    assert sound == [True] * 3 + [False] * 4 + [True] * 2 + [False]
    assert all(len(one) == 1600 for one in heard if one.any())
    away = sum(len(one) for one in heard[3:7]) / 16_000
    assert 0.15 <= away < 5, "the silence lasts as long as the microphone was away"
    assert (faults.overruns, faults.unplugged) == (5, 2)
    assert "waiting until it is back" in " ".join(faults.lines(Faults()))


def test_silence_is_where_lost_blocks_were_once_the_next_one_comes(monkeypatch):
    """Of 25 blocks at once the queue takes 20; the 26th comes when one was taken out."""
    faults, device = Faults(), StandIn(["opened"])
    numbered = [np.full((160, 1), (i + 1) / 64, np.float32) for i in range(26)]

    def opened(callback, **settings):
        device.callback = callback
        for block in numbered[:25]:
            callback(block, len(block), None, SimpleNamespace(input_overflow=False))
        return device

    device.InputStream, heard = opened, []
    microphone = streams.microphone(faults, device)
    heard.append(next(microphone))
    device.callback(numbered[25], 160, None, SimpleNamespace(input_overflow=False))
    heard += [next(microphone) for _ in range(20)]
    microphone.close()
    assert faults.overruns == 5
    expected = [*(i + 1 for i in range(20)), *[0] * 5, 26]
    assert np.concatenate(heard)[::160].tolist() == [512 * one for one in expected]


def test_time_goes_on_while_the_microphone_is_away(monkeypatch):
    """By a clock that sleeping alone moves: 3 s without sound, then a second until it is opened again."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(streams.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(streams.time, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))
    get = streams.queue.Queue.get

    def timed(self, block=True, timeout=None):
        try:
            return get(self, block=False)
        except streams.queue.Empty:
            clock.now += timeout
            raise
        finally:
            clock.now += 0.1 if self.qsize() or clock.now == 0 else 0

    monkeypatch.setattr(streams.queue.Queue, "get", timed)
    microphone = streams.microphone(
        Faults(), StandIn([np.ones((1600, 1), np.float32)], [np.ones((1600, 1), np.float32)])
    )
    heard = []
    while sum(bool(block.any()) for block in heard) < 2:
        heard.append(next(microphone))
    microphone.close()
    assert sum(len(block) for block in heard) / 16_000 == pytest.approx(clock.now, abs=0.11)
    assert clock.now > 4


def test_no_microphone_and_no_sounddevice_are_told(monkeypatch):
    with pytest.raises(UserError, match="cannot be used: no default input device"):
        list(streams.microphone(Faults(), StandIn([])))
    monkeypatch.setattr(streams, "_SILENT_SECONDS", 0.05)
    silent = StandIn(["opened"])
    silent.InputStream = lambda callback, **settings: silent
    with pytest.raises(UserError, match="gave no sound .* still plugged in"):
        list(streams.microphone(Faults(), silent))


@pytest.mark.parametrize(
    ("sound", "clipped"),
    [
        ([0.5, 1.0, 0.5], [0, 0, 0]),  # a peak at full scale
        ([0.5, 1.5, -2.0], [0, 1, 1]),  # beyond it
        ([1.0, 1.0, 0.0, 1.0], [0, 0, 0, 0]),
        ([0.0, *[32_767 / 32_768] * 3, 0.0], [0, 0, 0, 1, 0]),  # as 16 bits give it
        ([-1.0] * 4 + [0.0], [0, 0, 1, 1, 0]),
        ([32_124 / 32_768] * 3, [0, 0, 1]),  # as mu-law gives it
        ([0.97] * 3, [0, 0, 0]),
        ([0.99, 0.985, 0.98], [0, 0, 0]),  # a round peak
    ],
)
def test_sound_that_stays_near_full_scale_is_clipped(sound, clipped):
    assert streams.clipped(np.array(sound, np.float32)[:, None]).tolist() == [bool(one) for one in clipped]


@pytest.mark.parametrize("channel", [0, 1])
def test_one_clipped_channel_is_told(channel):
    frames = np.zeros((10, 2), np.float32)
    frames[2:8, channel] = -1.0
    assert streams.clipped(frames).sum() == 4


def test_clipping_is_counted_across_blocks():
    faults = Faults()
    converter, sound = Converter(16_000, faults), np.ones((12, 1), np.float32)
    for size in (1, 2, 3, 6):
        converter.convert(sound[:size])
    assert faults.clipped == 10


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "PCM_16", "PCM_24", "PCM_U8"])
def test_a_clipped_recording_is_told_in_every_kind_of_file(subtype, tmp_path):
    sound = np.clip(4 * np.sin(np.arange(16_000) * 0.05), -1, 1)
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype)
    faults = Faults()
    all_of(tmp_path / "a.wav", faults)
    assert faults.clipped > 8_000
    quiet = Faults()
    soundfile.write(tmp_path / "a.wav", sound / 2, 16_000, subtype)
    all_of(tmp_path / "a.wav", quiet)
    assert quiet == Faults()


def test_enormous_samples_are_clipped_before_they_are_resampled():
    faults = Faults()
    sound = Converter(44_100, faults).convert(np.full((4410, 1), 3e38, np.float32), last=True)
    assert faults.clipped == 4410
    assert sound[800] > 30_000


def test_a_recording_without_samples_is_told(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(UserError, match="none.wav holds no samples"):
        list(streams.recording(tmp_path / "none.wav", streams.Faults()))
