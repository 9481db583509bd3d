"""Reads Ogg page by page. It separates the streams of a chain, and adds an end mark if the writer set none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgekws.audio.decode import Part, cut_off
from edgekws.audio.faults import Faults
from edgekws.audio.source import NotWholeError, Source

_FIRST, _LAST = 2, 4  # flags of a page
_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
_OTHERS = {b"Speex   ": "Speex", b"\x80theora": "Theora (a film)", b"fishead": "a skeleton", b"\x01video": "a film"}
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_MOST_JUNK = 2**20
_MOST_PLACES = 1_000  # places that look like a page but are none, at most
_SCRAP = 256  # so few bytes after the last page are no fault
_BLOCK = 8_192  # samples of Vorbis's longest block: by less, some encoders' last pages count too many


@dataclass(frozen=True)
class _Page:
    at: int
    flags: int
    granule: int  # samples so far; -1: no packet ends in this page
    serial: int
    number: int
    content: bytes  # the whole page
    body: int  # where its content begins within the page


@dataclass
class _Stream:
    """One stream of a chain: the places of its pages, and its last page."""

    serial: int
    pages: list[range] = field(default_factory=list)
    last: _Page | None = None
    sounds: bool = False

    def add(self, page: _Page, faults: Faults) -> None:
        if self.last and page.number > self.last.number + 1:
            faults.damaged += 1
        place = range(page.at, page.at + len(page.content))
        if self.pages and self.pages[-1].stop == place.start:
            place = range(self.pages.pop().start, place.stop)
        self.pages.append(place)
        self.sounds |= page.granule > 0
        self.last = page


def parts(source: Source, faults: Faults) -> Iterator[Part]:
    """The first sound stream of every link of the chain. Raises NotWholeError; if it is cut off, at the end."""
    streams, others, problem, opening = [], "", None, True
    current: _Stream | None = None
    pages = _pages(source, faults)
    while True:
        try:
            page = next(pages)
        except StopIteration:
            break
        except NotWholeError as error:
            problem = error
            break
        if page.flags & _FIRST:
            current = current if opening else None  # else the chain's next link begins
            start = page.content[page.body :][:8]
            if current is None and start.startswith(_CODECS):
                current = _Stream(page.serial)
                streams.append(current)
            others = others or next((name for one, name in _OTHERS.items() if start.startswith(one)), "")
        opening = bool(page.flags & _FIRST)
        if current and page.serial == current.serial:
            current.add(page, faults)
    for stream in streams:
        if stream.sounds:
            yield _part(stream, faults)
    if problem:
        raise problem
    if not streams:
        raise NotWholeError(f"is Ogg without Vorbis, Opus or FLAC{f' ({others})' if others else ''}; convert it to WAV")


def _part(stream: _Stream, faults: Faults) -> Part:
    last = stream.last
    assert last
    if last.flags & _LAST:
        return Part(tuple(stream.pages), trust=True, slack=_BLOCK)
    faults.unfinished += 1
    before = range(stream.pages[-1].start, last.at)
    return Part((*stream.pages[:-1], before, _marked(last)), trust=True)


def _marked(page: _Page) -> bytes:
    """The page with the end mark set."""
    content = bytearray(page.content)
    content[5] |= _LAST
    content[22:26] = struct.pack("<I", _sum(content))
    return bytes(content)


def _sum(page: bytes | bytearray) -> int:
    """The checksum of a page: CRC-32 with unmirrored bits, computed by zlib's, which mirrors them."""
    content = bytes(page[:22]) + bytes(4) + bytes(page[26:])
    mirrored = zlib.crc32(content.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")


def _pages(source: Source, faults: Faults) -> Iterator[_Page]:
    """Every whole page. Other bytes are skipped. If the last page is cut off, NotWholeError at the end."""
    at, end, left = 0, source.size or 0, _MOST_PLACES
    while at < end and left:
        head = source.read_at(at, 27 + 255)
        if head[:4] == b"OggS" and len(head) >= 27:
            _, flags, granule, serial, number, told, count = struct.unpack_from("<BBqIIIB", head, 4)
            body = 27 + count
            content = source.read_at(at, body + sum(head[27:body]))
            if at + body + sum(head[27:body]) <= end and _sum(content) == told:
                yield _Page(at, flags, granule, serial, number, content, body)
                at += len(content)
                continue
        found = -1
        for ahead in (4_096, _MOST_JUNK):
            if found < 0:
                found = source.read_at(at + 1, ahead).find(b"OggS")
        if found < 0:
            if head[:4] == b"OggS":
                raise cut_off()
            faults.damaged += end - at >= _SCRAP
            return
        left -= 1
        at += 1 + found  # skipped pages show in the page numbers
    if not left:
        raise cut_off()
