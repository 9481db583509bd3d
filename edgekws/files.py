"""Writes files that are complete or do not exist: atomic writes, locks, checksums, the cache, temporary folders."""

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from edgekws.errors import UserError
from edgekws.guard import untrusted

if sys.platform != "win32":
    import fcntl

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_ROOM = 1 << 20  # bytes; a full disk has fewer left
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)
_TEMPORARY = "the temporary folder {} cannot be written ({}); free some space there, or set TMPDIR to another folder"
_GRACE_SECONDS = 60  # a new folder is locked within this time
_STALE_SECONDS = 24 * 3600  # without a write, if nothing can be locked


def cache_folder() -> Path:
    """The folder for prepared corpora and downloads: $EDGEKWS_CACHE, else `edgekws` in the platform's user cache.

    If it does not exist, it is made, for its owner only.
    """
    folder = _named_cache()
    with contextlib.suppress(OSError):  # a later write will say what is wrong
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _named_cache() -> Path:
    if chosen := os.environ.get("EDGEKWS_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "edgekws"


def private(folder: Path) -> Path:
    """Make a folder that only its owner may enter. A UserError if it belongs to another user or is a link."""
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
        if sys.platform != "win32" and (state.st_uid != os.geteuid() or stat.S_ISLNK(state.st_mode)):
            raise UserError(f"{folder} is a link, or belongs to another user; remove it, or set EDGEKWS_CACHE")
        if state.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, removed when the block ends. Errors in it name it, not the place of the results."""
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UserError(f"no temporary folder can be written ({error.strerror}); set TMPDIR to one with room") from None
    try:
        with tempfile.TemporaryDirectory(prefix="edgekws-") as folder:
            yield Path(folder)
    except OSError as error:
        elsewhere = _names(error) and not _names_temporary(error, place)
        if elsewhere or error.errno not in (*_FULL, *_FORBIDDEN):
            raise
        raise UserError(_TEMPORARY.format(place, error.strerror)) from error


def make_folder(folder: Path) -> None:
    """Make a folder where there is none. A UserError if that is not possible, or no file can be made in it."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; expected a folder, or a name that is free")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder)


