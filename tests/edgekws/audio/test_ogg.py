"""Ogg: chains are read whole, a missing end mark is told, damage and cuts too (17, 20)."""

import numpy as np
import pytest
from sounds import likeness, tone, written

from edgekws import audio
from edgekws.audio import ogg
from edgekws.errors import UserError

LONG = tone(20)


def heard(path, content):
    path.write_bytes(content)
    faults = audio.Faults()
    return np.concatenate(list(audio.blocks(path, faults))), faults


def pages(content):
    """The places of the pages."""
    at = [0]
    while (found := content.find(b"OggS", at[-1] + 1)) >= 0:
        at.append(found)
    return at


def unmarked(content):
    """Without the mark on the last page."""
    at = pages(content)[-1]
    page = bytearray(content[at:])
    page[5] &= ~4
    page[22:26] = ogg._sum(page).to_bytes(4, "little")
    return content[:at] + bytes(page)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_the_checksum_is_that_of_the_pages(subtype):
    content = written("OGG", subtype)
    for at, end in zip(pages(content), [*pages(content)[1:], len(content)], strict=True):
        page = content[at:end]
        assert ogg._sum(page).to_bytes(4, "little") == page[22:26]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_stream_without_an_end_mark_is_read_to_its_last_page_and_told(subtype, tmp_path):
    samples, faults = heard(tmp_path / "a.ogg", unmarked(written("OGG", subtype, LONG)))
    assert len(samples) == len(LONG)
    assert likeness(samples, LONG) > 0.99
    assert "no end mark" in " ".join(faults.lines(audio.Faults()))


@pytest.mark.parametrize("second", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("first", ["VORBIS", "OPUS"])
def test_a_chain_of_streams_is_read_whole(first, second, tmp_path):
    samples, faults = heard(tmp_path / "a.ogg", written("OGG", first, LONG) + written("OGG", second, LONG[::-1].copy()))
    assert likeness(samples, np.concatenate([LONG, LONG[::-1]])) > 0.99
    assert faults == audio.Faults()


def test_a_chain_of_other_rates_and_channels_is_read_whole(tmp_path):
    stereo = np.tile(tone(2, 44_100)[:, None], 2)
    samples, _ = heard(tmp_path / "a.ogg", written("OGG", "OPUS", tone(2)) + written("OGG", "VORBIS", stereo, 44_100))
    assert likeness(samples, np.concatenate([tone(2), tone(2)])) > 0.99


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_page_cut_off_is_told_after_what_there_is(subtype, tmp_path):
    content, faults, count = written("OGG", subtype, LONG), audio.Faults(), 0
    (tmp_path / "a.ogg").write_bytes(content[: (pages(content)[-2] + pages(content)[-1]) // 2])
    with pytest.raises(UserError, match="is truncated"):
        for block in audio.blocks(tmp_path / "a.ogg", faults):
            count += len(block)
    assert 0.3 * len(LONG) < count < len(LONG)


def recounted(content, more):
    """With a last page that counts so many samples more."""
    at = pages(content)[-1]
    page = bytearray(content[at:])
    page[6:14] = (int.from_bytes(page[6:14], "little") + more).to_bytes(8, "little")
    page[22:26] = ogg._sum(page).to_bytes(4, "little")
    return content[:at] + bytes(page)


def test_a_last_page_that_counts_a_little_too_many_is_no_cut(tmp_path):
    """Three pieces of Debian's hyperrogue-music count 104 samples too many."""
    samples, faults = heard(tmp_path / "a.ogg", recounted(written("OGG", "VORBIS", LONG), 104))
    assert likeness(samples[: len(LONG)], LONG) > 0.99
    assert abs(len(samples) - len(LONG)) <= 104
    assert faults.damaged == 0
    with pytest.raises(UserError, match="is truncated"):
        heard(tmp_path / "b.ogg", recounted(written("OGG", "VORBIS", LONG), 40_000))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_damaged_page_is_told_after_what_there_is(subtype, tmp_path):
    content, faults, count = bytearray(written("OGG", subtype, LONG)), audio.Faults(), 0
    place = pages(content)[-2] + 400
    content[place : place + 8] = bytes(reversed(content[place : place + 8]))
    (tmp_path / "a.ogg").write_bytes(content)
    with pytest.raises(UserError, match=r"is truncated.* s are there, the header says 20\.0 s"):
        for block in audio.blocks(tmp_path / "a.ogg", faults):
            count += len(block)
    assert 0.3 * len(LONG) < count < len(LONG)
    assert faults.damaged == 1


def test_bytes_behind_the_last_page_are_told(tmp_path):
    samples, faults = heard(tmp_path / "a.ogg", written("OGG", "OPUS", LONG) + b"x" * 5_000)
    assert len(samples) == len(LONG)
    assert faults.damaged == 1


def test_ogg_without_sound_is_told(tmp_path):
    page = bytearray(b"OggS\0\2" + bytes(8) + bytes(4) + bytes(4) + bytes(4) + b"\1\x28" + b"Speex   " + bytes(32))
    page[22:26] = ogg._sum(page).to_bytes(4, "little")
    with pytest.raises(UserError, match=r"is Ogg without Vorbis, Opus or FLAC \(Speex\)"):
        heard(tmp_path / "a.ogg", bytes(page))
