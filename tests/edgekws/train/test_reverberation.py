"""Rooms for augmentation: what the bank holds, and which files are no impulse responses."""

import numpy as np
import pytest
import soundfile

from edgekws.errors import UserError
from edgekws.train import reverberation


def click(at=100, echo=2_000, length=20_000):
    response = np.zeros(length)
    response[at], response[at + echo] = 0.9, 0.3
    return response


def test_made_rooms_differ_and_come_again():
    bank = reverberation.bank(["made"], 1)
    assert (bank.shape, bank.dtype) == ((256, reverberation.TAPS), np.float32)
    np.testing.assert_allclose(np.sum(bank**2, axis=1), 1, rtol=1e-5)
    assert (np.abs(bank).argmax(1) == 0).mean() > 0.75  # the direct sound; some metres away a reflection may be louder
    assert len(np.unique(bank, axis=0)) == 256
    assert np.array_equal(reverberation.bank(["made"], 1), bank)
    assert not np.array_equal(reverberation.bank(["made"], 2), bank)


def test_a_recorded_room_begins_with_its_direct_sound_and_each_entry_has_its_share(tmp_path):
    soundfile.write(tmp_path / "a.wav", click(), 16_000)
    soundfile.write(tmp_path / "b.flac", click(at=0, length=3_000), 16_000)
    bank = reverberation.bank([str(tmp_path), "made"], 1)
    assert len(bank) == 512
    first, second = bank[0], bank[1]
    np.testing.assert_allclose([first[16], first[2_016]], np.array([0.9, 0.3]) / np.hypot(0.9, 0.3), rtol=1e-3)
    np.testing.assert_allclose(second[0], 0.9 / np.hypot(0.9, 0.3), rtol=1e-3)
    assert np.array_equal(bank[2], first)  # two rooms in turn


def test_a_clip_in_a_room_has_its_echo_and_its_level():
    response = np.zeros(3_000, np.float32)
    response[[0, 2_000]] = 0.9, 0.3
    clip = np.random.default_rng(0).normal(0, 1_000, 16_000).astype(np.int16)
    heard = reverberation.in_room(clip, response).astype(float)
    expected = 0.9 * clip.astype(float)
    expected[2_000:] += 0.3 * clip[:-2_000]
    expected *= np.sqrt(np.mean(clip.astype(float) ** 2) / np.mean(expected**2))
    np.testing.assert_allclose(heard, expected, atol=0.6)
    assert not reverberation.in_room(np.zeros(100, np.int16), response).any()


def test_without_an_entry_there_is_no_room():
    assert reverberation.bank([], 1).shape == (0, reverberation.TAPS)


def test_what_is_no_folder_of_rooms_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data.rooms: .*nowhere is not a folder; expected one of impulse responses"):
        reverberation.bank([str(tmp_path / "nowhere")], 1)
    with pytest.raises(UserError, match="there are no recordings in"):
        reverberation.bank([str(tmp_path)], 1)
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    with pytest.raises(UserError, match=r"a.wav has nothing but silence; expected an impulse response"):
        reverberation.bank([str(tmp_path)], 1)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 40 * 16_000), 16_000)
    with pytest.raises(UserError, match=r"a.wav has more than 30 s of sound"):
        reverberation.bank([str(tmp_path)], 1)
