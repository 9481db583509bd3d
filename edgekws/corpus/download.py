"""The official Speech Commands archives: downloaded with resume, checked, and unpacked without trusting them."""

import contextlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, sha256, writing

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_TRIES = 5  # connections in a row that bring no byte


@dataclass(frozen=True)
class Archive:
    """A .tar.gz on the network and what is known of it."""

    url: str
    sha256: str
    title: str
    licence: str
    most_members: int = 300_000
    most_bytes: int = 8 << 30  # unpacked; v0.02 is 3.4 GB


def _official(version: str, checksum: str) -> Archive:
    return Archive(
        url=f"https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v{version}.tar.gz",
        sha256=checksum,
        title=f"Google Speech Commands v{version}, its own lists split it",
        licence=(
            f"Google Speech Commands v{version} (Pete Warden, arXiv:1804.03209), CC BY 4.0, "
            "https://creativecommons.org/licenses/by/4.0/"
        ),
    )


ARCHIVES = {
    "speech_commands_v0.01": _official("0.01", "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"),
    "speech_commands_v0.02": _official("0.02", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"),
}


def fetch(archive: Archive, dest: Path, *, progress: bool = True) -> Path:
    raise NotImplementedError