def check_writable(folder: Path) -> None:
    """A UserError if no file can be made in this folder. Call it before the work whose result goes there."""
    with writing(folder), tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"edgekws")
        probe.flush()


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a plain file's bytes in hexadecimal. A UserError if it is a pipe, a device or a folder."""
    if not untrusted.is_regular(path):
        untrusted.content(path)  # raises, and says what it is
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_name(path: str | os.PathLike[str]) -> str:
    """The last part of a folder's path. The path may be "." or end in ".."."""
    return os.path.basename(os.path.abspath(os.path.expanduser(path)))


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors that a user can correct while `path` is written (full disk, no permission) into a UserError."""
    try:
        yield
    except OSError as error:
        if "usable temporary directory" in str(error):  # tempfile's own words
            raise UserError(f"{error.strerror}; free some space there, or set TMPDIR to another folder") from error
        if error.errno in (*_FULL, *_FORBIDDEN) and _of_temporary(error, path):
            raise UserError(_TEMPORARY.format(tempfile.gettempdir(), error.strerror)) from error
        if error.errno in _FULL:
            raise UserError(f"the disk is full: {path} could not be written; free some space and try again") from error
        if error.errno in _FORBIDDEN:
            raise UserError(f"no permission to write {path}; choose another place or mend its permissions") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
            raise UserError(f"{path} cannot be written ({error.strerror}); choose another place") from error
        raise


def _of_temporary(error: OSError, path: str | os.PathLike[str]) -> bool:
    """Whether a temporary file could not be written: by its name, else by which disk is full."""
    with contextlib.suppress(OSError):
        place = tempfile.gettempdir()
        if os.path.abspath(path).startswith(place):
            return False
        if _names(error):
            return _names_temporary(error, place)
        wanted = Path(os.path.abspath(path))
        there = next(folder for folder in (wanted, *wanted.parents) if folder.exists())
        return shutil.disk_usage(place).free < _ROOM < shutil.disk_usage(there).free
    return False


def _names(error: OSError) -> list[str]:
    """The files that an error names. An error of a copy names both files."""
    return [str(name) for name in (error.filename, error.filename2) if name is not None]


def _names_temporary(error: OSError, place: str) -> bool:
    return any(name.startswith(place) for name in _names(error))


def atomic_write(path: str | os.PathLike[str], data: bytes | str, *, shared: bool = False) -> None:
    """Write `data` (text as UTF-8). `path` has either the old content or all of the new, even after kill -9.

    Only one process at a time may write to a path, unless it is `shared`. With `shared`, a killed process may leave a
    temporary file behind.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial" + (f"-{secrets.token_hex(4)}" if shared else ""))
    with writing(path):
        try:
            with open(partial, "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def only_one(lock: Path, doing: str) -> Iterator[None]:
    """Hold this file's lock. A UserError if another process has it. Windows and some network disks lock nothing."""
    if sys.platform == "win32":
        yield
        return
    with writing(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "ab")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.stat(lock)  # gone if the other process ended after it was opened here
        except (BlockingIOError, FileNotFoundError):
            raise UserError(f"another process is working on {doing}; wait for it or stop it") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(dest: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder beside `dest`. It becomes `dest` if the block ends well, and is removed otherwise.

    Raises FileExistsError at the end if a `dest` with content exists by then: it is never overwritten.
    """
    dest = Path(dest)
    with writing(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(dest)
        folder = dest.with_name(f".{dest.name}.partial-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            with _locked(folder):
                yield folder
                try:
                    os.rename(folder, dest)
                except OSError as error:
                    if dest.exists():
                        raise FileExistsError(errno.EEXIST, "already there", str(dest)) from error
                    raise
            _sync_folder(dest.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def replaced(dest: Path) -> Iterator[None]:
    """Move ``dest`` aside. Remove the old one if the block ends well, and put it back otherwise."""
    old = dest.with_name(f".{dest.name}.old-{secrets.token_hex(4)}")
    there = dest.exists()
    if there:
        with writing(dest):
            dest.rename(old)
    try:
        yield
    except BaseException:
        if there and not dest.exists():
            old.rename(dest)
        raise
    if there:
        shutil.rmtree(old, ignore_errors=True)


def foreign(folder: Path, sums: Mapping[str, object]) -> list[str]:
    """What in a folder differs from ``sums``, {path: SHA-256}: other or changed files, links, empty folders.

    They are paths with /, sorted. A folder without any path of ``sums``, such as a build, is one path that ends with /.
    """
    found, own = [], {parent.as_posix() for path in sums for parent in PurePosixPath(path).parents}
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        if not folders and not names and Path(place) != folder:
            found.append(f"{inside.as_posix()}/")
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*names, *links):
            path, relative = Path(place, name), (inside / name).as_posix()
            plain = untrusted.is_regular(path) and not path.is_symlink()
            if relative not in sums or not plain or sha256(path) != sums[relative]:
                found.append(relative)
        strange = [name for name in folders if name not in links and (inside / name).as_posix() not in own]
        found += [f"{(inside / name).as_posix()}/" for name in strange]
        folders[:] = [name for name in folders if name not in strange]
    return sorted(found)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool | None]:
    """Lock a folder until the block or this process ends. True: locked; False: another process has it; None: nothing
    can be locked here, as on Windows and some network disks."""
    if sys.platform == "win32":
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        held: bool | None = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            held = None
        yield held
    finally:
        os.close(descriptor)


def _remove_stale(dest: Path) -> None:
    """Remove what killed processes left of earlier attempts at `dest`: nobody holds a lock on it."""
    for left in dest.parent.glob(f".{glob.escape(dest.name)}.partial-*"):
        with contextlib.suppress(OSError), _locked(left) as free:
            written = max(path.lstat().st_mtime for path in (left, *left.rglob("*")))
            if free is not False and time.time() - written > (_GRACE_SECONDS if free else _STALE_SECONDS):
                shutil.rmtree(left)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, if the platform can (Windows cannot open folders)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
