"""Files that are whole or not there: atomic writes, check sums, the cache folder."""

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from edgekws.errors import UserError

_STALE_SECONDS = 24 * 3600


def cache_folder() -> Path:
    """Where prepared corpora and downloads are kept: $EDGEKWS_CACHE, else `edgekws` in the platform's user cache."""
    if chosen := os.environ.get("EDGEKWS_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "edgekws"


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_name(path: str | os.PathLike[str]) -> str:
    """The last part of a folder's path, also where it is given as "." or as one that ends in ".."."""
    return os.path.basename(os.path.abspath(os.path.expanduser(path)))


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what a user can mend while `path` is written (full disk, no permission, no such place) into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"the disk is full: {path} could not be written; free some space and try again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"no permission to write {path}; choose another place or mend its permissions") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
            raise UserError(f"{path} cannot be written ({error.strerror}); choose another place") from error
        raise


def atomic_write(path: str | os.PathLike[str], data: bytes | str, *, shared: bool = False) -> None:
    """Write `data` (text as UTF-8) so that `path` holds the old content or all of the new, even after kill -9.

    One process at a time may write to a path, or any number where it is `shared`: then what a killed one leaves stays.
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
    """Hold this file's lock; a UserError where another process has it. Windows and some network disks lock nothing."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with writing(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "ab")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.stat(lock)  # gone where the other process ended since it was opened here
        except (BlockingIOError, FileNotFoundError):
            raise UserError(f"{doing} is going on already, in another process; wait for it or stop it") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(dest: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder beside `dest` that becomes `dest` when the block ends well, and is removed when it does not.

    Raises FileExistsError at the end where a `dest` with content has appeared: it is never overwritten.
    """
    dest = Path(dest)
    with writing(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(dest)
        folder = dest.with_name(f".{dest.name}.partial-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
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


def _remove_stale(dest: Path) -> None:
    """Remove what killed processes left of earlier tries at `dest`; younger folders may still be written to."""
    for left in dest.parent.glob(f".{glob.escape(dest.name)}.partial-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the platform can (Windows cannot open folders)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
