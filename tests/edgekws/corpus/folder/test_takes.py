"""What one recording gives: its word in the middle, at places drawn, and parts of it."""

import numpy as np
import pytest
import soundfile

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE, Preparation
from edgekws.corpus import sources
from edgekws.corpus.clips import UNKNOWN, Clip, Rejection, Selection, speakers
from edgekws.corpus.folder import takes
from edgekws.errors import UserError

WINDOW = 24_000
BACKGROUND = 20.0


def recording(start=30_000, length=12_800, samples=60_000, seed=0):
    """A word of a level that rises, so that each place in it is known by its level, over quiet noise."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, BACKGROUND, samples)
    sound[start : start + length] += np.linspace(2_000, 8_000, length) * rng.choice([-1, 1], length)
    return np.rint(sound).astype(np.int16)


def take(cuts=0, parts=0, name="word/a_nohash_0.wav"):
    return takes.Take(Clip(name, "word", "a", "training"), cuts, parts)


def cut(samples, cuts=0, parts=0, length=WINDOW, seed=0):
    return [clip for clip, _ in take(cuts, parts).cut(samples, Preparation(1), length, seed)]


def loud(clip):
    """Where the word is in a clip: its first and last loud sample."""
    found = np.flatnonzero(np.abs(clip.astype(int)) > 1_000)
    return int(found[0]), int(found[-1])


def test_without_cuts_and_parts_a_recording_is_one_clip_with_its_word_in_the_middle():
    (clip,) = cut(recording())
    first, last = loud(clip)
    assert abs((first + last) / 2 - WINDOW / 2) < 800


@pytest.mark.parametrize("start", [0, 30_000, 47_200])
def test_cuts_hold_the_whole_word_anywhere_in_the_window(start):
    found = cut(recording(start), cuts=40)[1:]
    places = [loud(clip) for clip in found]
    assert all(last - first == 12_799 for first, last in places)
    starts = [first for first, _ in places]
    assert min(starts) < 2_000
    assert max(starts) > WINDOW - 12_800 - 2_000
    assert all(len(clip) == WINDOW for clip in found)


def test_parts_hold_at_most_half_of_the_word_its_beginning_and_its_end_in_turn():
    found = cut(recording(), parts=20)[1:]
    lengths = [np.subtract(*loud(clip)[::-1]) for clip in found]
    assert max(lengths) <= 12_800 / 2 + 800
    ends = [np.abs(clip.astype(int)).max() > 5_500 for clip in found]
    assert ends == [False, True] * 10


def test_what_lies_outside_a_recording_is_as_loud_as_its_background_and_no_digital_silence():
    clip = takes.at(recording(0, samples=12_800), -10_000, WINDOW, BACKGROUND, np.random.default_rng(1))
    for part in (clip[:10_000], clip[22_800:]):
        assert BACKGROUND / 1.2 < part.std() < 1.2 * BACKGROUND
    for clip in cut(recording(1_000, samples=14_000), cuts=5)[1:]:
        assert not (clip[:200] == 0).all()
        assert np.abs(clip[:50]).max() > 0


def test_a_word_longer_than_the_window_is_cut_within_it():
    found = cut(recording(10_000, 40_000), cuts=10, parts=4)
    assert all(np.abs(clip.astype(int)).max() > 1_000 for clip in found)


def test_the_same_recording_and_seed_give_the_same_cuts_and_others_others():
    a, b, c = cut(recording(), 3, 2), cut(recording(), 3, 2), cut(recording(), 3, 2, seed=1)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_silence_gives_clips_too():
    assert len(cut(np.zeros(30_000, np.int16), 2, 2)) == 5


def test_cuts_are_for_training_and_parts_are_no_word(tmp_path):
    for word in ("hey you", "no"):
        for number in range(12):
            place = tmp_path / "words" / word / f"speaker{number}_nohash_0.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(place, recording(seed=number + 100 * (word == "no")), SAMPLE_RATE, subtype="PCM_16")

    def load(words, **settings):
        return sources.load(
            str(tmp_path / "words"), words, Selection(length=WINDOW, **settings), cache=tmp_path / "cache",
            rejection=Rejection(parts=True), progress=False,
        )  # fmt: skip

    found = load(["hey you"], cuts=4, parts=2)
    assert found.words == ("hey you", UNKNOWN)
    counts = found.counts()
    recordings = {split: sum(1 for c in found.clips if c.split == split and c.name[0] != "_") for split in counts}
    assert counts["training"] == {"hey you": 5 * recordings["training"], UNKNOWN: 2 * recordings["training"]}
    for split in ("validation", "testing"):
        assert counts[split] == {"hey you": recordings[split], UNKNOWN: recordings[split]}
    assert found.samples.shape[1] == WINDOW
    assert (speakers(found).nameless, speakers(found).shared) == (0, 0)
    assert load(["hey you"], cuts=4, parts=2).fingerprint == found.fingerprint
    assert load(["hey you"], cuts=3, parts=2).fingerprint != found.fingerprint
    again = load(["hey you"], cuts=4, parts=2, listed={c.name: c.split for c in found.clips if c.name[0] != "_"})
    assert again.fingerprint == found.fingerprint


def test_one_word_alone_needs_a_class_of_what_is_none(recordings, tmp_path):
    path = recordings(*(f"yes/{letter}_nohash_0.wav" for letter in "abcdef"))
    with pytest.raises(UserError, match="two or more different words"):
        sources.load(str(path), ["yes"], cache=tmp_path, progress=False)


def test_the_selection_says_how_many():
    clips = [Clip(f"w/{split}.wav", "w", split, split) for split in ("training", "validation")]
    training, validation = takes.of(clips, Selection(cuts=3, parts=2))
    assert (training.cuts, training.parts, validation.cuts, validation.parts) == (3, 2, 0, 1)
    assert Selection().length == CLIP_SAMPLES
