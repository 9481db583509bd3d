"""Sound as it comes: recordings of any length and rate block by block, and a microphone; 16-bit mono at 16 kHz.

Memory does not grow with the length. What is wrong with the sound is counted, and listening goes on.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekws.audio import SAMPLE_RATE, check_whole, to_int16, why_unreadable
from edgekws.errors import UserError

BLOCK_SECONDS = 0.5
_NEAR_FULL_SCALE = 0.98  # mu-law's largest sample is 32,124 of 32,768
_SILENT_SECONDS = 3.0  # without a block from the microphone: it was unplugged
_RETRY_SECONDS = 1.0


@dataclass
class Faults:
    """Counts of what was wrong with the sound so far."""

    not_finite: int = 0  # samples that were NaN or infinite, taken as silence
    clipped: int = 0  # samples beyond full scale, set to the limit, or that stay at one value near it
    overruns: int = 0  # blocks that were lost because they came too fast; those that are known to be are silence
    unplugged: int = 0  # times the microphone was lost; until it is back there is silence

    def lines(self, before: Faults) -> list[str]:
        """What came to be since ``before``, a line each."""
        texts = {
            "not_finite": "{} samples were not numbers and were taken as silence",
            "clipped": "{} samples were clipped at full scale",
            "overruns": "{} blocks were lost: this machine is too slow",
            "unplugged": "the microphone was lost (is it still plugged in?): waiting until it is back",
        }
        grown = {key: getattr(self, key) - getattr(before, key) for key in texts}
        return [texts[key].format(count) for key, count in grown.items() if count]


class Converter:
    """float32 (frames, channels) at any rate, block by block, to int16 (samples,) at 16 kHz."""

    def __init__(self, rate: int, faults: Faults) -> None:
        self._faults, self._resampler = faults, None
        self._before: np.ndarray | None = None  # the last two frames
        if rate != SAMPLE_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def convert(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """The samples that this block completes; ``last`` also those that the resampler still held."""
        finite = np.isfinite(block)
        if not finite.all():
            self._faults.not_finite += int((~finite).any(axis=1).sum())
            block = np.where(finite, block, np.float32(0))
        before = np.zeros((2, block.shape[1]), np.float32) if self._before is None else self._before
        known = np.concatenate([before, block])
        self._faults.clipped += int(clipped(known)[2:].sum())
        self._before = known[-2:]
        mono = np.clip(block, -1, 1).mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last)
        return to_int16(mono)


def clipped(frames: np.ndarray) -> np.ndarray:
    """Which of float32 (n, channels) are clipped in a channel, bool (n,): beyond full scale, or near it and the same as
    the two before, as no sound stays there whatever the number of bits. One at full scale alone is not."""
    high = np.abs(frames)
    found = high > 1
    stays = frames[2:] == frames[1:-1]
    found[2:] |= (high[2:] >= _NEAR_FULL_SCALE) & stays & (frames[1:-1] == frames[:-2])
    return found.any(axis=1)


def recording(path: Path, faults: Faults) -> Iterator[np.ndarray]:
    """A recording as int16 blocks at 16 kHz; a UserError where it cannot be read, also on the way."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            converter = Converter(file.samplerate, faults)
            size = max(round(BLOCK_SECONDS * file.samplerate), 1)
            frames, log = file.frames, file.extra_info
            left = frames
            while True:
                block = file.read(size, dtype="float32", always_2d=True)
                left -= len(block)
                yield converter.convert(block, last=len(block) < size)
                if len(block) < size:
                    break
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(why_unreadable(path, error)) from None
    check_whole(path, left, log)
    if left == frames:
        raise UserError(f"{path} holds no samples; record it again or remove it")


def microphone(faults: Faults, sounddevice: Any = None) -> Iterator[np.ndarray]:
    """The default microphone as int16 blocks at 16 kHz, until the program is stopped.

    One that is unplugged, or gives nothing, is opened again every second until it is back; meanwhile there is silence,
    so that time goes on. A UserError where it could never be opened. ``sounddevice``: the module, for tests.
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
                if lost:  # what passed until this block began
                    yield np.zeros(max(round((now - since) * SAMPLE_RATE) - len(block), 0), np.int16)
                heard, lost, since = True, False, now
                yield block
        except (queue.Empty, sounddevice.PortAudioError, ValueError) as error:
            if not heard:
                raise UserError(
                    f"the microphone gave no sound for {_SILENT_SECONDS:g} s; is it still plugged in?"
                    if isinstance(error, queue.Empty)
                    else f"the microphone cannot be used: {error}"
                ) from None
        faults.unplugged += not lost
        lost, now = True, time.monotonic()
        yield np.zeros(round((now - since) * SAMPLE_RATE), np.int16)
        since = now
        time.sleep(_RETRY_SECONDS)


def _opened(faults: Faults, sounddevice: Any) -> Iterator[np.ndarray]:
    """What the default microphone gives from now on; queue.Empty where it gives nothing any more."""
    blocks: queue.Queue[np.ndarray] = queue.Queue(maxsize=20)
    missing = 0  # samples that were lost since the block that was put last

    def arrived(block: np.ndarray, frames: int, time: Any, status: Any) -> None:
        nonlocal missing
        if status.input_overflow:
            faults.overruns += 1
        try:
            blocks.put_nowait(np.pad(block, ((missing, 0), (0, 0))))  # silence where they were
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
