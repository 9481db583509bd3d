"""Finds words in sound: 16-bit samples in, words out, as they are heard.

    spotter = Spotter()
    for block in microphone:                # bytes, an array, NumPy's int16: any number of samples
        for event in spotter.push(block):
            print(event.time, event.word, event.score)

Nothing but ctypes and this model's engine is loaded.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOP", "SAMPLE_RATE", "WORDS", "Event", "Spotter"]

_library = ctypes.CDLL(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "_engine.dll" if sys.platform == "win32" else "_engine.so")
)
if not _library.edgekws_spotter_fits():
    raise ImportError(f"{__name__} was built for another processor than this one: install it again on this machine")


class _Heard(ctypes.Structure):
    _fields_ = (("end", ctypes.c_uint64), ("score", ctypes.c_double), ("word", ctypes.c_int32))


_SAY = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_bool)
_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
for _name, _result, _arguments in (
    ("size", _size, ()),
    ("reset", None, (_pointer,)),
    ("push", _size, (_pointer, ctypes.c_char_p, _size, ctypes.POINTER(_Heard))),
    ("label", ctypes.c_char_p, (_int,)),
    ("threshold", _int, (_int,)),
    ("set_threshold", None, (_pointer, _int, _int)),
    ("selftest", _int, (_pointer, _SAY)),
):
    _function = getattr(_library, f"edgekws_spotter_{_name}")
    _function.restype, _function.argtypes = _result, _arguments

SAMPLE_RATE = 16_000
HOP: int = _library.edgekws_spotter_hop()  # samples from one result to the next
_DELAY: int = _library.edgekws_spotter_delay()
_NEVER = 256  # the threshold of a class that is never detected
_LABELS = tuple(_library.edgekws_spotter_label(_i).decode("utf-8") for _i in range(_library.edgekws_spotter_classes()))
_TUNED = tuple(_library.edgekws_spotter_threshold(_i) for _i in range(len(_LABELS)))
WORDS = tuple(_label for _label, _t in zip(_LABELS, _TUNED) if _t < _NEVER)
_QUIET = bytes(2 * _DELAY)

Event = namedtuple("Event", ("time", "word", "score"))
Event.__doc__ = (
    "A word that was heard: seconds from the start of the stream to its middle, the word, its score (0 to 1)."
)


class Spotter:
    """Finds the words of this model in one stream of 16-bit samples at 16,000 a second, one channel.

    threshold: of every word, above 0 and up to 1; or of some words, by word; the others keep what the model was tuned
    to. A stream is heard as if quiet was before it, so that a word at its very beginning is found too. Spotters share
    nothing: have one a stream, and use each from one thread at a time. While it computes, other threads run.
    """

    def __init__(self, threshold: float | Mapping[str, float] | None = None) -> None:
        self._state = ctypes.create_string_buffer(_library.edgekws_spotter_size() + 8)
        self._at = (ctypes.addressof(self._state) + 7) // 8 * 8
        for word, tuned in enumerate(_TUNED):
            _library.edgekws_spotter_set_threshold(self._at, word, tuned)
        if threshold is not None:
            self._choose(threshold if hasattr(threshold, "items") else dict.fromkeys(WORDS, threshold))
        self.reset()

    def push(self, samples) -> list[Event]:
        """The words that these samples complete, in order.

        samples: bytes of 16-bit samples in the machine's order, or anything that gives its memory as 16-bit integers:
        array("h"), NumPy's int16, a memoryview. Raises TypeError or ValueError for another kind.
        """
        content = samples if isinstance(samples, bytes) else _bytes(samples)
        if len(content) % 2:
            raise ValueError(f"expected whole samples of 16 bits, got {len(content)} bytes")
        count = len(content) // 2
        found = (_Heard * ((count + 160) // HOP + 2))()
        events = _library.edgekws_spotter_push(self._at, content, count, found)
        return [
            Event(max(heard.end - 2 * _DELAY, 0) / SAMPLE_RATE, _LABELS[heard.word], heard.score)
            for heard in found[:events]
        ]

    def finish(self) -> list[Event]:
        """The words at the very end of the stream, as if quiet came after it; then another stream begins."""
        events = self.push(_QUIET)
        self.reset()
        return events

    def reset(self) -> None:
        """Forget what was heard: another stream begins."""
        _library.edgekws_spotter_reset(self._at)
        self.push(_QUIET)

    def selftest(self) -> list[str]:
        """A line for each check that this machine computes what it should; those that failed begin with FAIL."""
        lines: list[str] = []

        def say(check: bytes, where: bytes, passed: bool) -> None:
            text = f"{check.decode()} {where.decode()}".strip()
            lines.append(f"{'ok' if passed else 'FAIL'}  {text}")

        failures = _library.edgekws_spotter_selftest(self._at, _SAY(say))
        self.reset()
        return [*lines, f"self-test {'FAILED' if failures else 'PASSED'}"]

    def _choose(self, thresholds: Mapping[str, float]) -> None:
        for word, value in thresholds.items():
            if word not in WORDS:
                raise ValueError(f"{word!r} is no word of this model, which has {', '.join(WORDS)}")
            if not 0 < value <= 1:
                raise ValueError(f"a threshold is above 0 and up to 1, got {value:g}")
            chosen = min(round(256 * value), _NEVER - 1)
            _library.edgekws_spotter_set_threshold(self._at, _LABELS.index(word), chosen)


def _bytes(samples) -> bytes:
    """The memory of 16-bit samples."""
    try:
        view = memoryview(samples)
    except TypeError:
        raise TypeError(f"expected bytes or 16-bit samples, got {type(samples).__name__}") from None
    if view.format not in ("B", "b", "c", "h", "<h", "=h", "@h") or view.ndim != 1:
        raise TypeError(f"expected 16-bit samples of one channel, got format {view.format} of {view.ndim} dimensions")
    return view.tobytes()
