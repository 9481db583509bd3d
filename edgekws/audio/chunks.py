"""Finds the sound in recordings made of chunks: WAV, RIFX, RF64, BW64, W64, AIFF and CAF.

The header's size of the sound counts only if the file confirms it. libsndfile gets a new header, without the chunks
that do not describe the samples.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from edgekws.audio import mpeg
from edgekws.audio.decode import Part, cut_off
from edgekws.audio.faults import Faults
from edgekws.audio.source import NotWholeError, Source, broken

HEAD_BYTES = 40  # enough to recognize a family
_PIECE_BYTES = 2**30  # a longer recording is decoded in pieces, whose size fits a header
_UNKNOWN = 0x7FFF0000  # programs that write to a pipe do not know the size; they put 0, or this or more
_MOST_CHUNKS = 10_000
_MOST_DESCRIPTION = 65_536
_SCRAP = 256  # so few bytes after the sound are no fault: a tag, or filling
# codings of AIFC with a fixed number of bytes for each sample
_PLAIN = (b"", b"NONE", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_PLAIN_TAGS = (0x1, 0x3, 0x6, 0x7, 0xFFFE)  # the same for WAV: PCM, floats, A-law, mu-law, and PCM or floats
_KNOWN = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"fact", b"PEAK", b"_PMX", b"afsp", b"DISP")
_MPEG_IN_WAV = 0x55


@dataclass(frozen=True)
class Family:
    """How a kind of container writes its chunks."""

    order: str  # byte order, for struct
    size: str  # type of a chunk's size, as struct's letter
    first: int  # place of the first chunk
    id_bytes: int = 4
    align: int = 2
    whole: bool = False  # the size counts the chunk's own header
    sound: bytes = b"data"
    described: bytes = b"fmt "

    @property
    def header(self) -> int:
        return self.id_bytes + struct.calcsize(self.order + self.size)


WAV = Family("<", "I", 12)
RIFX = Family(">", "I", 12)
W64 = Family("<", "Q", 40, id_bytes=16, align=8, whole=True)
AIFF = Family(">", "I", 12, sound=b"SSND", described=b"COMM")
CAF = Family(">", "Q", 8, align=1, described=b"desc")


def family(head: bytes) -> Family | None:
    """The family of a file by its first 40 bytes."""
    magic, form = head[:4], head[8:12]
    if magic in (b"RIFF", b"RF64", b"BW64") and form == b"WAVE":
        return WAV
    if magic == b"RIFX" and form == b"WAVE":
        return RIFX
    if magic == b"FORM" and form in (b"AIFF", b"AIFC"):
        return AIFF
    if magic == b"riff" and head[24:28] == b"wave":
        return W64
    return CAF if magic == b"caff" else None


def streams(source: Source, head: bytes) -> bool:
    """Whether sound from a pipe can be decoded as it arrives: each sample must be complete in itself."""
    kind = family(head)
    if kind is None or kind is CAF:
        return False
    try:
        description = _described(source, kind, 0)[0]
    except NotWholeError:
        return False
    if kind is AIFF:
        return description[18:22] in _PLAIN
    return int.from_bytes(description[:2], "big" if kind is RIFX else "little") in _PLAIN_TAGS


def parts(source: Source, faults: Faults) -> Iterator[Part]:
    """The sound of a file in pieces, and of recordings appended to it. If one is cut off, NotWholeError at the end."""
    at: int | None = 0
    while at is not None and (kind := family(source.read_at(at, HEAD_BYTES))):
        at = yield from _recording(source, kind, at, faults)


def _recording(source: Source, kind: Family, at: int, faults: Faults) -> Generator[Part, None, int | None]:
    """The pieces of the recording that begins at ``at``. Returns where another one begins, or None."""
    description, declared, start = _described(source, kind, at)
    if kind is AIFF:
        offset = int.from_bytes(source.read_at(start, 4), "big")
        start, declared = start + 8 + offset, max(declared - 8 - offset, 0)
    elif kind is CAF:
        start, declared = start + 4, max(declared - 4, 0)
        if description[8:12] not in (b"lpcm", b"alaw", b"ulaw"):
            yield Part((range(at, source.size or 0),), trust=True)
            return None
    align = _frame_bytes(kind, description)
    known = 0 if _is_unknown(kind, declared) else declared
    if source.size is None:
        return (yield from _through_a_pipe(source, kind, description, range(start, start + known), align, faults))
    end, stop, following = start + declared, source.size, None
    if end <= source.size and (following := _following(source, kind, end)) is not None:
        stop = end
    elif known and end < source.size:
        faults.miscounted += 1
    if kind in (WAV, RIFX) and int.from_bytes(description[:2], "little" if kind is WAV else "big") == _MPEG_IN_WAV:
        yield from mpeg.parts(source, faults, start, stop)
    else:
        for place in range(start, stop, _piece(align)):
            yield _part(kind, description, range(place, min(place + _piece(align), stop)), align)
    if known and end > source.size:
        raise cut_off()
    return following


def _described(source: Source, kind: Family, start: int) -> tuple[bytes, int, int]:
    """The chunk that describes the samples, the sound's declared size, and the sound's place."""
    at, description, large = start + kind.first, b"", 0
    for _ in range(_MOST_CHUNKS):
        name, size = _chunk(source, kind, at)
        body = at + kind.header
        if name == kind.sound:
            if not description:
                raise broken("its samples come before their description")
            return description, large if large and size == 0xFFFFFFFF else size, body
        if name == kind.described:
            description = source.read_at(body, min(size, _MOST_DESCRIPTION))
        elif name == b"ds64":  # RF64: first the size of the file, then of the sound
            large = int.from_bytes(source.read_at(body + 8, 8), "little")
        at = body + size + -size % kind.align
    raise broken(f"more than {_MOST_CHUNKS} chunks before its sound")


def _chunk(source: Source, kind: Family, at: int) -> tuple[bytes, int]:
    """Name and size of the chunk at a place; NotWholeError after the last."""
    head = source.read_at(at, kind.header)
    if len(head) < kind.header:
        raise broken("it ends before its sound")
    size = struct.unpack_from(kind.order + kind.size, head, kind.id_bytes)[0]
    return head[:4], max(size - kind.header, 0) if kind.whole else size


def _is_unknown(kind: Family, declared: int) -> bool:
    return (kind.size == "I" and _UNKNOWN <= declared <= 0xFFFFFFFF) or declared >= 2**62


def _following(source: Source, kind: Family, at: int) -> int | None:
    """The end of the file, or of this recording if another is appended, provided that only chunks, zeros or very few
    bytes follow the sound. None if more sound follows."""
    end = source.size or 0
    if at % kind.align and _is_name(source.read_at(at, 4)):
        at -= 1  # this writer does not align chunks to even places
    for _ in range(_MOST_CHUNKS):
        at += -at % kind.align
        if end - at < _SCRAP:
            return end
        name, size = _chunk(source, kind, at)
        if family(source.read_at(at, HEAD_BYTES)):
            return at
        if not _is_name(name) or (at + kind.header + size > end + 1 and name not in _KNOWN):
            silent = not any(any(source.read_at(place, 2**20)) for place in range(at, end, 2**20))
            return end if silent else None
        at += kind.header + size
    return None


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= letter < 0x7F for letter in name)


def _through_a_pipe(
    source: Source, kind: Family, description: bytes, declared: range, align: int, faults: Faults
) -> Generator[Part, None, int | None]:
    """Pieces as they arrive: the declared bytes, then any bytes that are no chunk. Without declared bytes, all that
    arrives until the pipe ends.

    Returns where another recording begins, or None.
    """
    at, left = declared.start, len(declared)
    while True:
        size = min(left or _piece(align), _piece(align))
        yield _part(kind, description, range(at, at + size), align)
        at += size
        ahead = source.read_at(at, _SCRAP)
        if not ahead and left and source.taken < at + left - size:
            raise cut_off()
        if not ahead:
            return None
        if left == size:
            after = at + (at % kind.align if _is_name(ahead[at % kind.align :][:4]) else 0)
            if family(source.read_at(after, HEAD_BYTES)):
                return after
            if len(ahead) < _SCRAP or _is_name(ahead[after - at :][:4]):
                return _behind_chunks(source, kind, after, faults)
            faults.miscounted += 1
            at -= len(declared) % align  # an incomplete frame
        left = max(left - size, 0)


def _behind_chunks(source: Source, kind: Family, at: int, faults: Faults) -> int | None:
    """Skip chunks in a pipe. Returns where another recording begins, or None. Other bytes are a fault."""
    while len(head := source.read_at(at, _SCRAP)) == _SCRAP:
        if family(head):
            return at
        if not _is_name(head[:4]):
            faults.damaged += 1
            return None
        at += kind.header + _chunk(source, kind, at)[1]
        at += at % kind.align
    return None


def _frame_bytes(kind: Family, description: bytes) -> int:
    """The bytes of a frame, after which a recording can be cut; 1 if unknown."""
    try:
        if kind is AIFF:
            channels, _, bits = struct.unpack_from(">hIh", description)
            return max(int(channels * -(-bits // 8)), 1)
        if kind is CAF:
            return max(int(struct.unpack_from(">I", description, 16)[0]), 1)
        return max(int(struct.unpack_from(kind.order + "H", description, 12)[0]), 1)
    except struct.error:
        raise broken("the description of its samples is cut off") from None


def _piece(align: int) -> int:
    return max(_PIECE_BYTES // align, 1) * align


def _part(kind: Family, description: bytes, sound: range, align: int) -> Part:
    """A complete file with this sound."""
    size = len(sound)
    if kind is CAF:
        head = b"caff" + struct.pack(">HH4sq", 1, 0, b"desc", len(description)) + description
        return Part((head + struct.pack(">4sqI", b"data", size + 4, 0), sound))
    if kind is AIFF:
        described, form = description, b"AIFC" if len(description) > 18 else b"AIFF"
        if description[18:22] in _PLAIN:  # only the header knows how many frames the other codings have
            described = description[:2] + struct.pack(">I", size // align) + description[6:]
        chunks = _packed(">", b"COMM", described) + struct.pack(">4sIII", b"SSND", size + 8, 0, 0)
        return Part((struct.pack(">4sI4s", b"FORM", 4 + len(chunks) + size, form) + chunks, sound))
    order = kind.order if kind is RIFX else "<"
    chunks = _packed(order, b"fmt ", description) + struct.pack(order + "4sI", b"data", size)
    magic = b"RIFX" if kind is RIFX else b"RIFF"
    return Part((struct.pack(order + "4sI4s", magic, 4 + len(chunks) + size, b"WAVE") + chunks, sound))


def _packed(order: str, name: bytes, content: bytes) -> bytes:
    return struct.pack(order + "4sI", name, len(content)) + content + bytes(len(content) % 2)
