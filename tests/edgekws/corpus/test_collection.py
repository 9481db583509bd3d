"""The recordings behind a model, collected again from the list that ships beside its card."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws import cli
from edgekws.corpus import collection, other_sound, sources
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.errors import UserError

PRETRAINED = Path(__file__).resolve().parents[3] / "firmware_assets" / "pretrained"
ROWS = [
    (
        "books",
        "someone/books",
        "1a",
        "a/84-1-0000.flac",
        "CC BY 4.0",
        "84",
        "training",
        "speech",
        "0.50-2.00 3.00-4.00",
    ),
    ("books", "someone/books", "1a", "a/85-1-0000.flac", "CC BY 4.0", "85", "validation", "speech", "0.00-4.00"),
    ("books", "someone/books", "1a", "a/86-1-0000.flac", "CC BY 4.0", "86", "testing", "speech", "0.00-1.00"),
    ("orders", "other/orders", "2b", "x.wav", "MIT", "", "training", "mined", "1.00-2.00"),
]


@pytest.fixture
def listed(tmp_path):
    """A list, and both its sources as folders; each recording counts its samples."""
    for name in ("books/a/84-1-0000.flac", "books/a/85-1-0000.flac", "books/a/86-1-0000.flac", "orders/x.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, (np.arange(64_000) % 30_000).astype(np.int16), 16_000)
    return write(tmp_path / "list.csv", ROWS)


def write(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([collection.COLUMNS, *rows])
    return path


def call(listed, *sources):
    given = [part for source in sources for part in ("--from", source)]
    return cli.main(["collect", str(listed), *given, "--out", str(listed.parent / "out")])


def test_the_seconds_that_served_are_there_and_in_their_splits(listed, capsys):
    beside = listed.parent
    assert call(listed, f"someone/books={beside / 'books'}", f"other/orders={beside / 'orders'}") == 0
    assert "5 recordings cut from 4" in capsys.readouterr().out
    out = beside / "out"
    sound, rate = soundfile.read(out / "speech" / "84_nohash_1.wav", dtype="int16")
    assert (rate, len(sound), sound[0]) == (16_000, 16_000, 48_000 % 30_000)
    found = other_sound.find([str(out / "speech")], Selection(), {})
    assert {(one.speaker, one.split) for one in found} == {("84", "training"), ("85", "validation"), ("86", "testing")}
    (mined,) = other_sound.find([str(out / "mined")], Selection(), {})
    assert mined.split == "training"


def test_recordings_of_words_make_a_folder_that_a_recipe_takes(listed):
    said = [(84, "training"), (85, "validation"), (86, "testing")]
    words = ("hey you", "alexa")
    rows = [
        (*ROWS[0][:3], f"a/{speaker}-1-0000.flac", "MIT", str(speaker), split, f"wake/{word}", f"{i}.{j}0-{i + 1}.{j}0")
        for i, (speaker, split) in enumerate(said)
        for j, word in enumerate(words)
    ]
    assert call(write(listed.parent / "words.csv", rows), f"books={listed.parent / 'books'}") == 0
    corpus = sources.load(str(listed.parent / "out" / "wake"), words, cache=listed.parent / "cache", progress=False)
    assert {(clip.name, clip.split) for clip in corpus.clips} == {
        (f"{word}/{speaker}_nohash_0.wav", split) for word in words for speaker, split in said
    }


@pytest.mark.parametrize("folder", ["../up", "a/../b", "/root", "a/b/c", ""])
def test_a_folder_of_a_list_stays_where_it_is_collected(folder, listed):
    with pytest.raises(UserError, match="expected a name such as speech or wake/alexa"):
        collection.read(write(listed, [(*ROWS[0][:7], folder, "0.0-1.0")]))


def test_a_corpus_is_searched_by_the_names_of_its_files(listed):
    moved = listed.parent / "LibriSpeech" / "dev" / "84" / "1"
    moved.mkdir(parents=True)
    (listed.parent / "books/a/84-1-0000.flac").rename(moved / "84-1-0000.flac")
    done = collection.collect(
        collection.read(listed), {"books": listed.parent / "LibriSpeech"}, listed.parent / "partly"
    )
    assert (done.found, done.files, dict(done.missing)) == (1, 2, {"someone/books": 2, "other/orders": 1})


def test_what_is_not_found_is_told_and_counts_as_a_failure(listed, capsys):
    assert call(listed, f"someone/books={listed.parent / 'books'}") == 1
    assert "not found: 1 recordings of other/orders; give its folder by --from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        (6, "both", "split is 'both'; expected training, validation or testing"),
        (7, "../up", "folder is '../up'; expected a name"),
        (8, "all", "seconds are 'all'; expected 0.00-3.60 5.20-9.00"),
        (8, "2.00-1.00", "expected each to start before it ends"),
        (8, "9.00-11.00", "ends before 9.00 s"),
    ],
)
def test_a_damaged_list_is_one_line(listed, capsys, column, value, match):
    row = [*ROWS[0]]
    row[column] = value
    assert call(write(listed, [row]), f"someone/books={listed.parent / 'books'}") == 2
    assert match in capsys.readouterr().err
    assert not (listed.parent / "out").exists()


def test_paths_that_lead_out_of_a_source_are_not_followed(listed):
    row = [*ROWS[0]]
    row[3] = "../orders/x.wav"
    done = collection.collect(
        collection.read(write(listed, [row])), {"someone/books": listed.parent / "books"}, listed.parent / "out"
    )
    assert done.found == 0


@pytest.mark.parametrize(
    ("source", "match"),
    [("books", "--from takes NAME=FOLDER"), ("films={}", "no source films; its sources are books"),
     ("books={}/none", "is not a folder")],
)  # fmt: skip
def test_a_mistake_in_a_source_is_one_line(listed, capsys, source, match):
    assert call(listed, source.format(listed.parent)) == 2
    assert match in capsys.readouterr().err


def test_every_row_of_the_list_that_ships_can_be_read():
    (ships,) = PRETRAINED.glob("small-listen-recordings.csv")
    assert {row.split for row in collection.read(ships)} == set(SPLITS)
    with pytest.raises(UserError, match="expected the columns corpus, repository"):
        collection.read(PRETRAINED / "results.csv")
