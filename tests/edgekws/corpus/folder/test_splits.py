"""The split of every recording: no word without recordings in a split, no speaker and no copy in two."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekws.corpus.clips import SPLITS, Selection
from edgekws.corpus.folder import splits
from edgekws.corpus.folder.find import Found


def of(word: str, speaker: str, take: object, named: bool = True) -> Found:
    name = f"{word}/{speaker}_nohash_{take}.wav" if named else f"{word}/{speaker}{take}.wav"
    return Found(name, word, speaker if named else "", 1, 1)


def where(found, *, copies=(), **settings):
    split = splits.by_rule(found, Selection(**settings), copies)
    return split and dict(zip((file.name for file in found), split, strict=True))


def every_word_is_everywhere(found, split) -> bool:
    return {(file.word, split[file.name]) for file in found} == {(f.word, name) for f in found for name in SPLITS}


@pytest.mark.parametrize("speakers", range(3, 12))
def test_few_speakers_who_say_all_words_are_spread(speakers):
    found = [of(word, f"person {s}", t) for word in ("yes", "no") for s in range(speakers) for t in range(5)]
    split = where(found)
    assert every_word_is_everywhere(found, split)
    assert all(len({split[f.name] for f in found if f.speaker == s}) == 1 for s in {f.speaker for f in found})


def test_130_voices_in_six_words_are_spread():
    words = ("one", "two", "three", "four", "five", "six")
    found = [of(words[voice % 6], f"voice {voice}", 0) for voice in range(130)]
    split = where(found)
    assert every_word_is_everywhere(found, split)
    assert list(split.values()).count("training") > 90


@given(st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=9, max_size=40), st.integers(0, 100))
def test_a_spread_is_found_where_each_word_has_a_few_speakers_of_its_own(said, salt):
    said = said + [{word} for word in "abc" for _ in range(3)]
    found = [of(word, f"{salt} {i}", 0) for i, words in enumerate(said) for word in words]
    split = where(found)
    assert every_word_is_everywhere(found, split)
    assert split == where(found)
    by_speaker = defaultdict(set)
    for file in found:
        by_speaker[file.speaker].add(split[file.name])
    assert all(len(own) == 1 for own in by_speaker.values())


def test_the_rule_alone_decides_where_it_leaves_nothing_empty():
    found = [of("yes", f"{i:08x}", 0) for i in range(300)]
    assert where(found) == {f.name: splits.speaker_split(f.speaker, 10, 10) for f in found}


@pytest.mark.parametrize("speakers", [1, 2])
def test_one_or_two_people_are_split_by_take(speakers):
    found = [of(word, f"anna {s}", t) for word in ("yes", "no") for s in range(speakers) for t in range(24)]
    assert every_word_is_everywhere(found, where(found))


def test_recordings_without_speakers_are_split_by_take():
    found = [of(word, "take", t, named=False) for word in ("yes", "no") for t in range(6)]
    assert every_word_is_everywhere(found, where(found))


def test_a_word_of_one_speaker_among_many_needs_split_by_take():
    found = [of("yes", f"p{s}", t) for s in range(20) for t in range(2)] + [of("no", "p1", t) for t in range(9)]
    assert where(found) is None
    assert every_word_is_everywhere(found, where(found, split_by="take"))


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8), st.booleans())
def test_copies_stay_together(pairs, named):
    found = [of("yes", f"person {t}" if named else "take", t, named) for t in range(12)]
    copies = [(found[a].name, found[b].name) for a, b in pairs if a != b]
    split = where(found, copies=copies)
    if split is not None:
        assert every_word_is_everywhere(found, split)
        assert all(split[a] == split[b] for a, b in copies)


def test_by_lists_a_copy_is_left_out_of_the_earlier_split():
    found = [of("yes", "a", t) for t in range(4)]
    names = [file.name for file in found]
    listed = {names[2]: "validation", names[3]: "testing"}
    assert splits.by_lists(found, listed, []) == ["training", "training", "validation", "testing"]
    assert splits.by_lists(found, listed, [(names[0], names[3])]) == ["", "training", "validation", "testing"]
    assert splits.by_lists(found, listed, [(names[2], names[3]), (names[0], names[2])]) == [
        "",
        "training",
        "",
        "testing",
    ]
