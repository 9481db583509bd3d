"""The packed recordings: every clip comes back in its place, with the same codes."""

import numpy as np
import pytest
import tone_corpus
from benchmarks import packed_clips

from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.errors import UserError
from edgekws.model import coding, front_end


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    data = tone_corpus.write(folder / "tones", clips=30)
    return load(str(data), tone_corpus.WORDS, Selection(1, validation_percent=25, testing_percent=25), cache=folder)


def test_all_parts_give_the_corpus_in_its_order(clips, tmp_path):
    sizes = packed_clips.pack(clips, tmp_path, 3)
    files = [tmp_path / f"part-{number}.zip" for number in (1, 2, 3)]
    assert sizes == [file.stat().st_size for file in files]
    again = packed_clips.unpack(files[::-1])
    assert (again.words, again.clips) == (clips.words, clips.clips)
    assert [len(noise.samples) for noise in again.noise] == [len(noise.samples) for noise in clips.noise]
    codes = coding.encode(front_end.process(np.asarray(clips.samples), level_control=False), "mu_law")
    np.testing.assert_array_equal(coding.encode(again.samples, "mu_law"), codes)
    for name in ("training", "validation", "testing"):
        np.testing.assert_array_equal(clips.split(name).labels, again.split(name).labels)


def test_the_first_part_alone_is_a_share_of_every_word(clips, tmp_path):
    packed_clips.pack(clips, tmp_path, 3)
    share = packed_clips.unpack([tmp_path / "part-1.zip"])
    assert share.clips == clips.clips[::3]
    assert len(share.noise) == len(clips.noise)
    assert set(share.split("training").labels) == set(clips.split("training").labels)


def test_every_code_comes_back():
    codes = np.unique(coding.table("mu_law")).astype(np.int16)
    np.testing.assert_array_equal(coding.encode(packed_clips._samples()[codes + 128], "mu_law"), codes)


def test_more_than_fits_is_told(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(packed_clips, "MOST_BYTES", 1_000)
    with pytest.raises(UserError, match="take more parts"):
        packed_clips.pack(clips, tmp_path / "clips", 2)
    assert not list((tmp_path / "clips").glob("*.zip"))
