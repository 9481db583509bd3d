"""The front end in C: bit for bit what Python computes, and it stays within its memory."""

import ctypes
import shutil

import numpy as np
import pytest
from engine import host
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edgekws.model import front_end

DRIVER = r"""
#define EDGEKWS_CAST(type, value) ((type)(value))
#include "edgekws_frontend.h"
size_t state_bytes(void);
void reset(edgekws_frontend *frontend);
size_t push(edgekws_frontend *frontend, const int16_t *samples, size_t count, int16_t *out);
size_t flush(edgekws_frontend *frontend, int16_t *out);
size_t state_bytes(void) { return sizeof(edgekws_frontend); }
void reset(edgekws_frontend *frontend) { edgekws_frontend_reset(frontend); }
size_t push(edgekws_frontend *frontend, const int16_t *samples, size_t count, int16_t *out)
{
    return edgekws_frontend_push(frontend, samples, count, out);
}
size_t flush(edgekws_frontend *frontend, int16_t *out) { return edgekws_frontend_flush(frontend, out); }
"""
GUARD = 0x5A5A


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Without level control and with it."""
    folder = tmp_path_factory.mktemp("front_end")
    shutil.copy(host.ENGINE / "edgekws_frontend.h", folder)
    (folder / "edgekws.h").touch()  # nothing of the engine is needed
    (folder / "driver.c").write_text(DRIVER)
    flags = (host.COMPILER, "-std=c99", "-O2", *host.WARNINGS, "-fPIC", "-shared", *host.extra_flags())
    loaded = []
    for level_control in (0, 1):
        library = folder / f"driver{level_control}.so"
        host.compile_with((*flags, f"-DEDGEKWS_LEVEL_CONTROL={level_control}"), folder / "driver.c", "-o", library)
        loaded.append(ctypes.CDLL(str(library)))
        for name in ("state_bytes", "push", "flush"):
            getattr(loaded[-1], name).restype = ctypes.c_size_t
    return loaded


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


class Stream:
    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.bytes = library.state_bytes()
        self.state = np.full(self.bytes + 64, 0xA5, np.uint8)
        library.reset(pointer(self.state))

    def _written(self, function: str, room: int, *arguments: object) -> np.ndarray:
        out = np.full(room + 8, GUARD, np.int16)
        count = getattr(self.library, function)(pointer(self.state), *arguments, pointer(out))
        assert (out[count:] == GUARD).all(), "wrote more than it said"
        assert (self.state[self.bytes :] == 0xA5).all(), "wrote past the end of the state"
        return out[:count]

    def push(self, samples: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(samples)
        return self._written("push", len(samples) + 159, pointer(samples), ctypes.c_size_t(len(samples)))

    def flush(self) -> np.ndarray:
        return self._written("flush", 159)


@pytest.mark.parametrize("level_control", [False, True])
@given(
    st.sampled_from([1, 30, 300, 3_000, 32_767]),
    st.integers(-32_768, 32_767),
    st.integers(0, 9_000),
    st.integers(0, 1_000),
    st.data(),
)
@hypothesis_settings(max_examples=150)
def test_it_is_pythons_however_the_samples_come(libraries, level_control, loudest, offset, samples, seed, data):
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.uniform(0, 1, samples // 400 + 1), 400)[:samples]
    x = (rng.integers(-loudest, loudest, samples, endpoint=True) * envelope + offset).clip(-32_768, 32_767).astype("i2")
    expected = front_end.process(x, level_control)
    cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=12)))
    stream, ours = Stream(libraries[level_control]), front_end.FrontEnd(level_control)
    for _ in range(2):
        pieces = []
        for piece in np.split(x, cuts):
            pieces.append(stream.push(piece))
            np.testing.assert_array_equal(pieces[-1], ours.push(piece))  # as soon as Python
        np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()]), expected)
        ours.flush()


@pytest.mark.parametrize("level_control", [False, True])
@pytest.mark.parametrize("pattern", [(-32_768,), (32_767,), (32_767, -32_768), (0,), (0,) * 700 + (32_767,) * 900])
def test_the_loudest_sounds_do_not_overflow(libraries, level_control, pattern):
    x = np.resize(np.array(pattern, np.int16), 160 * 700)
    np.testing.assert_array_equal(Stream(libraries[level_control]).push(x), front_end.process(x, level_control))
