"""Does a sweep on a Ray cluster. Every run is a task, and does the same as on this machine.

Each machine must have edgekws installed and reach the recordings by the recipe's data.source. If a machine shares the
file system, runs are in the sweep's folder from the start. From other machines, a finished run comes back as a zip.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgekws import recipe as recipes
from edgekws import workspace
from edgekws.errors import UserError
from edgekws.files import atomic_write, cache_folder
from edgekws.guard import archives
from edgekws.sweep import work
from edgekws.sweep.queue import POLL_SECONDS, Progress, already_ended, log_of
from edgekws.sweep.work import Ending
from edgekws.workspace import Run

MARK = ".sweep"  # a file in the sweep's folder: machines that read the same text share it
LAST = ("records/convert.json", "manifest.json")  # the files that mark a run as done


def work_off(
    runs: Sequence[Run], testing: bool, address: str, *, cores: int, ended: Callable[[dict[str, Ending]], None]
) -> dict[str, Ending]:
    """As ``queue.work_off``, on the cluster at ``address``. A run takes ``cores`` and the same share of GPUs."""
    ray = _connected(address)
    endings = already_ended(runs, testing)
    waiting = [run for run in runs if run.recipe.name not in endings]
    ended(endings)
    progress = Progress(runs, endings)
    token = secrets.token_hex()
    for run in waiting:
        work.prepare(run)
        atomic_write(run.folder.parent / MARK, token)
    task = ray.remote(do).options(num_cpus=cores, num_gpus=_gpu_share(ray, cores), max_retries=3)
    tasks = {
        task.remote(recipes.to_toml(run.recipe), str(run.folder), token, testing, cores, work.COMMAND): run
        for run in waiting
    }
    try:
        while tasks:
            ready, _ = ray.wait(list(tasks), timeout=POLL_SECONDS)
            for reference in ready:
                run = tasks.pop(reference)
                endings[run.recipe.name] = ending = _collected(ray, reference, run)
                progress.tell(ending)
                ended(endings)
            begun = [run.recipe.name for run in tasks.values() if work.epochs(run)[0]]
            progress.show(endings, begun)
    finally:
        for reference in tasks:
            ray.cancel(reference)
        progress.end()
    return endings


def do(
    toml: str, folder: str, token: str, testing: bool, cores: int, command: Sequence[str]
) -> tuple[Ending, bytes | None]:
    """The task on any machine: how the run ended, and its folder as a zip unless it is in the sweep's own folder."""
    place = Path(folder)
    mark = place.parent / MARK
    shared = mark.exists() and mark.read_text() == token
    if not shared:  # the same sweep and recipe have the same place, so that a run can continue
        key = hashlib.sha256(f"{place.parent}\n{toml}".encode()).hexdigest()[:20]
        place = cache_folder() / "sweeps" / key / place.name
        place.mkdir(parents=True, exist_ok=True)
        atomic_write(place / "recipe.toml", toml)
    run = workspace.load_run(place)
    ending = work.execute(run.folder, testing, log_of(run), cores, command)
    return ending, None if shared or ending.status == "failed" else packed(run.folder)


def packed(folder: Path) -> bytes:
    """The finished files of a run as a zip. The files that mark it as done come last."""
    out = io.BytesIO()
    names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
    names = [name for name in names if not name.startswith("state/")]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names, key=lambda name: (name in LAST, name)):
            archive.write(folder / name, name)
    return out.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Put a packed run into its folder. If this is interrupted, the run does not look done."""
    remedy = "start the sweep again"
    files = archives.members_of(content, folder, "packed run", remedy)
    for path, data in archives.placed(files, folder, folder, remedy).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data)


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray, which is not installed; pip install 'edgekws[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(f"no Ray cluster at {address} ({error}); 'ray start --head' begins one") from None
    return ray


def _gpu_share(ray: Any, cores: int) -> float:
    there = ray.cluster_resources()
    return round(min(there.get("GPU", 0.0) * cores / max(there.get("CPU", 1.0), 1.0), 1.0), 4)


def _collected(ray: Any, reference: Any, run: Run) -> Ending:
    try:
        ending, content = ray.get(reference)
    except ray.exceptions.RayError as error:
        return Ending(run.recipe.name, "failed", str(error).strip().splitlines()[-1])
    if content:
        unpack(content, run.folder)
    return ending
