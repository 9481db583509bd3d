"""Talk that comes with edgekws: whole, of other people in each split, for judging such as models never learned."""

import csv
from collections import Counter

import numpy as np
import pytest
import soundfile

from edgekws import audio, zoo
from edgekws.corpus import heard, other_sound, transcripts
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.corpus.supplied import included, talk
from edgekws.errors import UserError
from edgekws.listen import sound_kinds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return talk.place(included.NAME, cache=tmp_path_factory.mktemp("cache"))


def test_every_utterance_of_the_table_is_laid_out_with_its_text(folder):
    rows = list(csv.DictReader((included.source() / included.TABLE).open(encoding="utf-8")))
    texts = transcripts.of_folder(folder)
    assert len(rows) == len(list(folder.glob("*.flac"))) == len(texts) > 1300
    for row in rows[::100]:
        place = folder / f"{row['name']}.flac"
        assert audio.length(place) == int(row["samples"])
        assert texts[place.name].text == row["transcript"]
        assert not audio.is_silent(audio.read(place)[0])
    for place in (folder, included.source()):
        assert (place / "LICENCE.txt").read_text(encoding="utf-8") == included.LICENCE + "\n"


def test_each_speaker_is_in_one_split_and_each_split_is_long_enough(folder):
    found = other_sound.find([included.NAME], Selection(), {})
    by_split = {split: {one.speaker for one in found if one.split == split} for split in SPLITS}
    assert {split: len(speakers) for split, speakers in by_split.items()} == {
        "training": 201, "validation": 23, "testing": 26,
    }  # fmt: skip
    seconds = Counter()
    for one in found:
        seconds[one.split] += one.seconds
    assert seconds["training"] > 2300
    assert seconds["validation"] > 1500
    assert seconds["testing"] > 750


def test_models_that_ship_learned_nothing_from_its_people_of_validation_and_testing(folder):
    rows = csv.DictReader((included.source() / included.TABLE).open(encoding="utf-8"))
    judging = {row["name"].split("_")[0] for row in rows if row["split"] != "training"}
    names = [name for name, place in zoo.folders().items() if (place / heard.FILE).is_file()]
    assert {"small-listen", "nano-listen", "wake"} <= set(names)
    for name in names:
        assert not judging & heard.read(zoo.place(name) / heard.FILE)["training"].speakers


def test_it_is_speech_by_its_name_and_unpacked_once(folder):
    kind = sound_kinds.find([folder], "--negatives")[0]
    assert (kind.name, kind.sort) == (included.NAME, sound_kinds.SPEECH)
    before = folder.stat().st_mtime_ns
    assert talk.place(included.NAME, cache=folder.parents[1]) == folder
    assert folder.stat().st_mtime_ns == before


def test_a_folder_of_that_name_goes_first_and_the_working_directory_may_be_given_beside_it(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKWS_CACHE", str(folder.parents[1]))
    with pytest.raises(UserError, match="of the 0 recordings"):  # "." and included-talk share nothing
        other_sound.find([included.NAME, str(tmp_path)], Selection(), {})
    (tmp_path / included.NAME).mkdir()
    assert talk.place(included.NAME).resolve() == tmp_path / included.NAME
    with pytest.raises(UserError, match="hold the same recordings"):
        other_sound.find([included.NAME, str(tmp_path)], Selection(), {})


def test_a_damaged_installation_is_told(tmp_path, monkeypatch):
    for split in SPLITS:
        soundfile.write(tmp_path / f"{split}.opus", np.ones(16_000, np.int16), 16_000, format="OGG", subtype="OPUS")
    (tmp_path / included.TABLE).write_text("name,split,samples,transcript\na_nohash_0,training,9,yes\n")
    monkeypatch.setattr(included, "source", lambda: tmp_path)
    with pytest.raises(UserError, match="has 16000 samples, expected 9; install edgekws again"):
        talk.place(included.NAME, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/included-talk"))
