"""Tables of what is said: read, held against words, and used to cut the words out of running speech."""

import os

import numpy as np
import pytest
import soundfile

from edgekws.corpus import other_sound, transcripts
from edgekws.corpus.clips import Selection
from edgekws.corpus.transcripts import Transcript
from edgekws.errors import UserError
from edgekws.train import feed


def table(path, *rows, heading="file,transcript,words (word:start-end)"):
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
    return path


def test_table_is_read_with_times(tmp_path):
    found = transcripts.read(table(tmp_path / "t.csv", "a.wav,the war,the:0.14-0.29 war:0.29-0.53", "b.wav,well,"))
    assert found["a.wav"] == Transcript("the war", (("the", 0.14, 0.29), ("war", 0.29, 0.53)))
    assert found["b.wav"] == Transcript("well")


@pytest.mark.parametrize(
    ("rows", "heading", "match"),
    [
        ([], "name,text", "needs the columns file and transcript"),
        (["a.wav"], "file,transcript", r"row 2: expected 2 columns, got 1"),
        (["a.wav,the,the-0.1"], "file,transcript,words", "row 2: expected word:start-end"),
        (["a.wav,the,the:0.9-0.1"], "file,transcript,words", "0 <= start <= end"),
    ],
)
def test_damaged_table_is_one_line(tmp_path, rows, heading, match):
    with pytest.raises(UserError, match=match):
        transcripts.read(table(tmp_path / "t.csv", *rows, heading=heading))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("file,transcript\na.wav,na\xefve\n".encode("latin-1"), "not UTF-8"),
        (b"file,transcript\na.wav,\0" + 200_000 * b"x", "damaged table of transcripts"),
    ],
)
def test_table_of_other_bytes_is_one_line(tmp_path, content, match):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=match):
        transcripts.read(tmp_path / "t.csv")


def test_table_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(UserError, match="it is a pipe"):
        transcripts.read(tmp_path / "t.csv")


def test_spans_leave_the_words_out():
    one = Transcript("go to sea", (("go", 1.0, 1.5), ("to", 1.5, 1.7), ("sea", 2.0, 2.5)))
    assert one.spans(4.0, {"go"}) == [(0.0, pytest.approx(0.95)), (pytest.approx(1.55), 4.0)]
    assert one.spans(4.0, {"stop"}) == [(0.0, 4.0)]


def test_a_word_without_times_is_cut_out_where_its_letters_put_it():
    text = Transcript("some people never go to sea")  # go: from 18 to 21 of 28 letters and spaces
    assert text.spans(28.0, {"go"}) == [(0.0, pytest.approx(17.0)), (pytest.approx(22.0), 28.0)]
    assert text.spans(2.8, {"go"}) == [(0.0, pytest.approx(0.8))]
    assert Transcript("go away").spans(1.5, {"go"}) == []
    assert Transcript('{"size": "large", "shots": "two"}').spans(9.0, {"two"}) == [], "slots are no text"


def test_numeral_is_said_as_its_digits():
    assert {"one", "three", "five"} <= Transcript("1315 Morreene Road").words
    assert Transcript("1315 Morreene Road").spans(4.0, {"five"}) == []
    assert Transcript("99 Willow Lane").spans(4.0, {"five"}) == [(0.0, 4.0)]


def test_what_sounds_like_a_word_is_taken_for_it():
    taken = transcripts.alike(["two", "no"], [Transcript("I know too much"), Transcript("Noah sees to it")])
    assert {"two", "no", "know", "too"} <= taken
    assert not {"much", "sees", "noah"} & taken


def test_a_phrase_is_cut_out_where_its_words_are_in_a_row():
    texts = [
        Transcript("hay edge of hey", (("hay", 1.0, 1.2), ("edge", 1.2, 1.5), ("of", 1.6, 1.7), ("hey", 3.0, 3.2)))
    ]
    taken = transcripts.alike(["hey edge"], texts)
    assert taken == {"hey edge", "hay edge"}
    assert texts[0].spans(4.0, taken) == [(0.0, pytest.approx(0.95)), (pytest.approx(1.55), 4.0)]
    assert Transcript("the edge of hey").spans(4.0, taken) == [(0.0, 4.0)]


def test_table_beside_a_folder_cuts_its_recordings(tmp_path):
    folder = tmp_path / "talk"
    folder.mkdir()
    sound = np.arange(16_000 * 5).astype(np.int16)
    names = [f"s{i}_nohash_0.wav" for i in range(60)]
    for i, name in enumerate(names):
        soundfile.write(folder / name, np.append(sound, np.int16(i)), 16_000)  # no copies of each other
    rows = [f"{name},go on then,go:2.0-2.3 on:2.3-2.6" for name in names[:59]]
    table(tmp_path / "talk.csv", *rows, f"{names[59]},go 4,")
    found = other_sound.find([str(folder)], Selection(), {}, ["go", "stop"])
    assert len(found) == 59  # the last has the word, nobody knows where: how long a numeral takes is not known
    assert found[0].starts == (0, 37_600, 53_600)
    seconds = [samples for samples, _ in other_sound.seconds(found[0])]
    assert [int(one[0]) for one in seconds] == [int(sound[start]) for start in found[0].starts]
    assert all(
        (one == sound[start : start + 16_000]).all() for one, start in zip(seconds, found[0].starts, strict=True)
    )
    assert other_sound.continued(list(found[0].clips)).tolist() == [False, True, False]


def test_clip_that_goes_on_is_taken_from_any_place():
    samples = np.arange(40, dtype=np.int16).reshape(4, 10)
    continued = np.array([True, False, True, False])
    rng = np.random.default_rng(0)
    seen = {tuple(feed.moved_on(samples, np.arange(4), continued, rng)[:, 0].tolist()) for _ in range(200)}
    assert {first for first, *_ in seen} == set(range(10))
    assert {(one[1], one[3]) for one in seen} == {(10, 30)}


@pytest.mark.parametrize("beside", ["talk.csv", "elsewhere/stored.csv"])
def test_a_linked_folder_keeps_its_table(tmp_path, beside):
    (tmp_path / "elsewhere" / "stored").mkdir(parents=True)
    (tmp_path / "talk").symlink_to(tmp_path / "elsewhere" / "stored", target_is_directory=True)
    table(tmp_path / beside, "a.wav,go on,")
    assert transcripts.of_folder(tmp_path / "talk")["a.wav"].text == "go on"
