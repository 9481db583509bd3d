"""Talk that is named and downloaded: laid out so that every split has speakers of its own, and texts."""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws.corpus import other_sound, transcripts
from edgekws.corpus.clips import Selection
from edgekws.corpus.supplied import download, talk
from edgekws.corpus.supplied.download import Archive
from edgekws.errors import UserError
from edgekws.listen import sound_kinds

SPEAKERS = ("84", "174", "251", "422", "652", "777", "1272", "1462", "1673", "1919")


def archive(path: Path, speakers=SPEAKERS) -> Archive:
    """A small archive with LibriSpeech's layout, as if it had been downloaded: ``path`` is where the download ends."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for speaker in speakers:
            lines = []
            for number in range(2):
                sound = io.BytesIO()
                noise = np.random.default_rng([int(speaker), number]).integers(-999, 999, 32_000).astype(np.int16)
                soundfile.write(sound, noise, 16_000, format="FLAC")
                name = f"{speaker}-7-{number:04}"
                lines.append(f"{name} THE QUICK BROWN FOX {number}")
                add(tar, f"LibriSpeech/dev-clean/{speaker}/7/{name}.flac", sound.getvalue())
            add(tar, f"LibriSpeech/dev-clean/{speaker}/7/{speaker}-7.trans.txt", "\n".join(lines).encode())
        add(tar, "LibriSpeech/LICENSE.TXT", b"CC BY 4.0")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return Archive("https://example.invalid/dev-clean.tar.gz", checksum, 10_000_000, "people who read", "CC BY 4.0")


def add(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache in which the whole archive lies as an unfinished download; nothing is asked of a network."""
    made = tmp_path / "cache"
    made.mkdir()
    monkeypatch.setitem(talk.NAMED, "librispeech", archive(made / "librispeech-unpacked.tar.gz.part"))
    monkeypatch.setattr(download, "_download", lambda *_: None)
    return made


def test_it_serves_as_no_word_with_speakers_of_every_split_and_their_texts(cache):
    folder = talk.place("librispeech", cache=cache, progress=False)
    assert [path.name for path in cache.iterdir()] == ["librispeech"]
    found = other_sound.find([str(folder)], Selection(), {}, ["yes"])
    splits = {one.speaker: one.split for one in found}
    assert sorted(splits) == sorted(SPEAKERS)
    assert sorted(splits.values()) == ["testing"] * 2 + ["training"] * 6 + ["validation"] * 2
    assert len(found) == 20
    (kind,) = sound_kinds.find([folder], "--negatives")
    assert (kind.name, kind.sort, len(kind.recordings)) == ("librispeech", sound_kinds.SPEECH, 20)
    texts = transcripts.of_folder(folder)
    assert texts["84_nohash_7-0001.flac"].text == "the quick brown fox 1"
    assert "CC BY 4.0" in (folder / "LICENCE.txt").read_text()


def test_it_is_made_once_and_a_folder_of_that_name_comes_first(cache, tmp_path, monkeypatch):
    folder = talk.place("librispeech", cache=cache, progress=False)
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("it was downloaded already"))
    for named in ("librispeech", "librispeech/", "./librispeech", Path("librispeech")):
        assert talk.place(named, cache=cache, progress=False) == folder
    (tmp_path / "here/librispeech").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert (talk.place("librispeech"), talk.place("music")) == (Path("librispeech"), Path("music"))


def test_killed_while_it_is_laid_out_it_is_laid_out_again(cache, monkeypatch):
    copy = talk._copy
    monkeypatch.setattr(talk, "_copy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        talk.place("librispeech", cache=cache, progress=False)
    assert [path.name for path in cache.iterdir()] == ["librispeech-unpacked"]
    monkeypatch.setattr(talk, "_copy", copy)
    folder = talk.place("librispeech", cache=cache, progress=False)
    assert len(list(folder.glob("*.flac"))) == 20


def test_where_links_are_not_possible_it_is_copied(cache, monkeypatch):
    monkeypatch.setattr(talk.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    folder = talk.place("librispeech", cache=cache, progress=False)
    assert soundfile.info(str(folder / "84_nohash_7-0000.flac")).frames == 32_000


def test_another_layout_is_refused(cache, monkeypatch):
    part = cache / "librispeech-unpacked.tar.gz.part"
    monkeypatch.setitem(talk.NAMED, "librispeech", archive(part, SPEAKERS[:2]))
    with pytest.raises(UserError, match="recordings of 2 speakers in LibriSpeech's layout, expected 5 or more"):
        talk.place("librispeech", cache=cache, progress=False)
    assert not (cache / "librispeech").exists()


def test_a_card_quotes_its_licence_and_asks_for_that_of_other_folders(cache):
    told = other_sound.licence("Words: CC0.", ["librispeech", "/home/me/radio"])
    assert "LibriSpeech" not in other_sound.licence("Words: CC0.", ["/home/me/radio"])
    assert told.startswith("Words: CC0. CC BY 4.0. The recordings in radio are the user's own")
