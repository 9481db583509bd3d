from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def recordings(tmp_path):
    """Write recordings named WORD/FILE into a folder laid out as Speech Commands is; each is other noise."""
    folder = tmp_path / "recordings"

    def write(*names: str, samples: int = 16_000, rate: int = 16_000, channels: int = 1) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(list(name.encode()))
            values = rng.integers(-3000, 3000, (samples, channels)).astype(np.int16)
            soundfile.write(path, values, rate, subtype="PCM_16")
        return folder

    return write


@pytest.fixture
def speech(recordings):
    """Two words by speakers who are in all three splits by the data set's rule."""
    names = [f"{word}/speaker{number}_nohash_0.wav" for word in ("yes", "no") for number in range(40)]
    return recordings(*names)
