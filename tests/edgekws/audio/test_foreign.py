"""Files that are no recordings, or of kinds that are not read: named by their first bytes, with what to do (20)."""

import pytest
from sounds import written

from edgekws import audio
from edgekws.audio import foreign
from edgekws.errors import UserError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * b"a" + b"\nsize 32044\n"


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"\0\0\0 ftypM4A \0\0\0\0", "is M4A, which edgekws does not read; convert it: ffmpeg -i"),
        (b"\0\0\0\x18ftyp3gp4\0\0\0\0", "is 3GP, which"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "is MP4, which"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "is a QuickTime file, which"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "is WebM or Matroska, which"),
        (b"#!AMR\n\x3c", "is AMR, which"),
        (b"#!AMR-WB\n\x3c", "is AMR, which"),
        (b"\x02#!SILK_V3", "is SILK, which"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "is WMA or another ASF file, which"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "is AAC, which"),
        (b"wvpk\x20\0\0\0", "is WavPack, which"),
        (b"RIFF\0\0\0\0AVI LIST", "is an AVI video, which"),
        (POINTER, "is a Git LFS pointer in place of the recording; fetch it: git lfs pull"),
        (b"/annex/objects/SHA256E-s1--a.wav\n", "is a git-annex pointer"),
        (b"<!DOCTYPE html>\n<html><body>404", "is a web page, often what a failed download leaves"),
        (b"\xef\xbb\xbf\n <HTML>", "is a web page"),
        (b"PK\x03\x04\x14\0", "is an archive; unpack it"),
        (b"\x1f\x8b\x08\0", "is an archive"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG picture; expected a recording"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"MThd\0\0\0\6", "is a MIDI file, which holds notes"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "is a macOS resource file"),
        ("Grüße, das ist Text\n".encode(), "is text; expected a recording"),
        (bytes(3_000), "holds nothing but zero bytes"),
        (b"", "is an empty file"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a b"])
def test_what_is_not_read_is_named_with_what_to_do(head, told, name, tmp_path):
    (tmp_path / name).write_bytes(head)
    with pytest.raises(UserError) as error:
        audio.read(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name} {told}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("a.m4a", "ffmpeg -i a.m4a -ac 1 -ar 16000 a.wav"),
        ("a.wav", "ffmpeg -i a.wav -ac 1 -ar 16000 a.16k.wav"),
        ("it's.3gp", "ffmpeg -i 'it'\"'\"'s.3gp' -ac 1 -ar 16000 'it'\"'\"'s.wav'"),
    ],
)
def test_the_command_can_be_pasted(path, command):
    assert foreign.command(path) == command


@pytest.mark.parametrize(
    "kind", [("WAV", "PCM_16"), ("NIST", "PCM_16"), ("PVF", "PCM_16"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
def test_recordings_are_nothing_else(kind):
    assert foreign.described("a", written(*kind)[:4096]) is None
