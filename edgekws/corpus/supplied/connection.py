"""Reads from a server, which must answer in time and keep a minimum speed.

A hostile server can delay any single call by sending one byte at a time, because each byte restarts the socket's
timeout. So one thread reads, and the caller takes the chunks and watches the clock.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

WINDOW_SECONDS = 30.0  # time to answer; also the time over which its speed is measured
SLOWEST = 8_000  # bytes a second
_CHUNK = 1 << 20


class TooSlowError(OSError):
    """The server did not answer in time, or sends less than ``SLOWEST``."""


@contextlib.contextmanager
def opened(request: urllib.request.Request) -> Iterator[tuple[http.client.HTTPResponse, Iterator[bytes]]]:
    """The answer and the chunks of its body. Raises whatever urllib raises, and TooSlowError."""
    items: queue.Queue[Any] = queue.Queue(4)
    gone = threading.Event()
    threading.Thread(target=_receive, args=(request, items, gone), daemon=True).start()
    try:
        yield _take(items, WINDOW_SECONDS), _chunks(items)
    finally:
        gone.set()


def _chunks(items: queue.Queue[Any]) -> Iterator[bytes]:
    came, since = 0, time.monotonic()
    while True:
        with contextlib.suppress(TooSlowError):
            chunk = _take(items, max(since + WINDOW_SECONDS - time.monotonic(), 0.01))
            if not chunk:
                return
            came += len(chunk)
            yield chunk
        if time.monotonic() - since >= WINDOW_SECONDS:
            if came < SLOWEST * WINDOW_SECONDS:
                raise TooSlowError(f"it sent {came:,} bytes in {WINDOW_SECONDS:g} s")
            came, since = 0, time.monotonic()


def _take(items: queue.Queue[Any], seconds: float) -> Any:
    try:
        item = items.get(timeout=seconds)
    except queue.Empty:
        raise TooSlowError(f"it did not answer in {seconds:g} s") from None
    if isinstance(item, Exception):
        raise item
    return item


def _receive(request: urllib.request.Request, items: queue.Queue[Any], gone: threading.Event) -> None:
    """Put the answer, its chunks and a final None into the queue, or an exception. Ends soon after ``gone`` is set."""

    def put(item: Any) -> None:
        while not gone.is_set():
            with contextlib.suppress(queue.Full):
                return items.put(item, timeout=0.5)

    try:
        with urllib.request.urlopen(request, timeout=WINDOW_SECONDS) as response:
            put(response)
            while (chunk := response.read1(_CHUNK)) and not gone.is_set():
                put(chunk)
        put(b"")
    except Exception as error:
        put(error)
