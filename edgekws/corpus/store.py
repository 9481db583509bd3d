"""Keeps prepared corpora on disk. A corpus is written once, as a whole, then opened as a memory map."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekws.audio import CLIP_SAMPLES, Preparation, is_silent
from edgekws.corpus.clips import Clip, Corpus, Noise, rejects
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, sha256
from edgekws.guard import untrusted
from edgekws.progress import progress_bar

_BLOCK = 2048  # clips that are hashed at a time: 64 MB
_KEPT_DAYS = 30  # since it was last opened; a prepared corpus is large, and can be made again
_FORMAT = 3  # increase it whenever prepared clips change


@dataclass(frozen=True)
class Plan:
    """A corpus before any sample is read or made: which clips it will have, and how to get them."""

    words: tuple[str, ...]
    clips: tuple[Clip, ...]  # in the order of Corpus.clips
    recordings: Callable[[], Iterable[tuple[np.ndarray, Preparation]]]  # each clip's int16 (length,), and what was done
    noise: Callable[[], Iterable[Noise]]
    preparation: Preparation  # what the plan itself left out
    source: str
    licence: str
    settings: object  # everything else that the samples depend on; JSON
    ignored: int = 0  # recordings that are not in a given list of clips
    length: int = CLIP_SAMPLES  # samples of each clip

    def key(self) -> str:
        """The name of the prepared corpus. The same clips, made in the same way, give the same name."""
        content = [_FORMAT, self.words, [astuple(clip) for clip in self.clips], self.settings]
        content += [self.length] if self.length != CLIP_SAMPLES else []
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def prepare(plan: Plan, cache: Path, *, progress: bool = True) -> Corpus:
    """Open the corpus of `plan` from `cache`. Make it first if it is missing or damaged.

    Making one also removes corpora that nobody opened for a month.
    """
    folder = cache / "corpora" / plan.key()
    with contextlib.suppress(UserError):
        return _open(folder, plan.length)
    shutil.rmtree(folder, ignore_errors=True)
    _remove_unused(folder.parent)
    with contextlib.suppress(FileExistsError), atomic_folder(folder) as partial:  # another process may be quicker
        _write(plan, partial, progress)
    return _open(folder, plan.length)


def _remove_unused(corpora: Path) -> None:
    for content in corpora.glob("*/corpus.json"):
        with contextlib.suppress(FileNotFoundError):  # another process may remove it too
            if time.time() - content.stat().st_mtime > _KEPT_DAYS * 86_400:
                shutil.rmtree(content.parent, ignore_errors=True)


def _write(plan: Plan, folder: Path, progress: bool) -> None:
    digest = _begun(plan.words, plan.clips)
    total = plan.preparation
    shape = (len(plan.clips), plan.length)
    alike: dict[bytes, list[str]] = defaultdict(list)
    with (
        open(folder / "samples.npy", "wb") as file,  # in order, so that a full disk raises OSError
        progress_bar("preparing clips", len(plan.clips), enabled=progress) as bar,
    ):
        header = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for clip, (samples, done) in zip(plan.clips, plan.recordings(), strict=True):
            sound = samples.astype("<i2", copy=False).tobytes()
            file.write(sound)
            digest.update(sound)
            if not rejects(clip.name) and not is_silent(samples):  # silence and made clips do not count as copies
                alike[hashlib.sha256(sound).digest()].append(clip.name)
            total += done
            bar.advance()
        file.flush()
        os.fsync(file.fileno())
    noise = tuple(plan.noise())
    np.save(folder / "noise.npy", np.concatenate([np.zeros(0, np.int16), *(n.samples for n in noise)]).astype("<i2"))
    _end(digest, [n.name for n in noise], folder)
    groups = [names for names in alike.values() if len(names) > 1]
    total += Preparation(copies=sum(len(group) - 1 for group in groups))
    content = {
        "words": plan.words,
        "clips": [astuple(clip) for clip in plan.clips],
        "noise": [(n.name, len(n.samples)) for n in noise],
        "preparation": asdict(total),
        "copies": groups,
        "source": plan.source,
        "licence": plan.licence,
        "fingerprint": digest.hexdigest(),
    }
    atomic_write(folder / "corpus.json", json.dumps(content | {"sha256": _sum(content)}))


def _begun(words: Sequence[str], clips: Sequence[Clip]) -> Any:
    """Begin a corpus's fingerprint, with everything before the samples."""
    return hashlib.sha256(json.dumps([words, [astuple(clip) for clip in clips]]).encode())


def _end(digest: Any, noise: Sequence[str], folder: Path) -> None:
    """Add the noise to the fingerprint, after the samples."""
    digest.update(json.dumps(noise).encode() + sha256(folder / "noise.npy").encode())


def _sum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _open(folder: Path, length: int) -> Corpus:
    """The corpus in `folder`. Every byte is checked: a UserError if it is missing or not what was written."""
    remedy = f"remove {folder}"
    content = untrusted.json_object(folder / "corpus.json", remedy, untrusted.FILE_BYTES)
    with untrusted.reading(folder, "prepared clips", remedy):
        return _checked(folder, content, length)


def _array(path: Path) -> np.ndarray:
    if not untrusted.is_regular(path):
        raise ValueError(f"{path.name} is no plain file")
    return np.lib.format.open_memmap(path, mode="r")


def _checked(folder: Path, content: dict[str, Any], length: int) -> Corpus:
    if content.pop("sha256", "") != _sum(content):
        raise ValueError("corpus.json is not what was written")
    clips = tuple(Clip(*row) for row in content["clips"])
    samples, noise_samples = _array(folder / "samples.npy"), _array(folder / "noise.npy")
    if samples.shape != (len(clips), length) or samples.dtype != np.dtype("<i2"):
        raise ValueError("samples.npy does not hold the clips that are listed")
    digest = _begun(content["words"], clips)
    for start in range(0, len(clips), _BLOCK):
        digest.update(samples[start : start + _BLOCK].data)
    _end(digest, [name for name, _ in content["noise"]], folder)
    if digest.hexdigest() != content["fingerprint"]:
        raise ValueError("samples.npy or noise.npy is not what was written")
    ends = np.cumsum([length for _, length in content["noise"]], dtype=int)
    noise = tuple(
        Noise(name, noise_samples[end - length : end])
        for (name, length), end in zip(content["noise"], ends, strict=True)
    )
    with contextlib.suppress(OSError):  # the cache may be read-only
        os.utime(folder / "corpus.json")
    return Corpus(
        words=tuple(content["words"]),
        clips=clips,
        samples=samples,
        noise=noise,
        preparation=Preparation(**content["preparation"]),
        source=content["source"],
        licence=content["licence"],
        fingerprint=content["fingerprint"],
        copies=tuple(map(tuple, content["copies"])),
    )
