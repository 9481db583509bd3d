"""A microphone as it comes: what is lost is silence, one that is unplugged is waited for."""

from types import SimpleNamespace

import numpy as np
import pytest

from edgekws.audio import Faults, microphone
from edgekws.errors import UserError


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
    monkeypatch.setattr(microphone, "_SILENT_SECONDS", 0.05)
    monkeypatch.setattr(microphone, "_RETRY_SECONDS", 0.05)
    heard = []
    with pytest.raises(KeyboardInterrupt):
        for block in microphone.blocks(faults, device):
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
    heard_blocks = microphone.blocks(faults, device)
    heard.append(next(heard_blocks))
    device.callback(numbered[25], 160, None, SimpleNamespace(input_overflow=False))
    heard += [next(heard_blocks) for _ in range(20)]
    heard_blocks.close()
    assert faults.overruns == 5
    expected = [*(i + 1 for i in range(20)), *[0] * 5, 26]
    assert np.concatenate(heard)[::160].tolist() == [512 * one for one in expected]


def test_time_goes_on_while_the_microphone_is_away(monkeypatch):
    """By a clock that sleeping alone moves: 3 s without sound, then a second until it is opened again."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(microphone.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(microphone.time, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))
    get = microphone.queue.Queue.get

    def timed(self, block=True, timeout=None):
        try:
            return get(self, block=False)
        except microphone.queue.Empty:
            clock.now += timeout
            raise
        finally:
            clock.now += 0.1 if self.qsize() or clock.now == 0 else 0

    monkeypatch.setattr(microphone.queue.Queue, "get", timed)
    heard_blocks = microphone.blocks(
        Faults(), StandIn([np.ones((1600, 1), np.float32)], [np.ones((1600, 1), np.float32)])
    )
    heard = []
    while sum(bool(block.any()) for block in heard) < 2:
        heard.append(next(heard_blocks))
    heard_blocks.close()
    assert sum(len(block) for block in heard) / 16_000 == pytest.approx(clock.now, abs=0.11)
    assert clock.now > 4


def test_no_microphone_and_no_sounddevice_are_told(monkeypatch):
    with pytest.raises(UserError, match="no microphone can be used .no default input device.; plug one in"):
        list(microphone.blocks(Faults(), StandIn([])))
    monkeypatch.setattr(microphone, "_SILENT_SECONDS", 0.05)
    silent = StandIn(["opened"])
    silent.InputStream = lambda callback, **settings: silent
    with pytest.raises(UserError, match="gave no sound .* still plugged in"):
        list(microphone.blocks(Faults(), silent))
