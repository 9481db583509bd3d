"""The suite in several processes: how many, and which tests run beside no other."""

import contextlib
import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

MOST = 4  # each process holds TensorFlow

settings.register_profile("suite", deadline=None)  # what a busy machine delays is not wrong
settings.load_profile("suite")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One a core for the whole suite; where tests are named, none but this."""
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST) if whole else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests first, so that none of them is left for one process at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test marked ``alone`` waits until the tests of all processes are done, and no other begins before its end."""
    with contextlib.ExitStack() as stack:
        if hasattr(item.config, "workerinput"):  # not a pytest that a test started
            gate, room = (stack.enter_context(_opened(path)) for path in (Path(__file__), Path(__file__).parent))
            fcntl.flock(gate, fcntl.LOCK_EX)
            alone = item.get_closest_marker("alone") is not None
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            if not alone:
                fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not do where a child has it too
        os.close(descriptor)
