"""Reads MP3 and the older MPEG layers frame by frame: only counting the frames gives the length.

Every part gets a Xing header with the true number of frames. libsndfile stops where this header says, and without it
guesses the length from the first frame's bit rate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgekws.audio.decode import Part, cut_off
from edgekws.audio.faults import Faults
from edgekws.audio.source import Source, broken

_KBITS = {  # by (whether MPEG 1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by the version's bits
_SMALLEST = 24  # bytes in a frame at least
_TAG_BYTES = 128  # bytes that a frame needs for a Xing header
_MOST_JUNK = 2**20  # bytes between frames at most
_MOST_CANDIDATES = 20_000
_OLD_TAG_BYTES = 128
_SCRAP = 256  # so few bytes between frames are no fault
_ODD_FRAMES = 1  # writers do not agree whether the Xing header's own frame counts


@dataclass(frozen=True)
class Frame:
    """A frame, described by the four bytes of its header."""

    header: bytes
    size: int  # bytes
    samples: int
    kind: tuple[int, int, int, bool]  # version, layer, rate, mono: constant in a stream

    @property
    def tag(self) -> int:
        """The place of a Xing header within the frame."""
        version, _, _, mono = self.kind
        return 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))


@dataclass
class _Run:
    """Frames that belong together. They begin with a Xing header if they have one."""

    first: Frame
    tagged: bytes | None  # the whole frame that has the Xing header
    frames: int = 0
    places: list[range] = field(default_factory=list)

    def add(self, at: int, size: int) -> None:
        place = range(at, at + size)
        if self.places and self.places[-1].stop == at:
            place = range(self.places.pop().start, place.stop)
        self.places.append(place)
        self.frames += 1


def frame(header: bytes) -> Frame | None:
    """The frame that begins with these bytes, or None if they are no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    bits = 1000 * _KBITS[version == 3, layer][kbits - 1]
    padding = header[2] >> 1 & 1
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    size = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    return Frame(header[:4], size, samples, (version, layer, hertz, header[3] >> 6 == 3))


def begins(source: Source, at: int) -> bool:
    """Whether a stream begins here: with two frames of one kind, or with the only frame."""
    one = frame(source.read_at(at, 4))
    if not one:
        return False
    ahead = source.read_at(at + one.size, 4)
    two = frame(ahead)
    return len(ahead) < 4 or bool(two and two.kind == one.kind)


def parts(source: Source, faults: Faults, start: int = 0, stop: int | None = None) -> Iterator[Part]:
    """The streams from ``start`` on, one for each kind of frames. If it is cut off, NotWholeError at the end."""
    stop, short = source.size if stop is None else stop, False
    run: _Run | None = None
    for at, one in _frames(source, start, stop or 0, faults):
        tagged = None
        if one.kind[1] == 3:
            content = source.read_at(at, one.size)
            tagged = content if content[one.tag :][:4] in (b"Xing", b"Info") else None
        if run is None or tagged or one.kind != run.first.kind:
            if run:
                short |= _is_short(run, faults)
                yield _part(run)
            run = _Run(one, tagged)
        if not tagged:
            run.add(at, one.size)
    if run is None:
        raise broken("it is no MP3 that can be read")
    short |= _is_short(run, faults)
    yield _part(run)
    if short:
        raise cut_off()


def _is_short(run: _Run, faults: Faults) -> bool:
    """Whether frames are missing by its Xing header. A header with too few, or an impossible number, is a fault."""
    if run.tagged is None or not run.tagged[run.first.tag + 7] & 1:
        return False
    told = int.from_bytes(run.tagged[run.first.tag + 8 :][:4], "big")
    if abs(told - run.frames) <= _ODD_FRAMES:
        return False
    known = int.from_bytes(run.tagged[run.first.tag + 12 :][:4], "big") if run.tagged[run.first.tag + 7] & 2 else None
    if told > run.frames and (known is None or told * _SMALLEST <= known):
        return True
    faults.miscounted += 1
    return False


def _part(run: _Run) -> Part:
    if run.first.kind[1] != 3:
        return Part(tuple(run.places), frames=max(run.frames - 1, 0) * run.first.samples)
    return Part((_counted(run), *run.places))


def _counted(run: _Run) -> bytes:
    """A frame with a Xing header that has the right number of frames."""
    if run.tagged is not None and run.tagged[run.first.tag + 7] & 1:
        facts = struct.pack(">I", run.frames)
        if run.tagged[run.first.tag + 7] & 2:
            facts += struct.pack(">I", min(len(run.tagged) + sum(map(len, run.places)), 2**32 - 1))
        place = run.first.tag + 8
        return run.tagged[:place] + facts + run.tagged[place + len(facts) :]
    header = bytearray(run.first.header)
    header[1] |= 1  # no checksum
    made = None
    for kbits in range(1, 15):
        header[2] = kbits << 4 | header[2] & 0x0C
        made = frame(bytes(header))
        if made and made.size >= _TAG_BYTES:
            break
    assert made
    tag = bytes(header) + bytes(made.tag - 4) + b"Info" + struct.pack(">II", 1, run.frames)
    return tag.ljust(made.size, b"\0")


def _frames(source: Source, at: int, stop: int, faults: Faults) -> Iterator[tuple[int, Frame]]:
    """Every whole frame and its place. Tags are skipped; other bytes, up to a MiB, are skipped and counted."""
    inside = False
    while at + 4 <= stop:
        head = source.read_at(at, 10)
        one = frame(head)
        if one and (inside or begins(source, at)):
            if at + one.size > stop:
                return
            yield at, one
            at, inside = at + one.size, True
        elif head[:3] == b"ID3":
            at += tag_bytes(head)
        elif head[:3] == b"TAG":
            at += _OLD_TAG_BYTES
        else:
            sizes = (min(size, stop - at) for size in (4_096, _MOST_JUNK))
            found = next((i for size in sizes for i in _found(source, at + 1, size)), None)
            faults.damaged += head[:8] != b"APETAGEX" and (found or stop - at) >= _SCRAP
            if found is None:
                return
            at, inside = at + 1 + found, False


def _found(source: Source, at: int, size: int) -> Iterator[int]:
    """The distances from here at which streams begin."""
    junk = source.read_at(at, size)
    return (i for i in _candidates(junk) if begins(source, at + i))


def _candidates(junk: bytes) -> Iterator[int]:
    """Places where frames or tags could begin, at most some thousands."""
    at, count = -1, 0
    while (at := junk.find(b"\xff", at + 1)) >= 0 and (count := count + 1) < _MOST_CANDIDATES:
        if frame(junk[at : at + 4]):
            yield at


def tag_bytes(head: bytes) -> int:
    """The size of the ID3 tag that begins with these ten bytes."""
    size = sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(head[6:10]))
    return 10 + size + (10 if head[5:6] and head[5] & 0x10 else 0)
