import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.corpus import sources
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.errors import UserError

WORDS = ("yes", "no")


def _load(folder, cache, **settings):
    return sources.load(str(folder), WORDS, Selection(**settings), cache=cache, progress=False)


def _prepared(cache):
    return sorted(p.name for p in (cache / "corpora").iterdir())


def test_corpora_that_were_not_opened_for_a_month_go_when_another_is_made(speech, tmp_path):
    cache = tmp_path / "cache"
    _load(speech, cache)
    (first,) = _prepared(cache)
    _load(speech, cache, clips_per_word=5)
    (second,) = set(_prepared(cache)) - {first}
    month_ago = time.time() - 31 * 86_400
    for name in (first, second):
        os.utime(cache / "corpora" / name / "corpus.json", (month_ago, month_ago))
    _load(speech, cache)  # opened, so still in use
    assert len(_prepared(cache)) == 2
    _load(speech, cache, clips_per_word=6)
    assert first in _prepared(cache)
    assert second not in _prepared(cache)
    assert len(_prepared(cache)) == 2


def test_splits_are_views_of_the_memory_map_with_labels(speech, tmp_path):
    loaded = _load(speech, tmp_path / "cache")
    assert loaded.words == WORDS
    assert len(loaded.clips) == len(loaded.samples) == 80
    assert loaded.preparation == Preparation(clips=80)
    seen = 0
    for name in SPLITS:
        split = loaded.split(name)
        assert np.shares_memory(split.samples, loaded.samples)
        assert not split.samples.flags.writeable
        assert split.samples.dtype == np.int16
        assert split.labels.dtype == np.int64
        assert [WORDS[label] for label in split.labels] == [clip.word for clip in split.clips]
        assert {clip.split for clip in split.clips} == {name}
        for clip, samples in zip(split.clips, split.samples, strict=True):
            np.testing.assert_array_equal(samples, audio.read_clip(speech / clip.name)[0])
        assert loaded.counts()[name] == {word: sum(c.word == word for c in split.clips) for word in WORDS}
        seen += len(split.clips)
    assert seen == 80


def test_the_second_load_reads_no_recording(speech, tmp_path, monkeypatch):
    first = _load(speech, tmp_path / "cache")
    monkeypatch.setattr(audio, "read", lambda path, **_: pytest.fail(f"{path} was read again"))
    second = _load(speech, tmp_path / "cache")
    assert second.fingerprint == first.fingerprint
    assert second.clips == first.clips
    np.testing.assert_array_equal(second.samples, first.samples)


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(speech, tmp_path):
    first = _load(speech, tmp_path / "cache")
    moved = speech.rename(tmp_path / "elsewhere")
    assert _load(moved, tmp_path / "other cache").fingerprint == first.fingerprint
    for percent in (15, 20):
        assert _load(moved, tmp_path / "cache", validation_percent=percent).fingerprint != first.fingerprint


def test_a_changed_recording_is_prepared_again(speech, tmp_path, recordings):
    first = _load(speech, tmp_path / "cache")
    name = first.clips[0].name
    recordings(name, samples=8_000)
    second = _load(speech, tmp_path / "cache")
    assert second.fingerprint != first.fingerprint
    assert second.preparation == Preparation(clips=80, padded=1)
    assert not second.samples[0][:4_000].any()


@pytest.mark.parametrize("name", ["samples.npy", "corpus.json", "noise.npy"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty", "a bit", "the header"])
def test_a_damaged_cache_is_made_again(speech, tmp_path, name, damage):
    cache = tmp_path / "cache"
    first = _load(speech, cache)
    want = first.samples.copy()
    del first
    (key,) = _prepared(cache)
    path = cache / "corpora" / key / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        bit = bytearray(content)
        bit[12 if damage == "the header" else len(content) * 2 // 3] ^= 1
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b""}.get(damage, bytes(bit)))
    np.testing.assert_array_equal(_load(speech, cache).samples, want)
    assert path.read_bytes() == content


def test_a_full_disk_leaves_nothing(speech, tmp_path, monkeypatch):
    def fsync(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match=r"disk is full.*corpora"):
        _load(speech, tmp_path / "cache")
    assert _prepared(tmp_path / "cache") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_while_preparing_the_next_call_starts_anew(speech, tmp_path):
    cache = tmp_path / "cache"
    program = (
        "import os, signal\n"
        "from edgekws import audio\n"
        "from edgekws.corpus import sources\n"
        "read = audio.read\n"
        "audio.read = lambda p, **k: os.kill(os.getpid(), signal.SIGKILL) if 'speaker30' in str(p) else read(p, **k)\n"
        f"sources.load({str(speech)!r}, {WORDS!r}, progress=False)"
    )
    environment = {**os.environ, "EDGEKWS_CACHE": str(cache)}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == -signal.SIGKILL
    assert all(name.startswith(".") for name in _prepared(cache))
    assert len(_load(speech, cache).clips) == 80


def test_two_processes_may_prepare_the_same_corpus(speech, tmp_path):
    prepared = f"sources.load({str(speech)!r}, {WORDS!r}, progress=False)"
    program = f"from edgekws.corpus import sources; print({prepared}.fingerprint)"
    environment = {**os.environ, "EDGEKWS_CACHE": str(tmp_path / "cache")}
    both = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in both]
    assert outputs[0] == outputs[1] != b""
    assert len(_prepared(tmp_path / "cache")) == 1


@pytest.mark.parametrize(
    ("settings", "words", "message"),
    [
        ({"validation_percent": 0}, WORDS, "both above 0"),
        ({"validation_percent": 60, "testing_percent": 40}, WORDS, "less than 100 together"),
        ({"clips_per_word": -1}, WORDS, "clips_per_word is -1"),
        ({}, "yes", "list of two or more different words"),
        ({}, ("yes", "yes"), "list of two or more different words"),
        ({}, ("yes", "../no"), "cannot be a word"),
        ({}, ("yes", "_background_noise_"), "cannot be a word"),
        ({}, ("yes", ""), "cannot be a word"),
    ],
)
def test_settings_that_make_no_sense(speech, tmp_path, settings, words, message):
    with pytest.raises(UserError, match=message):
        sources.load(str(speech), words, Selection(**settings), cache=tmp_path / "cache", progress=False)
    assert not (tmp_path / "cache").exists()


def test_a_source_that_is_not_there_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"did you mean speech_commands_v0\.02"):
        sources.load("speech_comands_v0.02", WORDS, cache=tmp_path)
    with pytest.raises(UserError, match=r"expected a folder of recordings, or one of espeak"):
        sources.load(str(tmp_path / "nowhere"), WORDS, cache=tmp_path)
