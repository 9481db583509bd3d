"""One recording: read it in whatever form it comes, and make it one second of 16-bit mono at 16 kHz."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from edgekws.errors import UserError

SAMPLE_RATE = 16_000
CLIP_SAMPLES = 16_000
_FULL_SCALE = 32_768  # libsndfile's float for 16-bit samples is sample / 32768, exact in float32


@dataclass(frozen=True)
class Preparation:
    """How many clips there are and to how many recordings each thing was done; sums with `+`.

    A recording is a clip, but for other sound: of one that is cut into seconds each is a clip.
    """

    clips: int = 0
    resampled: int = 0
    mixed_down: int = 0
    padded: int = 0
    cropped: int = 0
    clipped: int = 0  # had samples beyond 16 bits, set to the limit
    left_out: int = 0  # training clips beyond clips_per_word
    not_audio: int = 0  # files in the word folders that are no recordings, passed over
    not_found: int = 0  # entries of the split lists without a file

    def __add__(self, other: "Preparation") -> "Preparation":
        return Preparation(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def read(path: str | Path) -> tuple[np.ndarray, Preparation]:
    """Read a recording of any format, rate and number of channels that libsndfile knows.

    Returns int16 (samples,) at 16 kHz, and what was done to it. 16-bit mono files at 16 kHz come through sample-exact.
    Raises UserError for anything but a whole, readable, finite recording.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate, frames, log = file.samplerate, file.frames, file.extra_info
            samples = file.read(dtype="float32", always_2d=True)  # (frames, channels)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(why_unreadable(path, error)) from None
    check_whole(path, frames - len(samples), log)
    if not len(samples):
        raise UserError(f"{path} holds no samples; record it again or remove it")
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are not numbers (NaN or infinity); export it again or remove it")
    return _converted(samples, rate)


def to_int16(sound: np.ndarray, scale: float = _FULL_SCALE) -> np.ndarray:
    """Sound times ``scale``, rounded and limited to 16 bits, int16 in the same shape."""
    return np.clip(np.rint(sound * scale), -32_768, 32_767).astype(np.int16)


def fit(samples: np.ndarray, length: int = CLIP_SAMPLES) -> np.ndarray:
    """int16 (n,) to int16 (length,): shorter ones in the middle of zeros, of longer ones the middle."""
    missing = length - len(samples)
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    return samples[-missing // 2 :][:length]


def read_clip(path: str | Path) -> tuple[np.ndarray, Preparation]:
    """Read a recording and fit it to one second: int16 (16000,) and everything that was done to it."""
    samples, done = read(path)
    length = Preparation(padded=int(len(samples) < CLIP_SAMPLES), cropped=int(len(samples) > CLIP_SAMPLES))
    return fit(samples), done + length


def _converted(samples: np.ndarray, rate: int) -> tuple[np.ndarray, Preparation]:
    """float32 (frames, channels) at `rate` to int16 (samples,) at 16 kHz."""
    channels = samples.shape[1]
    mono = samples[:, 0] if channels == 1 else samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        import soxr

        mono = soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ")
    scaled = np.rint(mono * np.float32(_FULL_SCALE))
    limited = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1)
    done = Preparation(
        clips=1,
        resampled=int(rate != SAMPLE_RATE),
        mixed_down=int(channels > 1),
        clipped=int(np.any(limited != scaled)),
    )
    return limited.astype(np.int16), done


def _cut_off(log: str) -> bool:
    """Whether libsndfile's log of the header shows a recording that was cut off.

    WAV and AIFF: a data chunk longer than the file, except for the largest sizes, which programs that write to a pipe
    put there for want of the real one. Ogg: the last page is missing or cut.
    """
    chunk = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    if chunk and int(chunk[2]) < int(chunk[1]) < 0x7FFF0000:
        return True
    return "Ogg: Junk after the last page" in log or "without an End-Of-Stream flag" in log


def check_whole(path: str | Path, missing: int, log: str) -> None:
    """A UserError for a recording with ``missing`` frames, or that was cut off by libsndfile's log of its header."""
    if missing > 0 or _cut_off(log):
        raise UserError(f"{path} is truncated: it ends before its header says; copy it again or remove it")


def why_unreadable(path: str | Path, error: Exception) -> str:
    """One line for a recording that libsndfile could not read, or not to its end."""
    try:
        with open(path, "rb") as handle:
            if not handle.read(1):
                return f"{path} is an empty file; record it again or remove it"
    except FileNotFoundError:
        return f"{path} does not exist; expected a recording"
    except OSError as denied:
        return f"{path} cannot be opened: {denied.strerror}"
    reason = str(error).rsplit(": ", 1)[-1].rstrip(".")
    return f"{path} is not a whole recording ({reason}); expected WAV, FLAC, Ogg, MP3 or AIFF"
