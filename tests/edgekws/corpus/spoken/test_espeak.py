import sys
import time

import numpy as np
import pytest

from edgekws.corpus.spoken import espeak
from edgekws.errors import UserError

WORDS = ("seven", "cat", "house")


def test_the_same_words_are_spoken_alike_another_time():
    """Voices that breathe draw noise, which eSpeak seeds by the time in seconds."""
    breathing = [espeak.Utterance(text, f"en-us+{voice}", 150, 50, 50) for text in WORDS for voice in ("f2", "victor")]
    before = list(espeak.speak(breathing))
    time.sleep(1.1)
    assert all(map(np.array_equal, before, espeak.speak(breathing)))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.abort()", r"eSpeak NG crashed \(status -6\) while saying 'cat' as en\+m1; .*--data DIR"),
        ("print('no library here', file=__import__('sys').stderr); exit(3)", "cannot speak .no library here"),
        ("print('abc', end='')", r"crashed \(status 0\)"),
    ],
)
def test_a_worker_that_fails_is_one_clear_error(tmp_path, monkeypatch, program, message):
    (tmp_path / "worker.py").write_text(program)
    monkeypatch.setattr(espeak, "_WORKER", tmp_path / "worker.py")
    with pytest.raises(UserError, match=message):
        list(espeak.speak([espeak.Utterance("cat", "en+m1", 170, 50, 50)]))


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [("cat", "en-gb+m1", "it has no voice 'en-gb"), ("", "en+m1", "says nothing for ''")],
)
def test_what_espeak_cannot_say(text, voice, message):
    with pytest.raises(UserError, match=message):
        list(espeak.speak([espeak.Utterance(text, voice, 170, 50, 50)]))


def test_a_library_that_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "espeakng_loader.py").write_text("def get_library_path(): return '/nowhere/libespeak-ng.so'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(UserError, match=r"library cannot be loaded .*pip install --force-reinstall espeakng-loader"):
        list(espeak.speak([espeak.Utterance("cat", "en+m1", 170, 50, 50)]))


def test_rate_and_pitch_are_heard():
    slow, fast = espeak.speak([espeak.Utterance("seven", "en+m1", rate, 50, 50) for rate in (110, 220)])
    assert len(slow) > 1.3 * len(fast)
    low, high = espeak.speak([espeak.Utterance("seven", "en+m1", 170, pitch, 0) for pitch in (20, 80)])
    assert _pitch(high) > 1.3 * _pitch(low)


def test_traits_are_heard_in_their_own_utterance_alone():
    plain = espeak.Utterance("seven", "en-us+m3", 150, 50, 0)
    low, high = (espeak.Utterance("seven", "en-us+m3", 150, 50, 0, f"pitch {hertz} {hertz}") for hertz in (90, 180))
    first, deep, bright, last = map(_pitch, espeak.speak([plain, low, high, plain]))
    assert bright == pytest.approx(2 * deep, rel=0.1)
    assert last == pytest.approx(first, rel=0.02)


def _pitch(samples: np.ndarray) -> float:
    """Fundamental frequency in Hz of the loudest 64 ms, by autocorrelation."""
    middle = int(np.convolve(samples**2, np.ones(1024), "valid").argmax())
    frame = samples[middle : middle + 1024]
    correlation = np.correlate(frame, frame, "full")[1023:]
    return 16_000 / (40 + int(correlation[40:320].argmax()))


@pytest.mark.skipif(sys.platform == "win32", reason="looks for processes by /proc")
def test_no_worker_is_left_when_the_caller_stops(monkeypatch):
    workers = []
    popen = espeak.subprocess.Popen
    monkeypatch.setattr(espeak.subprocess, "Popen", lambda *a, **k: workers.append(popen(*a, **k)) or workers[-1])
    words = espeak.speak([espeak.Utterance("seven", "en+m1", 170, 50, 50)] * 1000)
    next(words)
    words.close()
    assert workers[0].poll() is not None
