"""The command for many runs, sweep."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli.terminal import next_step
from edgekws.files import only_one

if TYPE_CHECKING:
    from edgekws.sweep.work import Ending


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    sweep = command(
        "sweep",
        _sweep,
        "train many recipes, several at once",
        """
        edgekws sweep tables.toml --data speech_commands --jobs 2
        edgekws sweep edgekws/recipes/sweeps/report.toml --runs /data/runs
        """,
        """
        A sweep file lists recipes or spans a grid of values. Runs that are finished are not repeated, so that the same
        command continues after a stop. Exit status 1: a run failed; the others are done.
        """,
    )
    sweep.add_argument("sweep", type=Path, metavar="SWEEP", help="a sweep file (.toml)")
    sweep.add_argument("--data", metavar="SOURCE", help="the recordings, in place of data.source in every recipe")
    sweep.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="the folder in which run folders "
                       "are made, as DIR/SWEEP/RUN (default: runs)")  # fmt: skip
    sweep.add_argument("--jobs", type=_positive, metavar="N", help="how many runs at once; they share the cores "
                       "(default: one for each core)")  # fmt: skip
    sweep.add_argument("--ray", nargs="?", const="auto", metavar="ADDRESS", help="use a Ray cluster (default address: "
                       "the cluster of this machine); --jobs is then the number of cores for each run "
                       "(default: 1)")  # fmt: skip


def _sweep(args: argparse.Namespace) -> int:
    from edgekws import recipe
    from edgekws.sweep import grid, queue, results

    # absolute: workers run in other folders
    source = str(Path(args.data).absolute()) if args.data and Path(args.data).is_dir() else args.data
    sweep = grid.load(recipe.find(args.sweep), source)
    folder = (args.runs / sweep.name).absolute()
    runs = queue.runs_of(sweep, folder)

    def ended(endings: dict[str, Ending]) -> None:
        results.write(folder, sweep.name, runs, endings)

    failed: dict[str, Ending] = {}
    if not args.ray:  # Ray's machines each have their own
        done = queue.already_ended(runs, sweep.testing)
        failed = queue.prepare_recordings([run for run in runs if run.recipe.name not in done])
    with only_one(folder / ".lock", str(folder)):
        if args.ray:
            from edgekws.sweep import cluster

            endings = cluster.work_off(runs, sweep.testing, args.ray, cores=args.jobs or 1, ended=ended)
        else:
            jobs = args.jobs or queue.cores()
            endings = queue.work_off(runs, sweep.testing, jobs=jobs, ended=ended, failed=failed)
    bad = [ending for ending in endings.values() if ending.status != "done"]
    print(f"{len(endings) - len(bad)} of {len(runs)} runs done; {folder / 'results.html'}")
    for ending in bad:
        print(f"{ending.name} is {ending.status}: {ending.reason or 'see its report'}", file=sys.stderr)
    again = "mend what the lines above name; the same command then does only what is left"
    next_step.tell(args, again if bad else f"compare the runs in {folder / 'results.html'}")
    return 1 if bad else 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text}")
    return int(text)
