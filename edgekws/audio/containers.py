"""Recognizes the container of a recording, and cuts the recording into parts for the decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from edgekws.audio import chunks, mpeg, ogg
from edgekws.audio.decode import Part, cut_off
from edgekws.audio.faults import Faults
from edgekws.audio.source import Source, broken

HEAD_BYTES = 4_096
_FLAC_MOST = 6_000  # the most samples that a byte of FLAC can encode
_AU = {b".snd": ">", b"dns.": "<"}
_AU_UNKNOWN = 0xFFFFFFFF
_SCRAP = 256  # so few bytes after the sound are no fault


def parts(source: Source, head: bytes, faults: Faults) -> Iterator[Part]:
    """The parts of a recording that begins with ``head``. Faults inside are counted; faults at the end are raised."""
    if chunks.family(head):
        return chunks.parts(source, faults)
    start = _behind_tags(source)
    magic = source.read_at(start, 4)
    if magic == b"fLaC":
        return _flac(source, start, faults)
    if magic == b"OggS":
        return ogg.parts(source, faults)
    if magic in _AU:
        return _au(source, _AU[magic], faults)
    if start or mpeg.frame(head):
        return mpeg.parts(source, faults, start)
    return iter([Part((range(source.size or 0),), trust=True)])


def _behind_tags(source: Source) -> int:
    """Where the sound begins after ID3 tags. They can also come before FLAC."""
    at = 0
    while (head := source.read_at(at, 10))[:3] == b"ID3":
        at += mpeg.tag_bytes(head)
    return at


def _flac(source: Source, start: int, faults: Faults) -> Iterator[Part]:
    """One part. Its header says "unknown length", so that all samples are read; ``frames`` is the original number."""
    head = bytearray(source.read_at(start, 42))
    if len(head) < 42:
        raise broken("its header is cut off")
    told = int.from_bytes(head[21:26], "big") & (2**36 - 1)
    head[21] &= 0xF0
    head[22:26] = bytes(4)
    size = (source.size or 0) - start
    if told > size * _FLAC_MOST:
        faults.miscounted += 1
        told = 0
    yield Part((bytes(head), range(start + 42, start + size)), frames=told or None)


def _au(source: Source, order: str, faults: Faults) -> Iterator[Part]:
    """One part, up to the end of the file."""
    head = source.read_at(0, 24)
    if len(head) < 24:
        raise broken("its header is cut off")
    offset, told = struct.unpack_from(order + "II", head, 4)
    size = source.size or 0
    made = head[:4] + struct.pack(order + "II", 24, _AU_UNKNOWN) + head[12:]
    yield Part((made, range(min(max(offset, 24), size), size)), trust=True)
    if told not in (0, _AU_UNKNOWN):
        if offset + told > size:
            raise cut_off()
        faults.miscounted += size - offset - told >= _SCRAP
