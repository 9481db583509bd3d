"""Reads a microphone as 16-bit mono at 16 kHz. Faults are counted, and listening continues."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekws.audio.convert import SAMPLE_RATE, Converter
from edgekws.audio.faults import Faults
from edgekws.errors import UserError

_SILENT_SECONDS = 3.0  # without a block for so long, the microphone counts as unplugged
_RETRY_SECONDS = 1.0


def blocks(faults: Faults, sounddevice: Any = None) -> Iterator[np.ndarray]:
    """The default microphone as int16 blocks (n,) at 16 kHz, until the program is stopped.

    If it is unplugged or gives nothing, it is opened again every second until it is back. Silence fills the gap, so
    that times stay right. Raises UserError if it cannot be opened at all. ``sounddevice``: a stand-in for the module,
    for tests.
    """
    if sounddevice is None:
        sounddevice = _sounddevice()
    heard, lost, since = False, False, time.monotonic()
    while True:
        try:
            if lost:  # PortAudio looks for devices only when it starts
                with contextlib.suppress(sounddevice.PortAudioError):
                    sounddevice._terminate()
                sounddevice._initialize()
            for block in _opened(faults, sounddevice):
                now = time.monotonic()
                if lost:  # silence for the time until this block began
                    yield np.zeros(max(round((now - since) * SAMPLE_RATE) - len(block), 0), np.int16)
                heard, lost, since = True, False, now
                yield block
        except (queue.Empty, sounddevice.PortAudioError, ValueError) as error:
            if not heard:
                raise UserError(
                    f"the microphone gave no sound for {_SILENT_SECONDS:g} s; is it still plugged in?"
                    if isinstance(error, queue.Empty)
                    else f"no microphone can be used ({error}); plug one in and make it the default input"
                ) from None
        faults.unplugged += not lost
        lost, now = True, time.monotonic()
        yield np.zeros(round((now - since) * SAMPLE_RATE), np.int16)
        since = now
        time.sleep(_RETRY_SECONDS)


def _opened(faults: Faults, sounddevice: Any) -> Iterator[np.ndarray]:
    """The blocks of the default microphone from now on. Raises queue.Empty when it stops giving any."""
    blocks: queue.Queue[np.ndarray] = queue.Queue(maxsize=20)
    missing = 0  # samples lost since the last block that was queued

    def arrived(block: np.ndarray, frames: int, time: Any, status: Any) -> None:
        nonlocal missing
        if status.input_overflow:
            faults.overruns += 1
        try:
            blocks.put_nowait(np.pad(block, ((missing, 0), (0, 0))))  # silence for the lost samples
            missing = 0
        except queue.Full:
            faults.overruns += 1
            missing += len(block)

    device = sounddevice.query_devices(kind="input")
    rate = int(device["default_samplerate"])
    converter = Converter(rate, faults)
    with sounddevice.InputStream(
        samplerate=rate, channels=1, dtype="float32", blocksize=round(rate * 0.1), callback=arrived
    ):
        while True:
            yield converter.convert(blocks.get(timeout=_SILENT_SECONDS))


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise UserError("--microphone needs sounddevice: pip install 'edgekws[microphone]'") from None
    except OSError as error:
        raise UserError(
            f"--microphone needs the PortAudio library ({error}); on Debian: apt install libportaudio2"
        ) from None
    return sounddevice
