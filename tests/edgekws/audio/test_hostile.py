"""Damaged recordings of every kind: read, or told in one line; in bounded time and memory (15)."""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import tone, written

from edgekws import audio
from edgekws.errors import UserError

KINDS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"),
    ("AU", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("VOC", "PCM_16"),
]  # fmt: skip
WHOLE = {kind: written(*kind, np.stack([tone(0.5), tone(0.5)[::-1]], 1) if kind[1] in ("FLOAT", "VORBIS") else
                       tone(0.5)) for kind in KINDS}  # fmt: skip
TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
numbers = st.sampled_from(TELLING) | st.integers(0, 2**32 - 1)
places = st.integers(0, 64) | st.integers(0, 600) | st.integers(0, 30_000)
edits = st.lists(
    st.one_of(
        st.tuples(st.just("number"), places, st.sampled_from([1, 2, 4, 8]), numbers, st.booleans()),
        st.tuples(st.just("cut"), places),
        st.tuples(st.just("remove"), places, st.integers(1, 100)),
        st.tuples(st.just("insert"), places, st.binary(max_size=60)),
        st.tuples(st.just("join"), st.sampled_from(KINDS)),
    ),
    min_size=1,
    max_size=5,
)


def repr_of_start(content: bytes) -> str:
    return repr(content[:4])


def damaged(content: bytes, changes) -> bytes:
    """The recording after these changes."""
    made = bytearray(content)
    for name, *facts in changes:
        if name == "join":
            made += WHOLE[facts[0]]
            continue
        at = facts[0] % (len(made) + 1)
        if name == "number":
            size, number, big = facts[1:]
            made[at : at + size] = (number % 256**size).to_bytes(size, "big" if big else "little")
        elif name == "cut":
            del made[at:]
        elif name == "remove":
            del made[at : at + facts[1]]
        else:
            made[at:at] = facts[1]
    return bytes(made)


def what_it_tells(read, path) -> str:
    """The message of its UserError; nothing where there is none."""
    try:
        read(path)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=50, deadline=5_000)
@given(changes=edits)
def test_damaged_recordings_are_read_or_told(kind, changes):
    """800 in all; each within 5 s, and no more than 200 MB more than before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        path.write_bytes(damaged(WHOLE[kind], changes))
        for read in (audio.read, audio.length):
            told = what_it_tells(read, path)
            assert not told or told.startswith(f"{path} ")
            assert "\n" not in told
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 200e6


NOTHING = [bytes(5_000_000), b"\xff" * 5_000_000, b"OggS" * 1_250_000, b"RIFF" * 1_250_000]


@pytest.mark.parametrize("content", NOTHING, ids=repr_of_start)
@pytest.mark.parametrize("head", [b"", *(WHOLE[kind][:200] for kind in KINDS[::3])], ids=repr_of_start)
def test_megabytes_of_nothing_take_no_time(head, content, tmp_path):
    def seconds(size: int) -> float:
        (tmp_path / "a.wav").write_bytes(head + content[:size])
        started = time.process_time()
        for read in (audio.read, audio.length):
            what_it_tells(read, tmp_path / "a.wav")
        return time.process_time() - started

    whole = seconds(5_000_000)
    assert whole < 5 or whole < 10 * seconds(1_000_000)  # on a slow machine: no more than the size tells
