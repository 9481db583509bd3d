"""Recognizes files that edgekws does not read by their first bytes, and says how to convert them."""

from __future__ import annotations

import shlex
from pathlib import Path

_MAGIC = (  # (place, bytes, name) of formats that ffmpeg converts
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA or another ASF file"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"ADIF", "AAC"),
    (0, b"#!SILK", "SILK"),
    (1, b"#!SILK", "SILK"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b".RMF", "RealAudio"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"TTA", "True Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"tBaK", "TAK"),
    (0, b"DSD ", "DSD"),
    (0, b"FRM8", "DSD"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"\x00\x00\x01\xba", "an MPEG video"),
    (0, b"\x00\x00\x01\xb3", "an MPEG video"),
    (8, b"AVI ", "an AVI video"),
    (4, b"moov", "a QuickTime file"),
    (4, b"mdat", "a QuickTime file"),
    (4, b"wide", "a QuickTime file"),
)
_BRANDS = {
    b"M4A": "M4A",
    b"M4B": "M4A",
    b"3gp": "3GP",
    b"3g2": "3GP",
    b"qt ": "a QuickTime file",
    b"F4A": "M4A",
    b"hei": "a HEIC picture",
    b"avi": "an AVIF picture",
}
_SILENT = (  # files without any sound
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\xf0\x7e", "a MIDI sample dump"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"\x00\x05\x16\x07", "a macOS resource file, which lies beside the recording it belongs to"),
    (b"\x93NUMPY", "a numpy array; write it as WAV"),
)
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")


def described(path: str | Path, head: bytes) -> str | None:
    """What the file is by its first bytes and what to do: text to follow its name. None if it is not recognized."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if not head:
        return "is an empty file; record it again or remove it"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer in place of the recording; fetch it: git lfs pull"
    if b"/annex/objects/" in head[:300]:
        return "is a git-annex pointer in place of the recording; fetch it: git annex get"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error")):
        return "is a web page, often what a failed download leaves; download the recording again"
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return "is an archive; unpack it and give the recordings in it"
    for magic, name in _SILENT:
        if head.startswith(magic):
            return f"is {name}; expected a recording"
    if head[4:8] == b"ftyp":
        return converted(path, _BRANDS.get(head[8:11], "MP4"))
    for place, magic, name in _MAGIC:
        if head[place:].startswith(magic):
            return converted(path, name)
    if not any(head):
        return "holds nothing but zero bytes, often what a failed copy leaves; copy it again"
    if _is_text(head):
        return "is text; expected a recording"
    return None


def converted(path: str | Path, name: str) -> str:
    """A text that says its kind, and the command that converts it."""
    if name.endswith("picture"):
        return f"is {name}; expected a recording"
    return f"is {name}, which edgekws does not read; convert it: {command(path)}"


def command(path: str | Path) -> str:
    """The command that makes a WAV at 16 kHz from it."""
    made = Path(path).with_suffix(".16k.wav" if Path(path).suffix.lower() == ".wav" else ".wav")
    return f"ffmpeg -i {shlex.quote(str(path))} -ac 1 -ar 16000 {shlex.quote(str(made))}"


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-4].decode() if len(head) > 1000 else head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() for letter in text)
