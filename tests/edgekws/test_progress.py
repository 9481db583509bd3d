import contextlib
import os
import pty
import sys

import pytest

from edgekws import progress
from edgekws.progress import progress_bar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when the test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_in_a_log_a_line_appears_each_half_minute(capsys, clock):
    with progress_bar("testing", 100) as bar:
        for _ in range(100):
            clock[0] += 0.7
            bar.advance()
    told = capsys.readouterr().err
    assert told == "testing: 43 of 100 clips, about 40 s left\ntesting: 86 of 100 clips, about 10 s left\n"


def test_in_a_log_a_short_step_leaves_no_line(capsys, clock):
    with progress_bar("testing", 10) as bar:
        for _ in range(10):
            clock[0] += 2.9
            bar.advance()
    assert capsys.readouterr().err == ""


def test_in_a_log_every_epoch_is_one_line(capsys, clock):
    with progress_bar("float", 30, 10, "step", log_seconds=float("inf")) as bar:
        for epoch in (2, 3):
            bar.name(f"float {epoch}/3")
            for _ in range(10):
                clock[0] += 60
                bar.advance()
            bar.result("validation 0.9")
    assert capsys.readouterr().err == "float 2/3: validation 0.9, about 10 min left\nfloat 3/3: validation 0.9\n"


def test_bytes_of_a_download_that_goes_on_are_megabytes(capsys, clock):
    with progress_bar("archive", None, unit="B") as bar:
        bar.restart(5_000_000, None)
        clock[0] += 31
        bar.advance(1_000_000)
        bar.restart(6_000_000, 20_000_000)
        clock[0] += 100
        bar.advance(7_000_000)
    assert capsys.readouterr().err == "archive: 6.0 MB\narchive: 13.0 of 20.0 MB, about 2 min left\n"


def test_without_progress_nothing_is_written(capsys, clock):
    with progress_bar("testing", 10, enabled=False) as bar:
        clock[0] += 100
        bar.advance()
        bar.result("a result")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_one_line_moves_and_tells_the_time_left(monkeypatch):
    ours, terminals = pty.openpty()
    with open(terminals, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar("float", 4, unit="step") as bar:
            bar.name("float 1/2")
            bar.advance(2)
            bar.result("validation 0.9")
            bar.advance(2)
    shown = ""
    with contextlib.suppress(OSError):  # as the terminal is closed
        while part := os.read(ours, 1 << 16):
            shown += part.decode()
    os.close(ours)
    assert "\r" in shown
    assert "float 1/2: 100%" in shown
    assert "<00:00" in shown
    assert "validation 0.9" in shown


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (11_100, "3 h 5 min")]
)
def test_durations_in_words(seconds, words):
    assert progress.duration(seconds) == words
