"""Phrases cut out of long recordings: where they lie, whose they are, what is refused, and the command."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convert import aligning
from edgekws import audio, cli
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.errors import UserError
from edgekws.listen.events import Event

ROOT = Path(__file__).parents[2]


class Hearing:
    """Hears the phrase wherever a sample is 9,000."""

    name, labels, window = "hey", ("hey edge", "_unknown_"), 24_000

    def listen(self, path):
        at = np.flatnonzero(audio.read(path)[0] == 9_000)
        return [Event(place / 16_000, "hey edge", 0.9) for place in at] + [Event(0.1, "another", 0.9)]


@pytest.fixture
def folder(tmp_path):
    def write(name, seconds, *places):
        sound = np.zeros(round(seconds * 16_000), np.int16)
        sound[[round(place * 16_000) for place in places]] = 9_000
        (path := tmp_path / "long" / "hey edge" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, 16_000)

    write("anna_nohash_0.wav", 20, 3, 10, 19.9)
    write("ben/kitchen.flac", 5, 0.2)
    write("quiet.wav", 2)
    return tmp_path / "long"


def test_each_time_becomes_a_file_with_the_phrase_in_its_middle(folder, tmp_path):
    told = []
    found = aligning.align(Hearing(), folder, tmp_path / "takes", told.append)["hey edge"]
    names = [path.relative_to(tmp_path / "takes/hey edge").as_posix() for path in found.written]
    assert names == [*(f"anna_nohash_0-{number}.wav" for number in (1, 2, 3)), "ben/kitchen_nohash_1.wav"]
    assert [path.name for path in found.without] == ["quiet.wav"]
    assert (found.recordings, len(told)) == (3, 3)
    whole = 24_000 + round(aligning.AROUND * 16_000)
    for path, length, place in zip(
        found.written, (whole, whole, whole // 2 + 1_600, whole // 2 + 3_200), (whole // 2,) * 3 + (3_200,), strict=True
    ):
        sound = audio.read(path)[0]
        assert (len(sound), int(np.argmax(sound))) == (length, place)
    assert {speaker_of(path.stem) for path in found.written[:3]} == {"anna"}


def test_what_cannot_be_aligned_is_refused(folder, tmp_path):
    def refused(reason, place, out):
        with pytest.raises(UserError, match=reason):
            aligning.align(Hearing(), place, out)

    refused("no folder of a phrase of hey", tmp_path, tmp_path / "out")
    aligning.align(Hearing(), folder, tmp_path / "out")
    refused("has recordings already", folder, tmp_path / "out")
    shutil.rmtree(folder / "hey edge/ben")
    (folder / "hey edge/anna_nohash_0.wav").unlink()
    refused("heard none of hey edge", folder, tmp_path / "none")
    (folder / "hey edge/quiet.wav").unlink()
    refused("no recordings in", folder, tmp_path / "none")


def test_the_command_cuts_a_word_of_the_demo(tmp_path, capsys):
    (tmp_path / "long/yes").mkdir(parents=True)
    shutil.copy(ROOT / "docs/demo.wav", tmp_path / "long/yes")
    assert cli.main(["align", "small-listen", str(tmp_path / "long"), "--out", str(tmp_path / "takes")]) == 0
    shown = capsys.readouterr()
    (take,) = (tmp_path / "takes/yes").glob("*.wav")
    assert "yes: 1 takes from 1 recordings" in shown.out
    assert f"--data {tmp_path / 'takes'}" in shown.err
    assert cli.main(["classify", str(take), "--model", "small", "--top", "1"]) == 0
    assert "yes" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path, capsys):
    assert cli.main(["align", "small-listen", str(tmp_path / "none"), "--out", str(tmp_path / "takes")]) == 2
    assert "none" in capsys.readouterr().err
