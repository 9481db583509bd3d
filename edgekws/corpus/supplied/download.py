"""Downloads archives of recordings with resume, checks them, and unpacks them without trust."""

import contextlib
import gzip
import http.client
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgekws.corpus.supplied import connection
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, only_one, sha256, writing
from edgekws.progress import Progress, progress_bar

_CHUNK = 1 << 20
_PAUSE_SECONDS = 2.0
_TRIES = 5  # connections in a row that may bring next to nothing
_WORTH = 256 << 10  # bytes that count as progress: more than a connection brings that is too slow
_MOST_MEMBERS = 500_000


@dataclass(frozen=True)
class Archive:
    """A .tar.gz on the network, with what is known about it."""

    url: str
    sha256: str
    unpacked_bytes: int  # about; more than twice as many are refused
    title: str
    licence: str


def _official(version: str, checksum: str, clips: int) -> Archive:
    return Archive(
        url=f"https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v{version}.tar.gz",
        sha256=checksum,
        unpacked_bytes=clips * 32_768,
        title=f"Google Speech Commands v{version} (its own lists split it)",
        licence=(
            f"Google Speech Commands v{version} (Pete Warden, arXiv:1804.03209), "
            "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
        ),
    )


ARCHIVES = {
    f"speech_commands_v{version}": _official(version, checksum, clips)
    for version, checksum, clips in (
        ("0.01", "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d", 64_727),
        ("0.02", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58", 105_829),
    )
}


def fetch(archive: Archive, dest: Path, *, progress: bool = True) -> Path:
    """The folder `dest` with the archive's files. It is downloaded and unpacked if it does not exist.

    The part that an interrupted download leaves is kept beside `dest`, and the next call continues from it. Raises
    UserError for an unreachable server, a wrong SHA-256, too little room, and an archive that is damaged or contains
    anything but plain files and folders; then there is no `dest`.
    """
    if dest.is_dir():
        return dest
    part = dest.with_name(f"{dest.name}.tar.gz.part")
    with writing(part):
        dest.parent.mkdir(parents=True, exist_ok=True)
    with only_one(part.with_suffix(".lock"), f"the download of {dest.name}"):
        _download(archive, part, progress)
        found = sha256(part)
        if found != archive.sha256:
            _remove(part)
            raise UserError(
                f"what came from {archive.url} is not the archive: SHA-256 is {found}, expected {archive.sha256}; "
                "it was removed: try again, and if it stays so, download from another network"
            )
        with contextlib.suppress(FileExistsError), atomic_folder(dest) as folder:  # where locks are not possible
            unpack(part, folder, most_bytes=2 * archive.unpacked_bytes, progress=progress)
        _remove(part)
    return dest


def unpack(archive: Path, folder: Path, *, most_bytes: int, progress: bool = True) -> None:
    """Unpack the plain files and folders of a .tar.gz into `folder`.

    Raises UserError for links, devices, absolute names, "..", duplicates, more than `most_bytes`, and damage. Owners,
    modes and times are ignored. tarfile's own filters would let links through, and not every Python 3.11 has them.
    """
    total = 0
    try:
        with (
            open(archive, "rb") as file,
            progress_bar("unpacking", _size(archive), unit="B", enabled=progress) as bar,
            _BoundedGzip(fileobj=file, mode="rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as tar,  # "r:", not packed: a file packed twice could have any size
        ):
            for count, member in enumerate(tar):
                bar.advance(file.tell() - bar.done)
                total = member.offset_data + member.size  # includes headers
                _check_size(archive, total <= most_bytes and count < _MOST_MEMBERS)
                target = folder.joinpath(*_safe_parts(archive, member))
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                source = tar.extractfile(member)
                assert source is not None  # _safe_parts allows only files and folders
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "xb") as out:
                    shutil.copyfileobj(source, out)
            while rest := stream.read(_CHUNK):  # to the end, where gzip's checksum is
                total += len(rest)
                _check_size(archive, total <= most_bytes)
    except FileExistsError as error:
        raise UserError(f"{archive} is damaged: {error.filename} is in it twice; remove it and try again") from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, NotADirectoryError, IsADirectoryError) as error:
        raise UserError(f"{archive} is damaged ({error}); remove it and try again") from None


