"""Prepared corpora on disk: written once, whole, then opened as a memory map."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from edgekws.audio import CLIP_SAMPLES, Preparation, is_silent
from edgekws.corpus.clips import Clip, Corpus, Noise, rejects
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, sha256
from edgekws.progress import progress_bar

_UNREADABLE = (OSError, ValueError, KeyError, TypeError)  # whatever a missing or damaged file can raise
_KEPT_DAYS = 30  # since it was last opened: a prepared corpus is large, and made again when it is asked for
_FORMAT = 3  # goes up whenever prepared clips would come out differently


@dataclass(frozen=True)
class Plan:
    """A corpus before any sample is made: which clips there will be, and how to get them."""

    words: tuple[str, ...]
    clips: tuple[Clip, ...]  # in the order of Corpus.clips
    recordings: Callable[[], Iterable[tuple[np.ndarray, Preparation]]]  # of each clip: int16 (16000,), what was done
    noise: Callable[[], Iterable[Noise]]
    preparation: Preparation  # what the plan itself passed over
    source: str
    licence: str
    settings: object  # all that the samples depend on besides the clips; JSON
    ignored: int = 0  # recordings that a list of clips leaves out

    def key(self) -> str:
        """Name of the prepared corpus: the same for the same clips made in the same way."""
        content = [_FORMAT, self.words, [astuple(clip) for clip in self.clips], self.settings]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def prepare(plan: Plan, cache: Path, *, progress: bool = True) -> Corpus:
    """Open the corpus of `plan` from `cache`, after making it there if it is not, or not readable.

    Where one is made, those that were not opened for a month go.
    """
    folder = cache / "corpora" / plan.key()
    with contextlib.suppress(*_UNREADABLE):
        return _open(folder)
    shutil.rmtree(folder, ignore_errors=True)
    _remove_unused(folder.parent)
    with contextlib.suppress(FileExistsError), atomic_folder(folder) as partial:  # another process may be quicker
        _write(plan, partial, progress)
    try:
        return _open(folder)
    except _UNREADABLE as error:
        raise UserError(f"the prepared clips in {folder} cannot be read ({error}); remove that folder") from error


def _remove_unused(corpora: Path) -> None:
    for content in corpora.glob("*/corpus.json"):
        with contextlib.suppress(FileNotFoundError):  # another process removes it as well
            if time.time() - content.stat().st_mtime > _KEPT_DAYS * 86_400:
                shutil.rmtree(content.parent, ignore_errors=True)


def _write(plan: Plan, folder: Path, progress: bool) -> None:
    digest = hashlib.sha256(json.dumps([plan.words, [astuple(clip) for clip in plan.clips]]).encode())
    total = plan.preparation
    shape = (len(plan.clips), CLIP_SAMPLES)
    alike: dict[bytes, list[str]] = defaultdict(list)
    with (
        open(folder / "samples.npy", "wb") as file,  # written in order: a full disk is an error, not a bus error
        progress_bar("preparing clips", len(plan.clips), enabled=progress) as bar,
    ):
        header = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for clip, (samples, done) in zip(plan.clips, plan.recordings(), strict=True):
            sound = samples.astype("<i2", copy=False).tobytes()
            file.write(sound)
            digest.update(sound)
            if not rejects(clip.name) and not is_silent(samples):  # silence is no copy, nor is what is made
                alike[hashlib.sha256(sound).digest()].append(clip.name)
            total += done
            bar.advance()
        file.flush()
        os.fsync(file.fileno())
    noise = tuple(plan.noise())
    np.save(folder / "noise.npy", np.concatenate([np.zeros(0, np.int16), *(n.samples for n in noise)]).astype("<i2"))
    digest.update(json.dumps([n.name for n in noise]).encode() + sha256(folder / "noise.npy").encode())
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
    atomic_write(folder / "corpus.json", json.dumps(content))


def _open(folder: Path) -> Corpus:
    """The corpus in `folder`; raises one of _UNREADABLE where it is not there or damaged."""
    content = json.loads((folder / "corpus.json").read_text())
    clips = tuple(Clip(*row) for row in content["clips"])
    samples = np.lib.format.open_memmap(folder / "samples.npy", mode="r")
    if samples.shape != (len(clips), CLIP_SAMPLES):
        raise ValueError(f"{folder} does not hold the clips it lists")
    noise_samples = np.lib.format.open_memmap(folder / "noise.npy", mode="r")
    ends = np.cumsum([length for _, length in content["noise"]], dtype=int)
    noise = tuple(
        Noise(name, noise_samples[end - length : end])
        for (name, length), end in zip(content["noise"], ends, strict=True)
    )
    with contextlib.suppress(OSError):  # a cache that may only be read
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
