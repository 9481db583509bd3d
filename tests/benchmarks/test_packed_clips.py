"""The packed recordings: every clip comes back in its place, nearly as it was."""

import numpy as np
import pytest
import tone_corpus
from benchmarks import packed_clips

from edgekws.corpus.sources import load
from edgekws.errors import UserError


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    data = tone_corpus.write(folder / "tones", clips=30)
    return load(str(data), tone_corpus.WORDS, seed=1, validation_percent=25, testing_percent=25, cache=folder)


def test_packed_clips_come_back(clips, tmp_path):
    size = packed_clips.pack(clips, tmp_path / "clips.zip")
    again = packed_clips.unpack(tmp_path / "clips.zip")
    assert size == (tmp_path / "clips.zip").stat().st_size < clips.samples.nbytes / 4
    assert (again.words, again.clips) == (clips.words, clips.clips)
    assert [len(noise.samples) for noise in again.noise] == [len(noise.samples) for noise in clips.noise]
    for name in ("training", "validation", "testing"):
        before, after = clips.split(name), again.split(name)
        np.testing.assert_array_equal(before.labels, after.labels)
        for ours, theirs in zip(before.samples, after.samples, strict=True):
            assert np.corrcoef(ours, theirs)[0, 1] > 0.9


@pytest.mark.slow
def test_ten_minutes_of_noise_are_coded_and_come_back_as_long():
    samples = np.random.default_rng(1).integers(-3000, 3000, 600 * 16_000).astype(np.int16)
    assert len(packed_clips._decoded(packed_clips._coded(samples))) == len(samples)


def test_more_than_fits_is_told(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(packed_clips, "MOST_BYTES", 1_000)
    with pytest.raises(UserError, match="take fewer"):
        packed_clips.pack(clips, tmp_path / "clips.zip")
    assert not (tmp_path / "clips.zip").exists()