def _check_size(archive: Path, fits: bool) -> None:
    if not fits:
        raise UserError(
            f"{archive} is not the expected archive: it is too large unpacked; nothing was kept, remove it and try "
            "again"
        )


class _BoundedGzip(gzip.GzipFile):
    """Refuses huge single reads, with which a hostile header would fill the memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= 16 * _CHUNK:
            raise tarfile.ReadError("a header is too large")
        return super().read(size)


def _safe_parts(archive: Path, member: tarfile.TarInfo) -> tuple[str, ...]:
    """The parts of a member's path. UserError if the member may not be unpacked."""
    name = PurePosixPath(member.name)
    strange = name.is_absolute() or ".." in name.parts or len(member.name) > 200 or set(member.name) & set("\\:\0")
    if strange or not (member.isreg() or member.isdir()) or (member.isreg() and not name.parts):
        kind = "name" if strange else "link, device or other special file"
        raise UserError(
            f"{archive} is not safe to unpack: it holds a forbidden {kind} {member.name!r}; nothing was kept"
        )
    return name.parts


def _download(archive: Archive, part: Path, progress: bool) -> None:
    """Fill `part` with the archive, over several connections if necessary, as long as they bring something new."""
    best, fruitless = _size(part), 0
    with progress_bar(archive.url.rsplit("/", 1)[-1], None, unit="B", enabled=progress) as bar:
        while True:
            try:
                if _receive(archive, part, bar):
                    return
                problem = "the connection broke"
            except urllib.error.HTTPError as error:
                problem = f"the server answers {error.code} {error.reason}"
                if error.code < 500 and error.code != 429:
                    raise UserError(f"cannot download {archive.url}: {problem}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an invalid address
                problem = str(getattr(error, "reason", error)) or type(error).__name__
            fruitless = fruitless + 1 if _size(part) - best < _WORTH else 0
            best = max(best, _size(part))
            if fruitless >= _TRIES:
                raise UserError(
                    f"cannot download {archive.url}: {problem}; the {_size(part) / 1e6:.1f} MB that came are kept, and "
                    "the same command goes on from there; or download and unpack it yourself and give the folder"
                )
            time.sleep(_PAUSE_SECONDS * fruitless)


def _receive(archive: Archive, part: Path, bar: Progress) -> bool:
    """Append what one connection brings to `part`. Returns whether the archive is complete.

    It asks only for the missing bytes, if the server's file is still the same (If-Range). If the server sends
    everything nevertheless, it starts again.
    """
    have, tag = _size(part), _tag_of(part)
    request = urllib.request.Request(archive.url, headers={"User-Agent": "edgekws"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag.is_file():
            request.add_header("If-Range", tag.read_text())
    try:
        with connection.opened(request) as (response, chunks):
            return _kept(archive, part, response, chunks, bar)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if have and error.headers.get("Content-Range") == f"bytes */{have}":
            return True
        _remove(part)
        return False


def _kept(
    archive: Archive, part: Path, response: http.client.HTTPResponse, chunks: Iterable[bytes], bar: Progress
) -> bool:
    """Append an answer to `part`, or start it again. Returns whether the archive is complete."""
    have, tag = _size(part), _tag_of(part)
    if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        have = 0
    told = response.headers.get("Content-Length", "")
    length = int(told) if re.fullmatch("[0-9]{1,18}", told) else None  # a malformed number is ignored
    total = None if length is None else have + length
    _check_room(part.parent, (length or 0) + archive.unpacked_bytes)
    etag = response.headers.get("ETag", "")
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag):
        atomic_write(tag, etag)
    else:
        tag.unlink(missing_ok=True)
    bar.restart(have, total)
    with writing(part), open(part, "ab" if have else "wb") as file:
        for chunk in chunks:
            have += len(chunk)
            if have > 2 * archive.unpacked_bytes:
                raise UserError(f"{archive.url} sends more than the archive can be; remove {part} and try again")
            file.write(chunk)
            bar.advance(len(chunk))
    return total is None or have == total


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed; "
            "free some, or set EDGEKWS_CACHE to a folder on a larger disk"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_of(part).unlink(missing_ok=True)


def _tag_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")
